// Drives one worker by hand, over a journal on a simulated disk, and shows what it says as text.
import Core
import Journal
import Simulation
import SimulatedFiles
import Testing
import Wire
import WorkerCore
import WorkerStore

final class Box: BlackBox {
  private var words = [UInt64](repeating: 0, count: BlackBoxView<Box>.wordCount)
  /// Its owner is dead, whatever it still does.
  var isFrozen = false
  subscript(word: Int) -> UInt64 {
    get { words[word] }
    set { if !isFrozen { words[word] = newValue } }
  }
}

/// One shard (0) on one disk. A new owner is another worker over the same disk.
final class WorkerScript {
  typealias Store = JournalStore<SimulatedDisk, Box>
  static let shard = ShardID(0)
  static let directory = "shard"
  static let map = ShardMap(count: 1, key: (1, 2))

  let disk = SimulatedDisk(seed: 1)
  let box = Box()
  let faults = Faults()
  var worker: Worker
  var store: Store!
  var now = Now(wall: 1_700_000_000_000_000, monotonic: 1_000_000)
  var link = 0
  /// Of the gateway, as it says to the next owner.
  var loops: UInt16 = 1
  private var epoch: UInt32 = 0
  private var routes: UInt32 = 0
  /// The last turn asked for the next at once.
  var isUrgent = false
  /// Numbered outputs heard on the link.
  var outputs: UInt64 = 0
  /// Of requests heard on any link, their last attempts.
  var attempts: [RequestKey: UInt32] = [:]

  init() throws {
    worker = Worker(engine: TestEngine(faults), map: Self.map)
    try disk.createDirectory(Self.directory)
    try adopt()
  }

  /// The process of the owner dies; another one takes the shard.
  func nextOwner() throws {
    store = nil
    disk.processDeath()
    worker = Worker(engine: TestEngine(faults), map: Self.map)
    box.isFrozen = false
    try adopt()
  }

  private func adopt() throws {
    var options = JournalOptions()
    options.segmentBytes = 256 << 10
    options.recordBytesMax = 200 << 10
    options.reserveBytes = 16 << 10
    epoch += 1
    let identity = JournalIdentity(
      shard: Self.shard, boot: BootID(high: 1, low: 1), durability: .process, engine: worker.engine.identity)
    let (store, adoption) = try Store.adopt(
      disk, directory: Self.directory, identity: identity, assigned: ShardEpoch(epoch), box: box, options: options)
    self.store = store
    worker.beginTurn(now)
    try worker.adopt(Self.shard, store, adoption)
    try store.prepareAndRemove()
    link = worker.openLink()
    outputs = 0
    say(.hello(gateway: GatewayEpoch(1), loop: 0, loops: loops))
  }

  // MARK: Links

  func say(_ record: LinkToWorker, to other: Int? = nil) {
    var bytes: [UInt8] = []
    record.encode(Self.shard, store.epoch, into: &bytes)
    bytes.withUnsafeBytes { bytes in
      do { #expect(try worker.receive(other ?? link, bytes) == bytes.count) } catch { Issue.record(error) }
    }
  }
  @discardableResult
  func join(_ session: UInt64, room: String = "a", parameters: [UInt8] = [], generation: UInt32 = 1) -> Route {
    routes += 1
    let route = Route(routes)
    Array("ann".utf8).withUnsafeBytes { player in
      Array("tally".utf8).withUnsafeBytes { module in
        Array(room.utf8).withUnsafeBytes { key in
          parameters.withUnsafeBytes { parameters in
            say(
              .join(
                .init(
                  route: route, membership: membership(session), generation: self.generation(generation),
                  player: player, module: module, key: key, parameters: parameters)))
          }
        }
      }
    }
    return route
  }
  @discardableResult
  func attach(_ session: UInt64, room: String = "a", generation: UInt32, timeline: UInt64 = 1) -> Route {
    say(attachRequest(session, room: room, generation: generation, timeline: timeline))
    return Route(routes)
  }
  func attachRequest(
    _ session: UInt64, room: String, generation: UInt32, timeline: UInt64 = 1
  ) -> LinkToWorker {
    routes += 1
    return .attach(
      .init(
        route: Route(routes), room: self.room(room), membership: membership(session),
        generation: self.generation(generation), timeline: Timeline(timeline), lastOut: OutSeq(0)))
  }
  func send(_ route: Route, _ seq: UInt64, _ command: ScriptedCommand = .append, padding: Int = 0) {
    var payload = [command.rawValue]
    payload.put(seq)
    payload.append(contentsOf: repeatElement(0, count: padding))
    payload.withUnsafeBytes { say(.input(route, InputSeq(seq), stamp: 0, payload: $0)) }
  }
  func membership(_ session: UInt64) -> Membership { Membership(session: SessionID(session), joinID: JoinID(1)) }
  func generation(_ counter: UInt32) -> Generation { Generation(epoch: GatewayEpoch(1), counter: counter) }
  func room(_ key: String = "a") -> RoomID { Self.map.room(module: "tally".utf8, key: key.utf8) }
  func operations(_ key: String = "a") -> Int? {
    guard let room = worker.room(room(key)), room.phase == .ready, room.host != nil else { return nil }
    return worker.encodeSnapshot(room).withUnsafeBytes { bytes in
      (try? RoomSnapshot(bytes)).flatMap { try? ScriptedRoom($0.image) }?.operations.count
    }
  }

  // MARK: Turns

  /// A player whose join is carried out.
  func joined(_ session: UInt64 = 1) throws -> Route {
    let route = join(session)
    try turn()
    return route
  }
  /// A message a turn.
  func play(_ route: Route, _ messages: ClosedRange<UInt64>) throws {
    for seq in messages {
      send(route, seq)
      try turn()
    }
  }
  /// What was received is written and not carried out: that is the next owner's.
  func write() throws {
    worker.stage()
    try worker.write()
  }
  /// A whole turn, so much later; what was received since the last one is in it.
  func turn(after milliseconds: Int64 = 1) throws {
    try write()
    worker.execute()
    try worker.upkeep()
    isUrgent = worker.nextDue.map { $0 <= now.monotonic } ?? false
    now.monotonic += milliseconds * 1_000
    now.wall += milliseconds * 1_000
    worker.beginTurn(now)
  }
  /// What the worker has said since, without outputs.
  func heard(_ other: Int? = nil) -> [String] {
    var texts: [String] = []
    worker.takeOutput(other ?? link) { bytes in
      var reader = LinkReader(bytes)
      do {
        while let (header, body) = try reader.next() {
          let record = try LinkToGateway(header, body)
          if case .output = record { outputs += 1 }
          if case .ask(_, let key, let attempt, _) = record { attempts[key] = attempt }
          if let text = Self.text(record) { texts.append(text) }
        }
      } catch { Issue.record(error) }
      return bytes.count
    }
    return texts
  }
  static func text(_ record: LinkToGateway) -> String? {
    switch record {
    case .serving: "serving"
    case .attached(let a): "attached next \(a.nextSeq)"
    case .ack(_, let seq): "ack \(seq)"
    case .expected(_, let seq): "expected \(seq)"
    case .busy(_, let seq, _, let why): "busy \(seq) \(why)"
    case .gone(_, let last, let known, let why, let text):
      "gone \(last) \(known) \(why)\(text.isEmpty ? "" : ": " + String(decoding: text, as: UTF8.self))"
    case .refused(_, let why, _, let text): "refused \(why): \(String(decoding: text, as: UTF8.self))"
    case .notice(_, _, let text): "notice \(String(decoding: text, as: UTF8.self))"
    case .commanded(let request, let answer): "commanded \(request) \(answer)"
    case .ask(_, _, _, .create(let module, let key, _)):
      "ask open \(String(decoding: module, as: UTF8.self))/\(String(decoding: key, as: UTF8.self))"
    case .ask(_, _, _, .signal(let module, let key, _, _)):
      "ask signal \(String(decoding: module, as: UTF8.self))/\(String(decoding: key, as: UTF8.self))"
    case .ask: "ask for what no room asks"
    case .inspected(_, let json): "inspected \(String(decoding: json, as: UTF8.self))"
    case .state, .output, .unreliable: nil
    }
  }
}
