import Foundation
import ServerHarness
import Testing

/// Rooms in which nobody is, in a real server: made over HTTP and never joined, asleep, after deaths of everything.
@Suite(.serialized) struct ReleaseSleepTests {
  struct Report: Decodable {
    var verdict: String
    var rooms: Int
    var events: Int
    var failedRestores: Int
    var notes: [String]?
  }
  struct Rollout: Decodable {
    var id: String
    var gate: String
    var state: String
    var why: String
    var waitsForRoom: Bool?
    var rehearsal: Report?
    var rooms: ReleaseTests.Rollout.Rooms
  }
  private struct Releases: Decodable {
    struct Module: Decodable {
      var name: String
      var rollout: Rollout?
    }
    var modules: [Module]
    var purse: Rollout? { modules.first { $0.name == "purse" }?.rollout }
  }
  private struct Room: Decodable {
    var id: String
    var module: String
    var key: String?
    var phase: String
    var version: String
  }

  private func rehearsed(_ server: RunningServer) throws -> Report {
    let found = server.wait("/v1/releases", Releases.self) { $0.purse?.rehearsal != nil }
    return try #require(found?.purse?.rehearsal, "\(server.log)")
  }
  private func takeBack(_ server: RunningServer) throws {
    #expect(try ReleaseTests.order(server, "rollback").status == 200)
    #expect(server.wait("/v1/releases", Releases.self) { $0.purse == nil } != nil)
    let unban = #"{"reason":"a test","version":"hotfix-1.0.0-v1"}"#
    #expect(try ReleaseTests.order(server, "unban", unban).status == 200)
  }

  @Test func everyRoomWithARecordIsRehearsed() throws {
    let server = try ReleaseTests.server(["--bake-seconds", "60", "--step-events", "1000"])
    // Two of them have gone through something, the others were only made.
    for n in 1...20 { try ReleaseTests.signal(server, room: n % 2, 1, key: "\(n)") }
    #expect(try ReleaseTests.push(server, PurseModule.good).status == 202)
    let first = try rehearsed(server)
    // The way back to six rooms on one build leaves the record divided; what is asked for is all of them, every time.
    #expect(first.rooms == 6 && first.failedRestores == 0 && first.events >= 26, "\(first) \(server.log)")
    try takeBack(server)
    // Another owner, that has them from its log.
    _ = try server.request("POST", "/v1/faults", token: server.token, body: #"{"kind":"worker-kill"}"#)
    // It is answered before it happens.
    #expect(server.wait("/v1/recoveries", [ControlTests.Recovery].self) { !$0.isEmpty } != nil, "\(server.log)")
    server.waitUntilWhole()
    #expect(try ReleaseTests.push(server, PurseModule.good).status == 202)
    let second = try rehearsed(server)
    #expect(second.rooms == 6 && second.failedRestores == 0, "\(second)")
    try takeBack(server)
    server.end(SIGTERM)
    try server.dieAndStartAgain()
    server.waitUntilWhole()
    #expect(try ReleaseTests.push(server, PurseModule.good).status == 202)
    let third = try rehearsed(server)
    #expect(third.rooms == 6 && third.failedRestores == 0, "\(third)")
  }

  private func asleep(_ server: RunningServer) -> Bool {
    let deadline = Date(timeIntervalSinceNow: 120)
    while Date() < deadline {
      if let rooms = try? server.request("GET", "/v1/rooms").decode([Room].self), rooms.count == 6,
        rooms.allSatisfy({ $0.phase == "asleep" && $0.module == "purse" })
      {
        return true
      }
      usleep(100_000)
    }
    return false
  }

  /// A minute passes until rooms without anybody sleep.
  @Test func whereAllRoomsSleepItSaysSoAndGoesOnWithTheFirstThatWakes() throws {
    let server = try ReleaseTests.server(["--bake-seconds", "0", "--step-events", "1"])
    for n in 1...20 { try ReleaseTests.signal(server, room: n % 2, 1, key: "\(n)") }
    #expect(asleep(server))
    // Whoever dies without a word may find some of them awake for a minute; a stop in order leaves them as they are.
    func startAgain() throws {
      server.end(SIGTERM)
      try server.dieAndStartAgain()
      server.waitUntilWhole()
    }
    try startAgain()
    #expect(asleep(server), "they stay asleep over a restart")
    let id = try #require(server.request("GET", "/v1/rooms").decode([Room].self).first).id
    let why = try Program.run(["why", id, "--data", server.ready.data])
    #expect(why.output.contains("Room \(id) of purse sleeps on disk"), "\(why.output) \(why.errors)")
    #expect(try ReleaseTests.push(server, PurseModule.good).status == 202)
    // It is verified, and a rehearsal has begun.
    try startAgain()
    let report = try rehearsed(server)
    #expect(report.rooms == 6 && report.events >= 26, "\(report)")
    #expect(report.notes?.contains("of the rooms, 6 sleep") == true, "\(report)")
    func waits() -> Rollout? {
      server.wait("/v1/releases", Releases.self) { $0.purse?.waitsForRoom == true }?.purse
    }
    let paused = try #require(waits(), "\(server.log)")
    #expect(paused.state == "paused" && paused.gate == "canary", "\(paused)")
    #expect(
      paused.why.contains("6 rooms sleep and follow") && paused.why.contains("goes on by itself"), "\(paused.why)")
    let shown = try Program.run(["release", "show", "purse", "--data", server.ready.data])
    #expect(shown.output.contains("6 asleep") && shown.output.contains("goes on by itself"), "\(shown.output)")
    let doctor = try Program.run(["doctor", "--data", server.ready.data])
    #expect(!doctor.output.contains("oneup release resume purse"), "\(doctor.output)")
    // Whoever is started again here still knows it.
    try startAgain()
    #expect(try #require(waits()).why.contains("6 rooms sleep"), "\(server.log)")
    // One wakes: it runs it, and beside it there is nobody.
    try ReleaseTests.signal(server, room: 3, 5, key: "wakes")
    let goesOn = server.wait("/v1/releases", Releases.self) { $0.purse?.rooms.new == 1 || $0.purse == nil }
    #expect(goesOn != nil, "\(server.log)")
    var died: Set<String> = []
    let done = try ReleaseTests.wait(server) { module, ended in
      if let rollout = module.rollout, rollout.state == "running", died.insert(rollout.gate).inserted {
        do { try server.dieAndStartAgain() } catch { Issue.record(error) }
      }
      return module.rollout == nil && ended.first?.state == "done"
    }
    #expect(done, "\(server.log)")
    #expect(try ReleaseTests.total(server, room: 1) >= 10)
    let all = try ReleaseTests.wait(server) { _, _ in (try? ReleaseTests.versions(server)) == ["hotfix-1.0.0-v1"] }
    #expect(all)
  }
}
