import Foundation
import ServerHarness
import Testing

/// The live stream of a real server.
@Suite(.serialized) struct LiveTests {
  struct Vitals: Decodable {
    struct Process: Decodable {
      var role: String
      var instance: Int
      var pid: Int32
      var state: String
      var cpu: Double?
      var memory_bytes: Int64
      var shards: [Int]
    }
    var at: Int64
    var served: Bool
    var players: Int
    var rooms: Int
    var messages_per_s: Double
    var worst_pause_ms: Double
    var processes: [Process]
  }
  struct Happened: Decodable {
    var number: Int64
    var role: String
    var kind: String
    var text: String
  }
  struct Recovery: Decodable {
    var number: Int64
    var role: String
    var cause: String
    var tookMicroseconds: Int64
  }

  @Test func aWatcherSeesTheWholeServerAndADeathAsItHappens() throws {
    let server = try RunningServer()
    server.waitUntilWhole()
    let stream = try LiveStream(server)
    #expect(stream.head.lowercased().contains("content-type: text/event-stream"))
    let roles = ["control", "gateway", "spare", "supervisor", "worker", "worker"]
    // The first ones may be older than the look above, and a spare that has only just been started is small for a moment.
    let first = try #require(
      try stream.next("vitals", Vitals.self) { now in
        now.served && now.processes.map(\.role).sorted() == roles
          && now.processes.allSatisfy { $0.memory_bytes > 1_000_000 }
      })
    #expect(first.players == 0)
    #expect(first.processes.first { $0.role == "supervisor" }?.pid == server.ready.pid)
    // The rates need two looks.
    let second = try #require(try stream.next("vitals", Vitals.self))
    #expect(second.at > first.at)

    _ = try server.request("POST", "/v1/faults", token: server.token, body: #"{"kind":"worker-kill"}"#)
    let happened = try #require(try stream.next("happened", Happened.self) { $0.kind == "death" })
    #expect(happened.role == "worker" && happened.text.contains("worker-kill"))
    let recovery = try #require(try stream.next("recovery", Recovery.self))
    #expect(recovery.role == "worker" && recovery.tookMicroseconds > 0)
    let after = try #require(
      try stream.next("vitals", Vitals.self) { now in
        now.served && now.processes.count == 6 && now.processes.contains { $0.role == "spare" && $0.state == "spare" }
      })
    let killed = Set(first.processes.map(\.instance)).subtracting(after.processes.map(\.instance))
    #expect(killed.count == 1)
    #expect(after.worst_pause_ms >= Double(recovery.tookMicroseconds) / 1_000)
  }

  @Test func theStreamEndsWithTheServerAndNotInTheMiddle() throws {
    let server = try RunningServer()
    let stream = try LiveStream(server)
    _ = try #require(try stream.next("vitals", Vitals.self))
    kill(server.process.processIdentifier, SIGTERM)
    while try stream.next("vitals", Vitals.self) != nil {}
    #expect(stream.endedInOrder)
    server.process.waitUntilExit()
    #expect(server.process.terminationStatus == 0)
  }

  @Test func manyWatchAtOnceAndComeAndGo() throws {
    let server = try RunningServer()
    for _ in 0..<40 {
      let gone = try LiveStream(server)
      _ = try #require(try gone.next("vitals", Vitals.self))
    }
    var streams: [LiveStream] = []
    for _ in 0..<20 { streams.append(try LiveStream(server)) }
    for i in streams.indices { #expect(try streams[i].next("vitals", Vitals.self)?.served == true) }
    #expect(try server.request("GET", "/healthz").status == 200)
  }

  struct Point: Decodable {
    var at: Int64
    var players: Int
    var memory_bytes: Int64
  }
  @Test func theLastHourIsKept() throws {
    let server = try RunningServer()
    let history = try #require(server.wait("/v1/history", [Point].self) { !$0.isEmpty })
    #expect(history[0].players == 0 && history[0].memory_bytes > 1_000_000)
    #expect(abs(Double(history[0].at) / 1_000 - Date().timeIntervalSince1970) < 60)
    #expect(try server.request("GET", "/v1/history", host: "evil.example").status == 401)
    #expect(try server.request("GET", "/v1/live", host: "evil.example").status == 401)
  }
}
