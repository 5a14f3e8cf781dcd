// A worker's turns, over a log in memory.
import Core
import Simulation
import Wire
import WorkerCore

struct WorkerRun {
  static let map = ShardMap(count: 1, key: (1, 2))
  static let shard = ShardID(0)
  static func room(_ module: String, _ key: String) -> RoomID { map.room(module: module.utf8, key: key.utf8) }

  var worker: Worker
  var now = Now(wall: 1_700_000_000_000_000, monotonic: 1_000_000)
  var links: [Int] = []

  /// `fuelPerCall`: the more, the sooner a snapshot is taken.
  init(fuelPerCall: UInt64 = 1_000) {
    worker = Worker(engine: ScriptedEngine(environment: nil, fuelPerCall: fuelPerCall), map: Self.map)
  }

  mutating func adopt(
    _ store: MemoryStore, checkpoint: LogPosition? = nil, engineChanged: Bool = false,
    suspect: Suspect? = nil
  ) throws(StoreError) {
    worker.beginTurn(now)
    try worker.adopt(
      Self.shard, store,
      ShardAdoption(
        cut: 0, checkpoint: checkpoint, engineChanged: engineChanged, suspect: suspect, previousSuspect: suspect))
  }

  mutating func openLink() { links.append(worker.openLink()) }
  mutating func closeLink(_ i: Int) { worker.closeLink(links.remove(at: i)) }

  /// What is not taken is lost; a link that breaks the rules is closed.
  mutating func receive(_ i: Int, _ bytes: UnsafeRawBufferPointer) {
    do throws(LinkError) { _ = try worker.receive(links[i], bytes) } catch { closeLink(i) }
  }
  mutating func say(_ bytes: [UInt8]) {
    if links.isEmpty { openLink() }
    bytes.withUnsafeBytes { receive(0, $0) }
  }

  mutating func turn(after milliseconds: Int64) throws(StoreError) {
    now.monotonic += milliseconds * 1_000
    now.wall += milliseconds * 1_000
    worker.beginTurn(now)
    try decideTurn()
  }
  mutating func decideTurn() throws(StoreError) {
    worker.stage()
    try worker.write()
    worker.execute()
    try worker.upkeep()
    worker.reports.removeAll()
    for link in links { check(link) }
  }

  /// Everything that the worker says must be understood.
  private mutating func check(_ link: Int) {
    worker.takeOutput(link) { bytes in
      var reader = LinkReader(bytes)
      while let (header, body) = (try? reader.next()) ?? nil {
        precondition((try? LinkToGateway(header, body)) != nil, "the worker says what no gateway understands")
      }
      precondition(reader.consumed == bytes.count, "the worker says half a record")
      return bytes.count
    }
  }
}
