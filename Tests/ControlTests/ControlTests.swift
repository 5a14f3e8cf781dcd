import Foundation
import ServerHarness
import Testing

/// The HTTP interface of a real server, its processes killed for real.
@Suite(.serialized) struct ControlTests {
  struct Recovery: Decodable {
    var role: String
    var cause: String
    var shards: [Int]
    var tookMicroseconds: Int
  }
  struct Killed: Decodable {
    struct One: Decodable {
      var role: String
      var pid: Int32
      var shards: [Int]
    }
    var killed: [One]
  }

  @Test func aServerShowsItself() throws {
    let server = try RunningServer()
    #expect(server.ready.ready && server.ready.workers == 2)
    #expect(try server.request("GET", "/healthz").status == 200)
    #expect(try server.request("GET", "/readyz").status == 200)
    let view = try #require(server.waitUntilWhole(), "\(server.log)")
    #expect(view.processes.map(\.role).sorted() == ["control", "gateway", "spare", "worker", "worker"])
    #expect(view.processes.flatMap(\.shards).sorted() == [0, 1, 2, 3])
    let rooms = try server.request("GET", "/v1/rooms")
    #expect(rooms.status == 200 && rooms.body == "[]")
    #expect(try server.request("GET", "/v1/recoveries").body == "[]")
    #expect(try server.request("GET", "/v1/crashes").body == "[]")
    #expect(try server.request("GET", "/v1/crashes/..%2Fidentity").status == 404)
    #expect(try server.request("GET", "/v1/nothing").status == 404)
    #expect(try server.request("GET", "/v1").body.contains("/v1/faults"))
  }

  @Test func faultsNeedTheToken() throws {
    let server = try RunningServer()
    let body = #"{"kind":"worker-kill"}"#
    #expect(try server.request("POST", "/v1/faults", body: body).status == 401)
    #expect(try server.request("POST", "/v1/faults", token: "", body: body).status == 401)
    var wrong = try server.token
    wrong.replaceSubrange(wrong.startIndex...wrong.startIndex, with: wrong.hasPrefix("0") ? "1" : "0")
    #expect(try server.request("POST", "/v1/faults", token: wrong, body: body).status == 401)
    #expect(try server.request("POST", "/v1/faults", token: server.token, body: "{").status == 400)
    let unknown = try server.request("POST", "/v1/faults", token: server.token, body: #"{"kind":"flood"}"#)
    #expect(unknown.status == 409 && unknown.body.contains("worker-kill"))
    #expect(try server.request("GET", "/v1/recoveries").body == "[]")
  }

  @Test func killsAreRealAndRepaired() throws {
    let server = try RunningServer()
    for (kind, role) in [("worker-kill", "worker"), ("gateway-kill", "gateway"), ("spare-kill", "spare")] {
      let before = try #require(server.waitUntilWhole(), "\(server.log)")
      let repaired = try server.request("GET", "/v1/recoveries").decode([Recovery].self).count
      let answer = try server.request("POST", "/v1/faults", token: server.token, body: #"{"kind":"\#(kind)"}"#)
      #expect(answer.status == 200, "\(answer.body)")
      let killed = try #require(try answer.decode(Killed.self).killed.first)
      #expect(killed.role == role)
      #expect(before.processes.contains { $0.pid == killed.pid && $0.role == role })
      let recoveries = server.wait("/v1/recoveries", [Recovery].self) { $0.count == repaired + 1 }
      let recovery = try #require(recoveries?.last, "\(server.log)")
      #expect(recovery.role == role && recovery.cause.contains(kind) && recovery.shards == killed.shards)
      #expect(kill(killed.pid, 0) == -1)
    }
  }

  @Test func everythingDiesAndTheDataGoesOn() throws {
    let server = try RunningServer()
    let identity = try String(contentsOfFile: server.ready.data + "/identity", encoding: .utf8)
    _ = try server.request("POST", "/v1/faults", token: server.token, body: #"{"kind":"all-kill"}"#)
    server.process.waitUntilExit()
    #expect(server.process.terminationReason == .uncaughtSignal && server.process.terminationStatus == SIGKILL)
    #expect(try String(contentsOfFile: server.ready.data + "/identity", encoding: .utf8) == identity)
  }

  @Test func termStopsInOrder() throws {
    let server = try RunningServer()
    server.end(SIGTERM)
    #expect(server.process.terminationReason == .exit && server.process.terminationStatus == 0, "\(server.log)")
  }

  @Test func settingsThatCannotWorkAreSaidInASentence() throws {
    for (arguments, word) in [
      (["--workers", "0"], "1 to 64"), (["--listen", "nowhere"], "HOST:PORT"),
      (["--durability", "eternal"], "process or disk"),
      (["--tls-key", "x"], "--tls-certificate"), (["--web", "/nonexistent"], "--web DIR"),
      (["--modules", "/nonexistent"], "oneup build"),
      (["--config", "/nonexistent.yaml"], "nonexistent.yaml"),
    ] {
      let outcome = try Program.run(["serve", "--data", "/nonexistent/data"] + arguments)
      #expect(outcome.status == 78 && outcome.errors.contains(word), "\(arguments): \(outcome.errors)")
    }
  }
}
