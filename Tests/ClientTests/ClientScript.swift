// A client under a script: each call is one event, `log` is what the client asked and told.
import ClientCore
import Core

struct ClientScript {
  var client: Client
  var now: Int64 = 1_000_000
  var actions = ClientActions()

  init(settings: ClientSettings = ClientSettings()) { client = Client(name: "ada", settings: settings) }

  /// A client whose first room is attached with a state as of `asOf`.
  static func attached(settings: ClientSettings = ClientSettings(), asOf: UInt64 = 0) -> (ClientScript, JoinID) {
    var script = ClientScript(settings: settings)
    script.client.start(at: script.now, into: &script.actions)
    script.client.connected(at: script.now, into: &script.actions)
    script.receive(script.welcome())
    let id = script.client.join(module: "tally", key: "a", at: script.now, into: &script.actions)
    script.receive(script.attach(id, next: 1), script.state(id, asOf: asOf))
    _ = script.taken()
    return (script, id)
  }

  mutating func receive(_ messages: ServerMessage...) {
    for message in messages { client.received(message, at: now, into: &actions) }
  }
  mutating func send(_ bytes: UInt8..., to id: JoinID) {
    for byte in bytes { _ = try? client.send([byte], to: id, into: &actions) }
  }
  mutating func taken() -> (requests: [ClientRequest], events: [ClientEvent]) {
    defer { actions.removeAll() }
    return (actions.requests, actions.events)
  }
  /// Loses the connection and comes back as far as `Welcome`.
  mutating func reconnect(resumed: Bool = true) {
    client.disconnected(at: now, random: 0, into: &actions)
    client.tick(at: now, into: &actions)
    client.connected(at: now, into: &actions)
    receive(welcome(resumed: resumed))
  }

  func welcome(resumed: Bool = false) -> ServerMessage {
    .welcome(.init(session: SessionID(9), resume: [7], resumed: resumed, graceSeconds: 30))
  }
  func attach(_ id: JoinID, next: UInt64, timeline: UInt64 = 1, upTo: UInt64 = 0) -> ServerMessage {
    .attached(
      .init(
        joinID: id, room: RoomID(77), slot: Slot(0), nextSeq: InputSeq(next), timeline: Timeline(timeline),
        upTo: OutSeq(upTo), module: "tally 1.0.0"))
  }
  func state(_ id: JoinID, asOf: UInt64, timeline: UInt64 = 1) -> ServerMessage {
    .state(.init(joinID: id, timeline: Timeline(timeline), asOf: OutSeq(asOf), payload: [5]))
  }
  func output(_ id: JoinID, _ seq: UInt64, prev: UInt64, result: Verdict? = nil) -> ServerMessage {
    .output(
      .init(
        joinID: id, seq: OutSeq(seq), payload: result == nil ? [UInt8(seq)] : [], result: result, prev: OutSeq(prev)))
  }
}

func input(_ id: JoinID, _ seq: UInt64, _ byte: UInt8) -> ClientRequest {
  .input(id, InputSeq(seq), payload: [byte], stamp: 0)
}
