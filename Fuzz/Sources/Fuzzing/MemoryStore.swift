// A shard's log as an array of records.
import Core
import WorkerCore

final class MemoryStore: ShardStore {
  struct Record {
    var position: LogPosition
    var kind: UInt8
    var payload: [UInt8]
  }
  static let checkpointKind: UInt8 = 3
  /// What a journal's record has beside its payload.
  static let frameBytes = 14
  private(set) var records: [Record] = []
  private(set) var end = LogPosition(0)
  private var sinceCheckpoint = 0

  let epoch = ShardEpoch(1)
  let oldest = LogPosition(0)
  var needsCheckpoint: Bool { sinceCheckpoint > 2_048 }
  func hasRoom(bytes: Int, reserve: Bool) -> Bool { end.rawValue < 8 << 20 }

  func append(_ kind: UInt8, _ payload: UnsafeRawBufferPointer) -> LogPosition {
    let position = end
    records.append(Record(position: position, kind: kind, payload: Array(payload)))
    end = LogPosition(end.rawValue + UInt64(payload.count + Self.frameBytes))
    sinceCheckpoint += payload.count
    return position
  }
  func appendCheckpoint(_ payload: UnsafeRawBufferPointer) {
    _ = append(Self.checkpointKind, payload)
    sinceCheckpoint = 0
  }
  func write() {}
  func read(at position: LogPosition) throws(StoreError) -> [UInt8] {
    guard let record = records.first(where: { $0.position == position }) else {
      throw StoreError("no record begins at \(position)")
    }
    return record.payload
  }
  func scan(
    from position: LogPosition, damage: (Range<LogPosition>) -> Void,
    _ body: (LogPosition, UInt8, UnsafeRawBufferPointer) throws(StoreError) -> Void
  ) throws(StoreError) -> Bool {
    guard position == end || records.contains(where: { $0.position == position }) else {
      throw StoreError("no record begins at \(position)")
    }
    for record in records where record.position >= position {
      var failure: StoreError?
      record.payload.withUnsafeBytes { bytes in
        do throws(StoreError) { try body(record.position, record.kind, bytes) } catch { failure = error }
      }
      if let failure { throw failure }
    }
    return false
  }
  func release(upTo position: LogPosition) {}
  func close() {}
  func enter(_ room: RoomID, _ event: EventSeq) {}
  func leave() {}
  func countDeath(at room: RoomID, _ event: EventSeq) {}
  func enter(_ call: Suspect, to target: ModuleHash?) {}
  func putAside(_ call: Suspect) {}
  func forget(_ room: RoomID) {}

  // MARK: As an input

  /// u8 kind, u32 + payload of each.
  func encode(into out: inout [UInt8]) {
    for record in records {
      out.append(record.kind)
      out.putBlob(record.payload)
    }
  }
  /// Fills an empty store; returns where the last checkpoint is.
  func decode(_ script: inout Script) -> LogPosition? {
    var checkpoint: LogPosition?
    while !script.isAtEnd {
      let kind: UInt8 = script.take()
      let payload = script.take(bytes: Int(script.take(UInt32.self)))
      let position = append(kind, payload)
      if kind == Self.checkpointKind { checkpoint = position }
    }
    return checkpoint
  }
}
