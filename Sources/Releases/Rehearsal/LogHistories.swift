// The last minutes of rooms, from their shards' logs: read beside the workers that write them, without asking anybody.
package import Core
internal import Journal
package import WorkerCore

/// Read once, for the rooms of one rehearsal. What they hold is bounded; snapshots are read when they are asked for.
package struct LogHistories {
  /// How much of a room's life is wanted.
  static let seconds: Int64 = 120
  /// Of all rooms' events together, and of one room's.
  static let bytesMax = 64 << 20
  static let roomBytesMax = 4 << 20
  /// Records between two chances to pause.
  private static let recordsPerBreath = 256

  private struct Log {
    var reader: LogReader<PosixFileSystem>
    var history: ShardHistory
  }
  private let data: String
  private var logs: [ShardID: Log] = [:]
  /// What cannot be read, in words.
  package private(set) var complaints: [String] = []
  /// Shards whose logs were read, and those of them for which there was not enough time.
  private var readShards = 0
  private var partlyReadShards = 0

  package init(data: String) { self.data = data }

  /// `goesOn`: as a rehearsal's source of rooms is given it. What was read until it says no is what there is.
  package mutating func read(_ rooms: [(room: RoomID, shard: ShardID)], goesOn: (Double) -> Bool) {
    let most = min(Self.roomBytesMax, Self.bytesMax / max(1, rooms.count))
    let shards = Set(rooms.map(\.shard)).sorted()
    for (index, shard) in shards.enumerated() {
      let share = Double(index + 1) / Double(shards.count)
      do throws(RehearsalError) {
        logs[shard] = try read(shard, rooms.filter { $0.shard == shard }.map(\.room), most) { goesOn(share) }
      } catch {
        complaints.append(error.description)
      }
    }
  }

  /// nil: all was read that was wanted. A sentence without a full stop.
  package var remark: String? {
    guard partlyReadShards > 0 else { return nil }
    let shards = readShards == 1 ? "1 shard" : "\(readShards) shards"
    return "of the logs of \(shards), \(partlyReadShards) could not be read to their ends in time"
  }

  /// Nil: the log does not have the room, or not enough of it. `decided`: its owner has said before the log was read that
  /// it has decided the room's events up to this one.
  package func bundle(
    _ room: RoomID, _ shard: ShardID, module: ModuleHash, name: String, key: String, decided: EventSeq = EventSeq(0)
  ) throws(RehearsalError) -> CrashBundle? {
    guard let log = logs[shard], let history = log.history[room] else { return nil }
    var snapshot: [UInt8] = []
    do throws(JournalError) {
      if let position = history.snapshot { snapshot = try log.reader.read(at: position).payload }
    } catch { throw RehearsalError("the snapshot of room \(room) cannot be read: \(error)") }
    do throws(DecodingError) {
      return try history.bundle(
        room, shard: shard, module: module, moduleName: name, key: key, snapshot: snapshot, decided: decided)
    } catch { throw RehearsalError("the record of room \(room) in its shard's log \(error)") }
  }

  // MARK: One shard

  private mutating func read(
    _ shard: ShardID, _ rooms: [RoomID], _ bytesMax: Int, _ goesOn: () -> Bool
  ) throws(RehearsalError) -> Log? {
    let digits = String(shard.rawValue)
    let directory = "\(data)/shards/" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
    do {
      guard let reader = try LogReader.beside(PosixFileSystem(), directory) else { return nil }
      _ = goesOn()
      // Where nothing happened in what is kept of it, snapshots are all there is.
      let since = try Self.lastTime(reader).map { $0 - Self.seconds * 1_000_000 } ?? Int64.min
      var history = ShardHistory(of: rooms, since: since, bytesMax: bytesMax)
      let start = try Self.start(&history, reader, before: since)
      var records = 0
      readShards += 1
      do {
        try reader.scan(from: start, damage: { _ in history.lose() }) { position, kind, payload in
          try history.add(position, kind, payload)
          records += 1
          guard records % Self.recordsPerBreath == 0 else { return }
          if history.isFull { throw Enough() }
          guard goesOn() else {
            partlyReadShards += 1
            throw Enough()
          }
        }
      } catch is Enough {}
      return Log(reader: reader, history: history)
    } catch { throw RehearsalError("the log of shard \(shard) cannot be read: \(error)") }
  }

  /// Where to begin reading: what is older than the histories is not read.
  private static func start(
    _ history: inout ShardHistory, _ reader: LogReader<PosixFileSystem>, before time: Int64
  ) throws -> LogPosition {
    for (start, checkpoint) in reader.beginnings.reversed() {
      guard let checkpoint, let begun = try firstTime(reader, from: start), begun <= time else { continue }
      let bytes = try reader.read(at: checkpoint).payload
      let known = try bytes.withUnsafeBytes { try Checkpoint($0) }
      return history.begin(known, at: checkpoint, oldest: reader.oldest)
    }
    return reader.oldest
  }

  private struct Enough: Error {}
  /// Of the first batch from a position on; microseconds since 1970.
  private static func firstTime(_ reader: LogReader<PosixFileSystem>, from start: LogPosition) throws -> Int64? {
    var found: Int64?
    do {
      try reader.scan(from: start, damage: { _ in }) { _, kind, payload in
        guard kind == WorkerCore.RecordKind.batch else { return }
        found = try time(payload)
        throw Enough()
      }
    } catch is Enough {}
    return found
  }
  /// Of the newest batch.
  private static func lastTime(_ reader: LogReader<PosixFileSystem>) throws -> Int64? {
    for (start, _) in reader.beginnings.reversed() {
      var found: Int64?
      try reader.scan(from: start, damage: { _ in }) { _, kind, payload in
        if kind == WorkerCore.RecordKind.batch { found = try time(payload) }
      }
      if let found { return found }
    }
    return nil
  }
  private static func time(_ batch: UnsafeRawBufferPointer) throws(DecodingError) -> Int64 {
    var reader = ByteReader(batch)
    return try BatchHead(&reader).time
  }
}
