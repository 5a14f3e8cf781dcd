// One worker without its process: the core between an engine and stores, its link fed from memory.
import Core
import Glibc
import Journal
import Sandbox
import Wire
import WorkerCore
import WorkerStore

struct BenchError: Error, CustomStringConvertible {
  var description: String
}

final class Bench {
  typealias Log = JournalStore<PosixFileSystem, WordBox>
  private static let map = ShardMap(count: Limits.shardsDefault, key: (1, 2))

  let name: String
  private var worker: Worker
  private var logs: [Log] = []
  private var link = 0
  private let rooms: Int
  private let payload = [UInt8](repeating: 0x2A, count: 64)
  private var seq: [UInt64]
  private var nextRoom = 0
  private var input: [UInt8] = []
  private var outputs: UInt64 = 0
  private var confirmed: UInt64 = 0
  private var acks = 0
  private var attached = 0
  /// Nanoseconds of this thread in turns.
  private(set) var spent: Int64 = 0

  /// `directory`: where the journal goes; nil: it keeps nothing.
  init(_ name: String, _ engine: any RoomEngine, rooms: Int, directory: String?) throws {
    self.name = name
    self.rooms = rooms
    seq = [UInt64](repeating: 0, count: rooms)
    worker = Worker(engine: engine, map: Self.map)
    worker.beginTurn(Self.clocks())
    for shard in 0..<Limits.shardsDefault {
      try worker.adopt(
        ShardID(UInt16(shard)), try store(shard, engine, directory),
        ShardAdoption(cut: 1, checkpoint: nil, engineChanged: false))
    }
    link = worker.openLink()
    LinkToWorker.hello(gateway: GatewayEpoch(1), loop: 0, loops: 1).encode(ShardID(0), ShardEpoch(0), into: &input)
    try turn()
    for room in 0..<rooms {
      join(room)
      try turn()
    }
    for _ in 0..<10 where attached < rooms { try turn() }
    guard attached == rooms else { throw BenchError(description: "\(name): \(attached) of \(rooms) rooms were made") }
  }

  private func store(_ shard: Int, _ engine: any RoomEngine, _ directory: String?) throws -> any ShardStore {
    guard let directory else { return EmptyStore() }
    let fileSystem = PosixFileSystem()
    let path = "\(directory)/\(name)-\(shard)"
    try fileSystem.createDirectory(path)
    // As a worker's process has them.
    var options = JournalOptions()
    options.segmentBytes = 16 << 20
    options.recordBytesMax = 12 << 20
    options.checkpointBytes = Limits.checkpointEveryBytes
    let identity = JournalIdentity(
      shard: ShardID(UInt16(shard)), boot: BootID(high: 1, low: 1), durability: .process, engine: engine.identity)
    let (log, _) = try Log.adopt(
      fileSystem, directory: path, identity: identity, assigned: ShardEpoch(1), box: .inMemory(), options: options)
    try log.prepareAndRemove()
    logs.append(log)
    return log
  }

  private func key(_ room: Int) -> [UInt8] { Array("\(room)".utf8) }
  private func shard(_ room: Int) -> ShardID { Self.map.shard(of: Self.map.room(module: "reply".utf8, key: key(room))) }

  private func join(_ room: Int) {
    let shard = shard(room)
    Array("bench".utf8).withUnsafeBytes { player in
      Array("reply".utf8).withUnsafeBytes { module in
        key(room).withUnsafeBytes { key in
          LinkToWorker.join(
            .init(
              route: Route(UInt32(room)),
              membership: Membership(session: SessionID(UInt64(room + 1)), joinID: JoinID(1)),
              generation: Generation(epoch: GatewayEpoch(1), counter: 1), player: player, module: module, key: key,
              parameters: UnsafeRawBufferPointer(start: nil, count: 0))
          ).encode(shard, ShardEpoch(1), into: &input)
        }
      }
    }
  }

  /// So many turns of so many inputs each, one after the other from all rooms; nanoseconds a message.
  func run(turns: Int, inputs: Int) throws -> Double {
    let shards = (0..<rooms).map(shard)
    spent = 0
    acks = 0
    let outputsBefore = outputs
    for _ in 0..<turns {
      for _ in 0..<inputs {
        seq[nextRoom] += 1
        payload.withUnsafeBytes {
          LinkToWorker.input(Route(UInt32(nextRoom)), InputSeq(seq[nextRoom]), stamp: 0, payload: $0)
            .encode(shards[nextRoom], ShardEpoch(1), into: &input)
        }
        nextRoom = (nextRoom + 1) % rooms
      }
      try turn()
    }
    let messages = turns * inputs
    guard acks == messages, outputs - outputsBefore == UInt64(messages) else {
      throw BenchError(
        description: "\(name): \(messages) inputs, \(acks) acknowledgements, \(outputs - outputsBefore) outputs")
    }
    // What a worker's process does on another thread.
    for log in logs {
      try log.prepareAndRemove()
      try log.sync()
    }
    return Double(spent) / Double(messages)
  }

  private func turn() throws {
    if outputs - confirmed >= Limits.confirmEveryOutputs {
      confirmed = outputs
      LinkToWorker.confirm(records: outputs).encode(ShardID(0), ShardEpoch(0), into: &input)
    }
    let start = Self.threadTime()
    worker.beginTurn(Self.clocks())
    let taken = try input.withUnsafeBytes { (bytes) throws(LinkError) in try worker.receive(link, bytes) }
    worker.stage()
    try worker.write()
    worker.execute()
    try worker.upkeep()
    spent += Self.threadTime() - start
    guard taken == input.count else { throw BenchError(description: "\(name): a turn left inputs") }
    input.removeAll(keepingCapacity: true)
    try hear()
  }

  /// Not measured: with sockets it would be the gateway.
  private func hear() throws {
    var failure: LinkError?
    worker.takeOutput(link) { bytes in
      var reader = LinkReader(bytes)
      do throws(LinkError) {
        while let (header, body) = try reader.next() {
          switch try LinkToGateway(header, body) {
          case .output: outputs += 1
          case .ack: acks += 1
          case .attached: attached += 1
          case .busy, .refused, .gone, .expected: failure = LinkError("an input was not taken")
          default: break
          }
        }
      } catch { failure = error }
      return bytes.count
    }
    if let failure { throw failure }
  }

  private static func clocks() -> Now {
    Now(wall: time(CLOCK_REALTIME) / 1_000, monotonic: time(CLOCK_MONOTONIC) / 1_000)
  }
  private static func threadTime() -> Int64 { time(CLOCK_THREAD_CPUTIME_ID) }
  private static func time(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
