// The checkpoint record: where the snapshot and the tail of each of a shard's rooms are.
package import Core

/// Format 1: u8 version, u64 last batch, u64 where to scan from, u32 count, then of each room u64 id, u8 flags (1 snapshot,
/// 2 tail, 4 active), u64 snapshot, u64 tail start.
package struct Checkpoint: Sendable {
  package struct Entry: Sendable {
    package var room: RoomID
    package var snapshot: LogPosition?
    /// Where its first event after the snapshot is; nil: there is none.
    package var tailStart: LogPosition?
    var wasActive: Bool
  }
  var lastBatch: BatchNumber
  var scanFrom: LogPosition
  package var rooms: [Entry] = []

  package init(_ bytes: UnsafeRawBufferPointer) throws(DecodingError) {
    var r = ByteReader(bytes)
    let version: UInt8 = try r.take()
    guard version == 1 else { throw DecodingError("is of the unknown format \(version)") }
    lastBatch = try r.takeNumber()
    scanFrom = try r.take()
    let count: UInt32 = try r.take()
    for _ in 0..<count {
      let room: RoomID = try r.take()
      let flags: UInt8 = try r.take()
      let snapshot: LogPosition = try r.take()
      let tail: LogPosition = try r.take()
      rooms.append(
        Entry(
          room: room, snapshot: flags & 1 != 0 ? snapshot : nil, tailStart: flags & 2 != 0 ? tail : nil,
          wasActive: flags & 4 != 0))
    }
  }
}
