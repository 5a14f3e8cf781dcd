// Where a new owner begins to read a shard's log, and what it need not read to know.
package import Core

/// The checkpoint record, format 3: u8 version, u64 last batch, u64 where to scan from, u32 count, then of each room u64 id,
/// u8 flags (1 snapshot, 2 tail, 4 active, 8 a timer, 16 a build), u64 snapshot, u64 tail start, where it is asleep and has
/// timers u32 when the first of them is due, in seconds since 1970, rounded down, and u16 which of the builds it runs; then
/// u16 count of builds and 32 bytes of each. Formats 1 and 2 know no builds. Format 1 knows no timers: rooms that had some
/// were active.
package struct Checkpoint: Hashable, Sendable {
  package static let version: UInt8 = 3

  package struct Entry: Hashable, Sendable {
    package var room: RoomID
    package var snapshot: LogPosition?
    package var tailStart: LogPosition?
    /// It is woken without being asked for.
    package var isActive: Bool
    /// Asleep: when it has to be awake, in seconds since 1970.
    package var wakesAtSecond: UInt32?
    /// Nil: not known, or one too many.
    package var build: ModuleHash?
    package init(
      room: RoomID, snapshot: LogPosition?, tailStart: LogPosition?, isActive: Bool, wakesAtSecond: UInt32? = nil,
      build: ModuleHash? = nil
    ) {
      self.room = room
      self.snapshot = snapshot
      self.tailStart = tailStart
      self.isActive = isActive
      self.wakesAtSecond = wakesAtSecond
      self.build = build
    }
  }
  package var lastBatch: BatchNumber
  package var scanFrom: LogPosition
  package var rooms: [Entry]

  package init(lastBatch: BatchNumber, scanFrom: LogPosition, rooms: [Entry]) {
    self.lastBatch = lastBatch
    self.scanFrom = scanFrom
    self.rooms = rooms
  }

  package func encode(into out: inout [UInt8]) {
    out.reserveCapacity(out.count + Self.bytesMax(rooms: rooms.count))
    var builds: [ModuleHash] = []
    var last = 0
    out.append(Self.version)
    out.put(lastBatch)
    out.put(scanFrom)
    out.put(UInt32(rooms.count))
    for room in rooms {
      out.put(room.room)
      var place: Int?
      if let build = room.build {
        // Most rooms are of the same few.
        place = last < builds.count && builds[last] == build ? last : builds.firstIndex(of: build)
        if place == nil, builds.count < Limits.checkpointBuildsMax {
          place = builds.count
          builds.append(build)
        }
        last = place ?? last
      }
      out.append(
        (room.snapshot == nil ? 0 : 1) | (room.tailStart == nil ? 0 : 2) | (room.isActive ? 4 : 0)
          | (room.wakesAtSecond == nil ? 0 : 8) | (place == nil ? 0 : 16))
      out.put(room.snapshot ?? LogPosition(0))
      out.put(room.tailStart ?? LogPosition(0))
      if let second = room.wakesAtSecond { out.put(second) }
      if let place { out.put(UInt16(place)) }
    }
    out.put(UInt16(builds.count))
    for build in builds { out.append(contentsOf: build.bytes) }
  }

  /// Of its record's payload.
  package static func bytesMax(rooms: Int) -> Int {
    64 + rooms * Limits.checkpointBytesPerRoom + min(rooms, Limits.checkpointBuildsMax) * 32
  }

  package init(_ bytes: UnsafeRawBufferPointer) throws(DecodingError) {
    var r = ByteReader(bytes)
    let version: UInt8 = try r.take()
    guard (1...Self.version).contains(version) else { throw DecodingError("is of the unknown format \(version)") }
    lastBatch = try r.takeNumber()
    scanFrom = try r.take()
    rooms = []
    var places: [Int?] = []
    for _ in 0..<(try r.take(UInt32.self)) {
      let room: RoomID = try r.take()
      let flags: UInt8 = try r.take()
      guard flags & ~([7, 15, 31] as [UInt8])[Int(version) - 1] == 0 else {
        throw DecodingError("says \(flags) of a room")
      }
      let snapshot: LogPosition = try r.take()
      let tail: LogPosition = try r.take()
      rooms.append(
        Entry(
          room: room, snapshot: flags & 1 != 0 ? snapshot : nil, tailStart: flags & 2 != 0 ? tail : nil,
          isActive: flags & 4 != 0, wakesAtSecond: flags & 8 != 0 ? try r.take() : nil))
      places.append(flags & 16 != 0 ? Int(try r.take(UInt16.self)) : nil)
    }
    guard version >= 3 else { return }
    var builds: [ModuleHash] = []
    for _ in 0..<(try r.take(UInt16.self)) { builds.append(try r.takeHash()) }
    for (i, place) in places.enumerated() {
      guard let place else { continue }
      guard place < builds.count else { throw DecodingError("names build \(place) of \(builds.count)") }
      rooms[i].build = builds[place]
    }
  }
}

extension Shard {
  func checkpoint(scanFrom: LogPosition) -> Checkpoint {
    Checkpoint(
      lastBatch: lastBatch, scanFrom: scanFrom,
      rooms: rooms.values.sorted { $0.id < $1.id }.map { room in
        Checkpoint.Entry(
          room: room.id, snapshot: room.snapshot, tailStart: room.tailStart,
          isActive: room.phase != .asleep || room.isActive,
          wakesAtSecond: room.phase == .asleep ? room.timerDue.map { UInt32(clamping: $0 / 1_000_000) } : nil,
          build: room.build)
      })
  }

  /// The rooms that a checkpoint names; returns where to scan from.
  func readCheckpoint(
    _ bytes: [UInt8], at position: LogPosition, _ id: ShardID
  ) throws(StoreError) -> LogPosition {
    let checkpoint: Checkpoint
    do throws(DecodingError) {
      checkpoint = try Checkpoint(bytes: bytes)
    } catch {
      throw StoreError("the checkpoint of shard \(id) \(error)")
    }
    lastBatch = checkpoint.lastBatch
    for entry in checkpoint.rooms {
      let room = Room(id: entry.room, shard: id)
      room.snapshot = entry.snapshot
      room.tailStart = entry.tailStart
      room.foundFrom = entry.tailStart ?? position
      room.wasActive = entry.isActive
      room.timerDue = entry.wakesAtSecond.map { Int64($0) * 1_000_000 }
      room.build = entry.build
      rooms[room.id] = room
    }
    checkpointAt = position
    return checkpoint.scanFrom
  }
}

extension Checkpoint {
  package init(bytes: [UInt8]) throws(DecodingError) {
    var result: Result<Checkpoint, DecodingError> = .failure(DecodingError("is empty"))
    bytes.withUnsafeBytes { buffer in
      do throws(DecodingError) { result = .success(try Checkpoint(buffer)) } catch { result = .failure(error) }
    }
    self = try result.get()
  }
}
