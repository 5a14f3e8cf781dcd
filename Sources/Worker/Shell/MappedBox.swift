// The black box as a mapped file: it outlives the process, not the machine.
internal import CHost
internal import WorkerStore

extension WordBox {
  /// Mapped for as long as the process lives; the same path once: an adoption that finds no space on the disk is tried
  /// again and again.
  init(mapping path: String) throws(WorkerError) {
    guard let words = MappedWords.known[path] ?? oneup_map_shared(path) else { throw WorkerError("cannot map \(path)") }
    MappedWords.known[path] = words
    self.init(words)
  }
}

private enum MappedWords {
  /// Of the worker's thread.
  nonisolated(unsafe) static var known: [String: UnsafeMutablePointer<UInt64>] = [:]
}
