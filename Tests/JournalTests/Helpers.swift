import Core
import Journal
import SimulatedFiles

let directory = "shard"

extension BootID {
  static let first = BootID(high: 1, low: 1)
  static let second = BootID(high: 2, low: 2)
}

func identity(_ durability: Durability, boot: BootID = .first, engine: String = "engine-1") -> JournalIdentity {
  JournalIdentity(shard: ShardID(3), boot: boot, durability: durability, engine: engine)
}

/// Small enough that a few records fill a segment.
func smallOptions(segment: Int = 24 << 10) -> JournalOptions {
  var options = JournalOptions()
  options.segmentBytes = segment
  options.recordBytesMax = 6 << 10
  options.reserveBytes = 1 << 10
  options.checkpointBytes = 4 << 10
  return options
}

func disk(_ seed: UInt64 = 1) throws -> SimulatedDisk {
  let disk = SimulatedDisk(seed: seed)
  try disk.createDirectory(directory)
  try disk.syncDirectory("")
  return disk
}

func adopt(
  _ disk: SimulatedDisk, _ durability: Durability = .process, boot: BootID = .first, assigned: UInt32 = 1,
  options: JournalOptions = smallOptions(), engine: String = "engine-1"
) throws(JournalError) -> ShardJournal<SimulatedDisk> {
  try ShardJournal.adopt(
    disk, directory: directory, identity: identity(durability, boot: boot, engine: engine),
    assigned: ShardEpoch(assigned), options: options)
}

extension ShardJournal {
  /// `release`, a sync, and the removal, now.
  mutating func releaseNow(upTo position: LogPosition) throws(JournalError) {
    release(upTo: position)
    try sync()
    do throws(FileError) { try removeNow() } catch { throw .file(error) }
  }
  mutating func removeNow() throws(FileError) {
    guard let work = removalWork() else { return }
    try work.run()
    noteRemoved(work)
  }
}

/// The payload of the n-th record of a test: recognisable, and of a length of its own.
func payload(_ n: UInt64, bytes: Int? = nil) -> [UInt8] {
  var random = RandomState(seed: n)
  let count = bytes ?? Int(8 + random.next() % 1500)
  var payload: [UInt8] = []
  payload.put(n)
  while payload.count < count { payload.append(UInt8(truncatingIfNeeded: random.next())) }
  return payload
}

let batchKind: UInt8 = 16

struct Entry: Hashable {
  var position: LogPosition
  var kind: UInt8
  var payload: [UInt8]
}

/// What the journal holds, without its own records.
func workersRecords<FS>(_ reader: LogReader<FS>, from: LogPosition? = nil) throws -> [Entry] {
  var entries: [Entry] = []
  try reader.scan(from: from ?? reader.oldest) { position, kind, payload in
    if kind >= RecordKind.workerFirst { entries.append(Entry(position: position, kind: kind, payload: Array(payload))) }
  }
  return entries
}

func thrown(_ body: () throws -> Void) -> JournalError? {
  do {
    try body()
    return nil
  } catch let error as JournalError { return error } catch { return nil }
}
