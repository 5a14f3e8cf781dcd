import Foundation
import ServerHarness
import Testing

/// Processes killed by hand under a conversation: whatever dies, each number is in the list once.
@Suite struct DeathTests {
  /// Sends numbered inputs and, after each break, comes back by the protocol's one way.
  final class Adder {
    private var player: Player
    private(set) var acknowledged: UInt64 = 0
    private let token: [UInt8]
    private let attach: [UInt8]
    /// Of each number.
    private let payload: (UInt64) -> [UInt8]
    init(_ server: RunningServer, _ payload: @escaping (UInt64) -> [UInt8] = { [1] + little(1_000 + $0) }) throws {
      player = try Player(server)
      self.payload = payload
      token = player.token
      _ = try player.enter("kept")
      attach = frame(3, number(1, 1) + fixed(2, player.room))
    }
    /// Adds until `last` is acknowledged; `server` is asked for anew after a break.
    func add(upTo last: UInt64, _ server: () -> RunningServer) throws {
      let deadline = Date(timeIntervalSinceNow: 60)
      var sent = acknowledged
      while acknowledged < last, Date() < deadline {
        while sent < min(last, acknowledged + 8) {
          sent += 1
          player.input(sent, payload(sent))
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
  private func list(_ server: RunningServer, _ key: String = "kept") throws -> [UInt64] {
    let player = try Player(server)
    _ = try player.enter(key)
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
    var server = try RunningServer(data: scratch.path + "/data", ["--shards", "2"])
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
    server = try RunningServer(data: server.data, listen: server.ready.listen)
    try adder.add(upTo: last + 10) { server }
    let expected = (1...last + 10).map { 1_000 + $0 }
    #expect(try list(server) == expected)
    server.end(SIGTERM)
    server = try RunningServer(data: server.data)
    #expect(try list(server) == expected, "a second start serves the old rooms")
  }

  /// Each number is passed on by one room to another, and whoever may know of it is killed at once.
  @Test func whatRoomsAskOfRooms() throws {
    let scratch = try Scratch()
    let server = try RunningServer(data: scratch.path + "/data", ["--shards", "8", "--workers", "2"])
    let others = ["other", "second", "third"]
    let adder = try Adder(server) { number in
      let other = Array(others[Int(number) % others.count].utf8)
      return number <= 3 ? [4] + other : [5] + little(1_000 + number) + other
    }
    try adder.add(upTo: 3) { server }
    try wait("the rooms are made") {
      let rooms = try server.get("/v1/rooms")
      return others.allSatisfy { rooms.contains("\"\($0)\"") }
    }
    var expected: [String: [UInt64]] = [:]
    for (round, roles) in [["worker"], ["gateway"], ["worker", "gateway"], ["worker"]].enumerated() {
      let victims = try roles.map { try server.processID($0) }
      for number in UInt64(4 + round * 3)..<UInt64(7 + round * 3) {
        try adder.add(upTo: number) { server }
        expected[others[Int(number) % 3], default: []].append(1_000 + number)
      }
      for victim in victims { #expect(kill(victim, SIGKILL) == 0) }
      for other in others {
        try wait("\(other) has what was passed on") {
          (try? list(server, other).count) ?? 0 >= expected[other]!.count
        }
      }
      for (victim, role) in zip(victims, roles) { #expect(try server.processID(role, not: victim) != victim) }
    }
    for other in others { #expect(try list(server, other).sorted() == expected[other]!) }
  }

  private func wait(_ what: String, _ condition: () throws -> Bool) throws {
    let deadline = Date(timeIntervalSinceNow: 60)
    while Date() < deadline {
      if try condition() { return }
      usleep(50_000)
    }
    throw Failure(description: "never: \(what)")
  }

  /// As systemd and others stop a service: every process of it is told at once.
  @Test func aStopForAllIsTheSupervisorsToPassOn() throws {
    let scratch = try Scratch()
    let server = try RunningServer(data: scratch.path + "/data", ["--shards", "2"])
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
    // Where the machine is busy, others may seem to stand still as well: that is no reason to give up.
    let server = try RunningServer(
      data: scratch.path + "/data",
      ["--shards", "2", "--hang-milliseconds", "1500", "--restart-intensity", "1000"])
    let adder = try Adder(server)
    try adder.add(upTo: 10) { server }
    let victim = try server.processID("worker")
    #expect(kill(victim, SIGSTOP) == 0)
    try adder.add(upTo: 20) { server }
    #expect(try server.processID("worker", not: victim) != victim)
    let expected = (1...20).map { UInt64(1_000 + $0) }
    try wait("the list is told whole") { (try? list(server)) == expected }
  }
}
