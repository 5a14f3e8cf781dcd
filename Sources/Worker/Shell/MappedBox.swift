// The black box as a mapped file: it outlives the process, not the machine.
internal import CHost
internal import WorkerStore

struct MappedBox: BlackBox {
  private let words: UnsafeMutablePointer<UInt64>

  /// Mapped for as long as the process lives.
  init(path: String) throws(WorkerError) {
    guard let words = oneup_map_shared(path) else { throw WorkerError("cannot map \(path)") }
    self.words = words
  }
  subscript(word: Int) -> UInt64 {
    get { words[word] }
    nonmutating set { words[word] = newValue }
  }
}
