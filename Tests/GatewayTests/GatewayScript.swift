// Drives one gateway core by hand and shows what it says as text.
import Core
import GatewayCore
import Testing
import Wire

/// One shard (0) unless told otherwise; clients say their messages, workers their records.
struct GatewayScript {
  var core: GatewayCore
  var now = Now(wall: 1_000_000_000, monotonic: 0)
  private var hellos: UInt32 = 0
  let shards: ShardMap
  /// Links' routes are shown as r0, r1… in the order in which they appeared.
  private var routes: [Route] = []

  init(shards count: Int = 1, _ change: (inout GatewaySettings) -> Void = { _ in }) {
    shards = ShardMap(count: count, key: (1, 2))
    var settings = GatewaySettings(epoch: GatewayEpoch(1), loop: 0, loops: 1, shards: shards)
    settings.framesPerSecond = 0
    change(&settings)
    core = GatewayCore(settings)
  }

  // MARK: Clients

  mutating func open() -> ConnectionID { core.open(ClientAddress(high: 0, low: 1), now: now) }

  /// A connection that has said `Hello`; its `Welcome` is taken.
  mutating func client(resuming session: SessionID? = nil) -> ConnectionID {
    let id = open()
    hello(id, resuming: session)
    _ = frames(id)
    return id
  }
  mutating func hello(_ id: ConnectionID, resuming session: SessionID? = nil, version: UInt32 = 1) {
    hellos += 1
    say(
      id,
      .hello(
        ClientMessage.Hello(
          version: version, name: Array("ann".utf8),
          ticket: .session(
            session ?? SessionID(epoch: GatewayEpoch(1), counter: hellos), resumed: session != nil, counter: hellos,
            token: [7]))))
  }
  mutating func say(_ id: ConnectionID, _ message: ClientMessage) { core.receive(id, message, now: now) }
  mutating func join(_ id: ConnectionID, _ joinID: UInt32 = 1, room: String = "a") {
    say(id, .join(JoinID(joinID), module: Array("tally".utf8), key: Array(room.utf8), parameters: []))
  }
  mutating func attach(
    _ id: ConnectionID, _ joinID: UInt32 = 1, room: String = "a", timeline: UInt64 = 1, lastOut: UInt64 = 0
  ) {
    say(id, .attach(JoinID(joinID), self.room(room), Timeline(timeline), lastOut: OutSeq(lastOut)))
  }
  mutating func input(_ id: ConnectionID, _ joinID: UInt32 = 1, _ seq: UInt64, _ payload: String = "x") {
    say(id, .input(JoinID(joinID), InputSeq(seq), stamp: 0, payload: Array(payload.utf8)))
  }
  func room(_ key: String) -> RoomID { shards.room(module: Array("tally".utf8), key: Array(key.utf8)) }

  /// What waits for the client, taken.
  mutating func frames(_ id: ConnectionID) -> [String] {
    var frames: [ServerFrame] = []
    _ = core.takeOutput(id) { bytes in
      do { frames = try ServerFrame.all(in: bytes) } catch { Issue.record(error) }
    }
    return frames.map(Self.text)
  }
  /// The connections that have something to send, in order.
  mutating func dirty() -> [ConnectionID] {
    var ids: [ConnectionID] = []
    while let id = core.nextDirty() { ids.append(id) }
    return ids
  }

  static func text(_ frame: ServerFrame) -> String {
    switch frame {
    case .welcome(let session, _, let resumed, _):
      "welcome \(session.rawValue & 0xffff_ffff)\(resumed ? " resumed" : "")"
    case .attached(let joinID, _, _, let next, let timeline, let upTo, let module):
      "attached \(joinID) next \(next) timeline \(timeline) upTo \(upTo) \(module)"
    case .output(let joinID, let seq, let prev, let payload, _):
      "output \(joinID) \(seq) prev \(prev) \(String(decoding: payload, as: UTF8.self))"
    case .state(let joinID, let timeline, let asOf, let payload):
      "state \(joinID) timeline \(timeline) asOf \(asOf) \(String(decoding: payload, as: UTF8.self))"
    case .ack(let joinID, let seq): "ack \(joinID) \(seq)"
    case .expected(let joinID, let seq): "expected \(joinID) \(seq)"
    case .busy(let joinID, let seq, let retry, _): "busy \(joinID) \(seq) \(retry)"
    case .gone(let joinID, let last, let known, let reason): "gone \(joinID) \(last) \(known) \(reason)"
    case .error(let code, let joinID, _, let closing, _):
      "error \(ClientErrorCode(rawValue: code).map { "\($0)" } ?? "\(code)") \(joinID)\(closing ? " closing" : "")"
    case .notice(let joinID, let kind, let text): "notice \(joinID) \(kind) \(text)"
    case .pong(let time, _): "pong \(time)"
    }
  }

  // MARK: Workers

  /// A link whose `hello` is taken.
  mutating func link() -> LinkID {
    let id = core.openLink()
    #expect(records(id) == ["hello 1 0/1"])
    return id
  }
  mutating func hear(_ link: LinkID, _ build: (inout [UInt8]) -> Void) throws {
    var bytes: [UInt8] = []
    build(&bytes)
    let consumed = try bytes.withUnsafeBytes { try core.receive(link, $0, now: now) }
    #expect(consumed == bytes.count)
  }
  mutating func serving(_ link: LinkID, _ epoch: UInt32 = 1, shard: UInt16 = 0) throws {
    try hear(link) { $0.putServing(ShardID(shard), ShardEpoch(epoch)) }
  }
  mutating func attached(
    _ link: LinkID, _ route: Route, next: UInt64 = 1, timeline: UInt64 = 1, mark: UInt64 = 0, epoch: UInt32 = 1
  ) throws {
    let module = Array("tally 1".utf8)
    try hear(link) { out in
      module.withUnsafeBytes {
        out.putAttached(
          ShardID(0), ShardEpoch(epoch),
          LinkToGateway.Attachment(
            route: route, room: RoomID(5), slot: Slot(0), nextSeq: InputSeq(next), timeline: Timeline(timeline),
            upTo: OutSeq(mark), mark: OutSeq(mark), module: $0))
      }
    }
  }
  /// The first client, attached on r0 by the worker of a new link.
  mutating func member() throws -> (ConnectionID, LinkID) {
    let client = client()
    let link = link()
    try serving(link)
    join(client)
    _ = records(link)
    try attached(link, route(0))
    return (client, link)
  }
  mutating func output(
    _ link: LinkID, _ seq: UInt64, to routes: [(Route, prev: UInt64)], _ text: String = "o", epoch: UInt32 = 1
  ) throws {
    try hear(link) { out in
      let start = out.beginOutput(ShardID(0), ShardEpoch(epoch), OutSeq(seq), count: routes.count)
      for (route, prev) in routes { out.putRecipient(route, prev: OutSeq(prev)) }
      encodeOutputFrame(into: &out, seq: OutSeq(seq), payload: Array(text.utf8))
      out.endLink(start)
    }
  }
  mutating func unreliable(_ link: LinkID, to routes: [Route], _ text: String, epoch: UInt32 = 1) throws {
    try hear(link) { out in
      let start = out.beginUnreliable(ShardID(0), ShardEpoch(epoch), count: routes.count)
      for route in routes { out.put(route) }
      encodeOutputFrame(into: &out, seq: OutSeq(0), payload: Array(text.utf8))
      out.endLink(start)
    }
  }
  mutating func state(
    _ link: LinkID, to routes: [Route], timeline: UInt64, asOf: UInt64, _ text: String, epoch: UInt32 = 1
  ) throws {
    var frame: [UInt8] = []
    encodeStateFrame(into: &frame, timeline: Timeline(timeline), asOf: OutSeq(asOf), payload: Array(text.utf8))
    try hear(link) {
      $0.putState(ShardID(0), ShardEpoch(epoch), Timeline(timeline), asOf: OutSeq(asOf), routes: routes, frame: frame)
    }
  }

  /// What waits for the worker, taken.
  mutating func records(_ link: LinkID) -> [String] {
    var bytes: [UInt8] = []
    core.takeLinkOutput(link) { bytes = Array($0) }
    var texts: [String] = []
    bytes.withUnsafeBytes { buffer in
      var reader = LinkReader(buffer)
      do {
        while let (header, body) = try reader.next() {
          texts.append(text(header, try LinkToWorker(header, body)))
        }
      } catch {
        Issue.record(error)
      }
    }
    return texts
  }
  /// The nth route that a worker has heard of.
  func route(_ n: Int) -> Route { routes[n] }

  private mutating func name(_ route: Route) -> String {
    if let n = routes.firstIndex(of: route) { return "r\(n)" }
    routes.append(route)
    return "r\(routes.count - 1)"
  }
  private mutating func text(_ header: LinkHeader, _ record: LinkToWorker) -> String {
    switch record {
    case .hello(let epoch, let loop, let loops): "hello \(epoch) \(loop)/\(loops)"
    case .join(let j): "join \(name(j.route)) \(j.membership.joinID) gen \(j.generation.rawValue & 0xffff_ffff)"
    case .attach(let a):
      "attach \(name(a.route)) \(a.membership.joinID) gen \(a.generation.rawValue & 0xffff_ffff) timeline \(a.timeline) last \(a.lastOut)"
    case .detach(let route, let generation): "detach \(name(route)) gen \(generation.rawValue & 0xffff_ffff)"
    case .input(let route, let seq, _, let payload):
      "input \(name(route)) \(seq) \(String(decoding: payload, as: UTF8.self))"
    case .leave(let route, let seq): "leave \(name(route)) \(seq)"
    case .complete: "complete \(header.shard)@\(header.epoch)"
    case .confirm(let records): "confirm \(records)"
    case .inspect: "inspect"
    case .command(let request, .create): "command \(request) create"
    case .command(let request, .signal): "command \(request) signal"
    case .command: "command"
    case .answered(let room, let key, let attempt, let answer):
      "answered \(room) \(key.event)/\(attempt) \(answer) in \(header.shard)@\(header.epoch)"
    }
  }
}
