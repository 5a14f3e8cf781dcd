// A log that keeps nothing, and a box that nobody reads: what a worker costs without its journal. For comparison only.
import Core
import WorkerCore
import WorkerStore

final class EmptyStore: ShardStore {
  let epoch = ShardEpoch(1)
  private(set) var end = LogPosition(0)
  let oldest = LogPosition(0)
  let needsCheckpoint = false
  func hasRoom(bytes: Int, reserve: Bool) -> Bool { true }
  func append(_ kind: UInt8, _ payload: UnsafeRawBufferPointer) -> LogPosition {
    defer { end = LogPosition(end.rawValue + UInt64(payload.count)) }
    return end
  }
  func appendCheckpoint(_ payload: UnsafeRawBufferPointer) {}
  func write() {}
  func read(at position: LogPosition) throws(StoreError) -> [UInt8] { throw StoreError("nothing was kept") }
  func scan(
    from position: LogPosition, damage: (Range<LogPosition>) -> Void,
    _ body: (LogPosition, UInt8, UnsafeRawBufferPointer) throws(StoreError) -> Void
  ) -> Bool { false }
  func release(upTo position: LogPosition) {}
  func close() {}
  func enter(_ room: RoomID, _ event: EventSeq) {}
  func enter(_ call: Suspect, to target: ModuleHash?) {}
  func leave() {}
  func countDeath(at room: RoomID, _ event: EventSeq) {}
  func putAside(_ call: Suspect) {}
  func forget(_ room: RoomID) {}
}

extension WordBox {
  /// Written as often as the mapped ones are; never given back.
  static func inMemory() -> WordBox {
    let count = BlackBoxView<WordBox>.wordCount
    let words = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
    words.initialize(repeating: 0, count: count)
    return WordBox(words)
  }
}
