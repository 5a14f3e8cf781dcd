// The black box as a mapped file: it outlives the process, not the machine.
internal import CHost
internal import WorkerStore

extension WordBox {
  /// Mapped for as long as the process lives.
  init(mapping path: String) throws(WorkerError) {
    guard let words = oneup_map_shared(path) else { throw WorkerError("cannot map \(path)") }
    self.init(words)
  }
}
