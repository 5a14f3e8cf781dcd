import Foundation
import Testing

/// Processes killed by hand under a conversation: whatever dies, each number is in the list once.
@Suite struct DeathTests {
  /// Sends numbered inputs and, after each break, comes back by the protocol's one way.
  final class Adder {
    private var player: Player
    private(set) var acknowledged: UInt64 = 0
    private let token: [UInt8]
    private let attach: [UInt8]
    init(_ server: Server) throws {
      player = try Player(server)
      token = player.token
      _ = try player.enter("kept")
      attach = frame(3, number(1, 1) + fixed(2, player.room))
    }
    /// Adds until `last` is acknowledged; `server` is asked for anew after a break.
    func add(upTo last: UInt64, _ server: () -> Server) throws {
      let deadline = Date(timeIntervalSinceNow: 40)
      var sent = acknowledged
      while acknowledged < last, Date() < deadline {
        while sent < min(last, acknowledged + 8) {
          sent += 1
          player.add(sent, 1_000 + sent)
        }
        guard let answer = player.receive() else {
          usleep(20_000)
          guard let again = try? Player(server(), resume: token) else { continue }
          player = again
          player.stream.send(attach)
          sent = last
          continue
        }
        switch answer.kind {
        case Kind.ack: acknowledged = max(acknowledged, answer.fields.numbers[2] ?? 0)
        case Kind.attached: sent = (answer.fields.numbers[4] ?? 1) - 1
        case Kind.expected, Kind.busy: sent = (answer.fields.numbers[2] ?? 1) - 1
        case Kind.error:
          usleep(20_000)
          player.stream.send(attach)
        default: break
        }
      }
      guard acknowledged >= last else { throw Failure(description: "stuck at \(acknowledged) of \(last)") }
    }
  }

  /// The list of a tally's room, as the room tells it.
  private func list(_ server: Server) throws -> [UInt64] {
    let player = try Player(server)
    _ = try player.enter("kept")
    player.input(1, [2, 0, 0, 0, 0, 0, 4, 0, 0])
    while let output = player.next(Kind.output) {
      guard let reply = output.fields.blobs[4].flatMap({ Fields($0).blobs[3] }), reply.first == 2 else { continue }
      return stride(from: 13, to: reply.count, by: 8).map { at in
        reply[at..<at + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
      }
    }
    throw Failure(description: "no list")
  }

  @Test func everyProcessInTurn() throws {
    let scratch = try Scratch()
    var server = try Server(data: scratch.path + "/data", ["--shards", "2"])
    let adder = try Adder(server)
    var last: UInt64 = 0
    for role in ["worker", "spare", "gateway", "control"] {
      let victim = try server.processID(role)
      last += 10
      try adder.add(upTo: last) { server }
      #expect(kill(victim, SIGKILL) == 0)
      last += 10
      try adder.add(upTo: last) { server }
      #expect(try server.processID(role, not: victim) != victim)
    }
    server.end(SIGKILL)
    server = try Server(data: server.data, listen: server.ready.listen)
    try adder.add(upTo: last + 10) { server }
    let expected = (1...last + 10).map { 1_000 + $0 }
    #expect(try list(server) == expected)
    server.end(SIGTERM)
    server = try Server(data: server.data)
    #expect(try list(server) == expected, "a second start serves the old rooms")
  }

  /// As systemd and others stop a service: every process of it is told at once.
  @Test func aStopForAllIsTheSupervisorsToPassOn() throws {
    let scratch = try Scratch()
    let server = try Server(data: scratch.path + "/data", ["--shards", "2"])
    let adder = try Adder(server)
    let children = try ["worker", "spare", "gateway", "control"].map { try server.processID($0) }
    for pid in children { for number in [SIGTERM, SIGINT, SIGHUP] { #expect(kill(pid, number) == 0) } }
    try adder.add(upTo: 10) { server }
    #expect(try ["worker", "spare", "gateway", "control"].map { try server.processID($0) } == children)
    server.end(SIGTERM)
    #expect(!server.log.contains("during the stop") && !server.log.contains("died:"), "\(server.log)")
  }

  @Test func aWorkerThatStandsStill() throws {
    let scratch = try Scratch()
    let server = try Server(data: scratch.path + "/data", ["--shards", "2", "--hang-milliseconds", "400"])
    let adder = try Adder(server)
    try adder.add(upTo: 10) { server }
    let victim = try server.processID("worker")
    #expect(kill(victim, SIGSTOP) == 0)
    try adder.add(upTo: 20) { server }
    #expect(try server.processID("worker", not: victim) != victim)
    #expect(try list(server) == (1...20).map { 1_000 + $0 })
  }
}
