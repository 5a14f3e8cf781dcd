import Foundation
import ServerHarness
import Testing

/// Releases of a real server, with its processes killed for real.
@Suite(.serialized) struct ReleaseTests {
  // MARK: What a server says

  struct Build: Decodable, Equatable {
    var version: String
    var sha256: String
  }
  struct Rollout: Decodable {
    struct Rooms: Decodable {
      var new: Int
      var old: Int
      var probation: Int
      var total: Int
    }
    var id: String
    var from: Build?
    var to: Build
    var gate: String
    var state: String
    var why: String
    var rooms: Rooms
    var isOver: Bool { ["done", "refused", "rolledBack"].contains(state) }
  }
  struct Releases: Decodable {
    struct Module: Decodable {
      struct Version: Decodable {
        var version: String
        var state: String
      }
      var name: String
      var current: Build?
      var rollout: Rollout?
      var versions: [Version]
    }
    struct Shelved: Decodable { var file: String }
    var modules: [Module]
    var shelf: [Shelved]
    var purse: Module? { modules.first { $0.name == "purse" } }
  }
  struct Room: Decodable {
    var id: String
    var version: String
    var key: String
  }

  // MARK: What is asked of it

  private static let fast = ["--bake-seconds", "0", "--step-events", "1"]
  /// So that each step can be seen, and something killed in it.
  private static let watchable = ["--bake-seconds", "1", "--step-events", "1"]

  static func server(_ extra: [String] = fast, rooms: Int = 6) throws -> RunningServer {
    let server = try RunningServer(["--modules", try PurseModule.directory.get()] + extra)
    for n in 0..<rooms {
      let made = try server.request(
        "POST", "/v1/rooms", token: server.token, body: #"{"module":"purse","key":"p\#(n)"}"#)
      #expect(made.status == 201, "\(made.body)")
    }
    return server
  }

  static func push(
    _ server: RunningServer, _ file: String, now: Bool = false
  ) throws -> RunningServer.Answer {
    try server.request(
      "POST", "/v1/releases", token: server.token, body: #"{"shelf":"\#(file)","now":\#(now),"reason":"a test"}"#)
  }
  static func order(_ server: RunningServer, _ verb: String, _ body: String = #"{"reason":"a test"}"#) throws
    -> RunningServer.Answer
  {
    try server.request("POST", "/v1/releases/purse/\(verb)", token: server.token, body: body)
  }

  /// Puts an amount into each room until the rollouts are as wanted.
  static func wait(
    _ server: RunningServer, amount: UInt8 = 1, until holds: (Releases.Module, [Rollout]) -> Bool
  ) throws -> Bool {
    let deadline = Date(timeIntervalSinceNow: 180)
    var n = 0
    while Date() < deadline {
      n += 1
      for room in 0..<6 { _ = try? signal(server, room: room, amount, key: "\(UUID().uuidString)") }
      if let releases = try? server.request("GET", "/v1/releases").decode(Releases.self), let purse = releases.purse,
        let ended = try? server.request("GET", "/v1/releases/purse/history").decode([Rollout].self),
        holds(purse, ended)
      {
        return true
      }
      usleep(20_000)
    }
    return false
  }
  @discardableResult
  static func signal(_ server: RunningServer, room: Int, _ amount: UInt8, key: String) throws -> RunningServer.Answer {
    try server.request(
      "POST", "/v1/signals/purse/p\(room)", token: server.token, body: String(decoding: [amount], as: UTF8.self),
      headers: ["Idempotency-Key: \(key)"])
  }
  static func versions(_ server: RunningServer, rooms count: Int = 6) throws -> Set<String> {
    let rooms = server.wait("/v1/rooms?module=purse", [Room].self) { $0.count >= count }
    return Set(try #require(rooms, "\(server.log)").map(\.version))
  }
  static func total(_ server: RunningServer, room: Int) throws -> Int {
    struct Detail: Decodable {
      struct State: Decodable { var total: Int }
      var state: State
    }
    // A worker that is late with its answer is left out of a list.
    let key = "p\(room)"
    let rooms = server.wait("/v1/rooms?module=purse", [Room].self) { $0.contains { $0.key == key } }
    let id = try #require(rooms?.first { $0.key == key }?.id)
    return try server.request("GET", "/v1/rooms/\(id)").decode(Detail.self).state.total
  }

  // MARK: Tests

  @Test func aRoomThatItsCodeFrozeGoesOnWithAnotherBuild() throws {
    struct Frozen: Decodable { var frozen: String? }
    func frozen(_ server: RunningServer) throws -> Int {
      try server.request("GET", "/v1/rooms?module=purse").decode([Frozen].self).count { $0.frozen != nil }
    }
    let server = try Self.server()
    #expect(try Self.push(server, PurseModule.bad).status == 202)
    #expect(try Self.wait(server) { _, ended in ended.first?.state == "done" }, "\(server.log)")
    #expect(try Self.versions(server) == ["hotfix-1.0.0-v2"])
    try Self.signal(server, room: 0, 14, key: "fourteen")
    #expect(server.wait("/v1/rooms?module=purse", [Frozen].self) { $0.contains { $0.frozen != nil } } != nil)
    #expect(try frozen(server) == 1 && Self.signal(server, room: 0, 1, key: "while frozen").status != 200)
    #expect(try Self.order(server, "rollback").status < 300)
    let areBack = try Self.wait(server) { module, _ in
      module.rollout == nil && (try? Self.versions(server)) == ["1.0.0"]
    }
    #expect(areBack, "\(server.log)")
    let total = try Self.total(server, room: 0)
    #expect(try frozen(server) == 0 && Self.signal(server, room: 0, 13, key: "after").status == 200)
    #expect(try Self.total(server, room: 0) == total + 13)
  }

  @Test func aGoodBuildReachesEveryRoomAndNewOnes() throws {
    let server = try Self.server()
    try Self.signal(server, room: 0, 5, key: "before")
    let stream = try LiveStream(server)
    let pushed = try Self.push(server, PurseModule.good)
    #expect(pushed.status == 202, "\(pushed.body)")
    let id = try pushed.decode(Rollout.self).id
    let done = try Self.wait(server) { module, ended in
      stream.keepUp()
      return ended.contains { $0.id == id && $0.isOver }
    }
    let history = try server.request("GET", "/v1/releases/purse/history").decode([Rollout].self)
    #expect(done && history.first?.state == "done", "\(history) \(server.log)")
    #expect(try Self.versions(server) == ["hotfix-1.0.0-v1"])
    #expect(try Self.total(server, room: 0) >= 5)
    _ = try server.request("POST", "/v1/rooms", token: server.token, body: #"{"module":"purse","key":"new"}"#)
    #expect(try Self.versions(server) == ["hotfix-1.0.0-v1"])
    #expect(try server.request("GET", "/v1/modules/purse").body.contains("hotfix-1.0.0-v1"))
    _ = try #require(try stream.next("release", Rollout.self) { $0.id == id && $0.state == "done" })
    struct Entry: Decodable {
      var n: Int
      var what: String
    }
    let audit = try server.request("GET", "/v1/audit").decode([Entry].self)
    #expect(Set(audit.map(\.what)).isSuperset(of: ["pushed", "verified", "canary", "permanent", "done"]), "\(audit)")
    #expect(try server.request("GET", "/v1/audit?after=\(audit.count - 1)").decode([Entry].self).count == 1)
    let list = try Program.run(["release", "list", "--data", server.ready.data])
    #expect(list.status == 0 && list.output.contains("new rooms get hotfix-1.0.0-v1"), "\(list)")
    #expect(try Program.run(["release", "history", "purse", "--data", server.ready.data]).output.contains("done"))
    // The same bytes again are no release, and there is a way back.
    #expect(try Self.push(server, PurseModule.good).status == 422)
    #expect(try Self.order(server, "rollback").status == 200)
    #expect(try Self.wait(server) { module, _ in module.rollout == nil && module.current?.version == "1.0.0" })
    #expect(try Self.versions(server) == ["1.0.0"])
  }

  @Test func aBadBuildTakesItselfBackAndStaysAway() throws {
    let server = try Self.server(["--bake-seconds", "30", "--step-events", "1000"])
    for room in 0..<6 { try Self.signal(server, room: room, 7, key: "before") }
    let pushed = try Self.push(server, PurseModule.bad, now: true)
    #expect(pushed.status == 202, "\(pushed.body)")
    let id = try pushed.decode(Rollout.self).id
    let onAll = try Self.wait(server, amount: 0) { module, _ in module.rollout?.rooms.new == 6 }
    #expect(onAll, "\(server.log)")
    // The new version fails at it; the old one, which listens, does not: it stands.
    let answer = try Self.signal(server, room: 3, 13, key: "unlucky")
    #expect(answer.status == 200 && Array(answer.body.utf8) == [20], "\(answer.status) \(answer.body)")
    let back = try Self.wait(server, amount: 0) { _, ended in ended.contains { $0.id == id && $0.state == "rolledBack" }
    }
    #expect(back, "\(server.log)")
    #expect(try Self.versions(server) == ["1.0.0"])
    #expect(try Self.total(server, room: 3) == 20 && Self.total(server, room: 0) == 7)
    let show = try Program.run(["release", "show", "purse", "--data", server.ready.data])
    #expect(show.output.contains("rehearsal: skipped, because admin wanted it at once"), "\(show.output)")
    #expect(!show.output.contains("rehearsal: thin"), "\(show.output)")
    let doctor = try Program.run(["doctor", "--data", server.ready.data])
    #expect(doctor.output.contains("version-failed once within the last hour"), "\(doctor.output)")
    let again = try Self.push(server, PurseModule.bad, now: true)
    #expect(again.status == 422 && again.body.contains("banned"), "\(again.body)")
    #expect(try Self.order(server, "unban", #"{"version":"hotfix-1.0.0-v2"}"#).status == 400)
    let unban = ["release", "unban", "purse", "hotfix-1.0.0-v2", "--data", server.ready.data]
    #expect(try Program.run(unban).status == 64)
    let said = try Program.run(unban + ["--reason", "a test"])
    #expect(said.status == 0, "\(said)")
    #expect(try Self.push(server, PurseModule.bad, now: true).status == 202)
    #expect(try Self.order(server, "rollback").status == 200)
  }

  @Test func controlIsKilledAndTheRolloutGoesOn() throws {
    let server = try Self.server(Self.watchable)
    let id = try Self.push(server, PurseModule.good).decode(Rollout.self).id
    var kills = 0
    let done = try Self.wait(server) { module, ended in
      if kills < 3, let rollout = module.rollout, rollout.id == id, rollout.gate != "verify" {
        kills += 1
        _ = try? server.request("POST", "/v1/faults", token: server.token, body: #"{"kind":"control-kill"}"#)
      }
      return ended.contains { $0.id == id && $0.isOver }
    }
    #expect(done && kills > 0, "\(server.log)")
    #expect(try Self.versions(server) == ["hotfix-1.0.0-v1"])
  }

  @Test func workersAreKilledAndTheRolloutGoesOn() throws {
    let server = try Self.server(Self.watchable)
    server.waitUntilWhole()
    let id = try Self.push(server, PurseModule.good).decode(Rollout.self).id
    var kills = 0
    let done = try Self.wait(server) { module, ended in
      if kills < 2, let rollout = module.rollout, rollout.id == id, rollout.rooms.new > kills {
        kills += 1
        _ = try? server.request("POST", "/v1/faults", token: server.token, body: #"{"kind":"worker-kill"}"#)
      }
      return ended.contains { $0.id == id && $0.isOver }
    }
    #expect(done && kills > 0, "\(server.log)")
    #expect(try Self.versions(server) == ["hotfix-1.0.0-v1"])
  }

  @Test func theServerIsStartedAgainAtEachGate() throws {
    let server = try Self.server(Self.watchable)
    let id = try Self.push(server, PurseModule.good).decode(Rollout.self).id
    var died: Set<String> = []
    let done = try Self.wait(server) { module, ended in
      if let rollout = module.rollout, rollout.id == id, died.insert(rollout.gate).inserted {
        do { try server.dieAndStartAgain() } catch { Issue.record(error) }
      }
      return ended.contains { $0.id == id && $0.isOver }
    }
    let history = try server.request("GET", "/v1/releases/purse/history").decode([Rollout].self)
    #expect(done && history.first?.state == "done", "\(history) \(server.log)")
    // The first and the last may be over before anybody looks.
    #expect(died.isSuperset(of: ["rehearse", "canary"]), "\(died)")
    let all = try Self.wait(server) { module, _ in (try? Self.versions(server)) == ["hotfix-1.0.0-v1"] }
    let versions = try Self.versions(server)
    #expect(all, "\(versions)")
  }

  @Test func aRolloutIsPausedResumedAndTakenBack() throws {
    let server = try Self.server(["--bake-seconds", "60", "--step-events", "1"])
    let id = try Self.push(server, PurseModule.good).decode(Rollout.self).id
    #expect(try Self.push(server, PurseModule.bad).status == 422)
    #expect(try Self.wait(server) { module, _ in module.rollout?.gate == "canary" && module.rollout?.rooms.new == 1 })
    #expect(try Self.order(server, "resume").status == 409)
    #expect(try Self.order(server, "pause").decode(Rollout.self).state == "paused")
    let doctor = try Program.run(["doctor", "--data", server.ready.data])
    #expect(doctor.output.contains("purse hotfix-1.0.0-v1 waits at canary: admin paused it"), "\(doctor.output)")
    #expect(doctor.output.contains("oneup release resume purse"), "\(doctor.output)")
    #expect(try Self.order(server, "resume").decode(Rollout.self).state == "running")
    #expect(try Self.order(server, "rollback").status == 200)
    #expect(try Self.wait(server) { _, ended in ended.contains { $0.id == id && $0.state == "rolledBack" } })
    #expect(try Self.versions(server) == ["1.0.0"])
    #expect(try Self.order(server, "pause").status == 409)
    #expect(try server.request("POST", "/v1/releases/purse/pause", body: "{}").status == 401)
  }
}
