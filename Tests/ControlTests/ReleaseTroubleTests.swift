import Foundation
import ServerHarness
import Testing

/// What a server does when its disk takes nothing, and when those are not trusted any more who signed what it runs.
@Suite(.serialized) struct ReleaseTroubleTests {
  struct Entry: Decodable {
    var n: Int
    var what: String
    var why: String
  }
  private func audit(_ server: RunningServer) throws -> [Entry] {
    try server.request("GET", "/v1/audit").decode([Entry].self)
  }
  private func staged(_ server: RunningServer) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: server.ready.data + "/releases/incoming")
  }
  private func purse(_ server: RunningServer) throws -> ReleaseTests.Releases.Module? {
    try server.request("GET", "/v1/releases").decode(ReleaseTests.Releases.self).purse
  }

  @Test func anOrderThatTheDiskDoesNotTakeIsRefused() throws {
    let server = try ReleaseTests.server(["--bake-seconds", "60", "--step-events", "1"])
    // The state goes through a file of this name, which a directory stands in the way of.
    let wall = server.ready.data + "/releases/rollouts.json.tmp"
    // While it is being saved the file is there.
    func block() throws {
      let deadline = Date(timeIntervalSinceNow: 60)
      while true {
        do {
          return try FileManager.default.createDirectory(atPath: wall, withIntermediateDirectories: false)
        } catch { if Date() > deadline { throw error } }
        usleep(1_000)
      }
    }
    func unblock() throws { try FileManager.default.removeItem(atPath: wall) }
    try block()
    let pushed = try ReleaseTests.push(server, PurseModule.good)
    #expect(pushed.status == 503 && pushed.body.contains("the disk does not take"), "\(pushed)")
    #expect(try purse(server)?.rollout == nil && staged(server).isEmpty)
    let tool = try Program.run([
      "release", "push", "--shelf", PurseModule.good, "--data", server.ready.data, "--no-wait",
    ])
    #expect(tool.status == 1 && tool.errors.contains("say it again"), "\(tool)")
    try unblock()
    #expect(try ReleaseTests.push(server, PurseModule.good).status == 202)
    #expect(try audit(server).filter { $0.what == "pushed" }.count == 1)
    let isOnOne = try ReleaseTests.wait(server) { module, _ in
      module.rollout?.gate == "canary" && module.rollout?.rooms.new == 1
    }
    #expect(isOnOne, "\(server.log)")
    // Another one is not taken now, and leaves nothing.
    #expect(try ReleaseTests.push(server, PurseModule.bad).status == 422 && staged(server).isEmpty)
    try block()
    let paused = try ReleaseTests.order(server, "pause")
    #expect(paused.status == 503 && paused.body.contains("the disk does not take"), "\(paused)")
    #expect(try purse(server)?.rollout?.state == "running")
    #expect(try !audit(server).contains { $0.what == "paused" })
    try unblock()
    #expect(try ReleaseTests.order(server, "pause").decode(ReleaseTests.Rollout.self).state == "paused")
    // What was answered is there after everything has died.
    try server.dieAndStartAgain()
    #expect(try purse(server)?.rollout?.state == "paused")
    #expect(try audit(server).filter { $0.what == "paused" }.count == 1)
    #expect(try Program.run(["audit", "verify", "--data", server.ready.data]).status == 0)
  }

  @Test func entriesThatAKillKeptOutOfTheLogAreWrittenAtTheNextStart() throws {
    let server = try ReleaseTests.server(["--bake-seconds", "60", "--step-events", "1"])
    #expect(try ReleaseTests.push(server, PurseModule.good).status == 202)
    #expect(try ReleaseTests.wait(server) { module, _ in module.rollout?.rooms.new == 1 })
    #expect(try ReleaseTests.order(server, "pause").status == 200)
    let before = try audit(server)
    #expect(before.last?.what == "paused")
    // As if it had been killed between the state and the log.
    server.end(SIGKILL)
    let log = URL(fileURLWithPath: server.ready.data + "/releases/audit.log")
    let lines = try String(contentsOf: log, encoding: .utf8).split(separator: "\n")
    try Data((lines.dropLast().joined(separator: "\n") + "\n").utf8).write(to: log)
    try server.dieAndStartAgain()
    let again = server.wait("/v1/audit", [Entry].self) { $0.count == before.count }
    #expect(again?.map(\.what) == before.map(\.what) && again?.last?.why == before.last?.why, "\(server.log)")
    #expect(try Program.run(["audit", "verify", "--data", server.ready.data]).status == 0)
  }

  @Test func aBuildThatNobodyTrustedSignedIsGivenToNoNewRoom() throws {
    let place = try ReleaseIntakeTests.Place()
    let server = try RunningServer(["--modules", place.modules])
    func make(_ key: String) throws -> RunningServer.Answer {
      try server.request("POST", "/v1/rooms", token: server.token, body: #"{"module":"purse","key":"\#(key)"}"#)
    }
    #expect(try make("p0").status == 201)
    try ReleaseTests.signal(server, room: 0, 5, key: "before")
    // The key of development is trusted no more.
    server.arguments.removeAll { $0 == "--dev" }
    server.arguments += ["--trust", place.key + ".pub"]
    try server.dieAndStartAgain()
    #expect(server.log.contains("no new room gets purse 1.0.0: only this server's own key"), "\(server.log)")
    #expect(try make("p1").status != 201)
    let answer = try ReleaseTests.signal(server, room: 0, 2, key: "after")
    #expect(answer.status == 200 && Array(answer.body.utf8) == [7], "rooms that run it go on: \(answer)")
    let isGone = server.wait("/v1/releases", ReleaseTests.Releases.self) { $0.purse?.current == nil }
    #expect(isGone != nil)
    let doctor = try Program.run(["doctor", "--data", server.ready.data])
    #expect(doctor.status == 1 && doctor.output.contains("new rooms of purse cannot be made"), "\(doctor.output)")
    #expect(doctor.output.contains("oneup sign"), "\(doctor.output)")
    // Signed anew where it lies, it is taken.
    try place.sign(place.modules + "/purse.json")
    let isBack = server.wait("/v1/releases", ReleaseTests.Releases.self) { $0.purse?.current?.version == "1.0.0" }
    #expect(isBack != nil, "\(server.log)")
    #expect(try make("p1").status == 201)
  }

  @Test func whatIsRefusedIsTriedAgainOnlyWhereAnotherAnswerMayCome() throws {
    let place = try ReleaseIntakeTests.Place()
    try place.sign(place.modules + "/purse.json")
    let server = try RunningServer(["--modules", place.modules, "--trust", place.key + ".pub"], isDevelopment: false)
    try place.put(PurseModule.good, as: "purse-fix", in: place.modules, isSigned: false)
    let refused = server.wait("/v1/audit", [Entry].self) { $0.contains { $0.what == "refused" } }
    let count = try #require(refused?.count)
    for start in 1...2 {
      try server.dieAndStartAgain()
      let deadline = Date(timeIntervalSinceNow: 60)
      while server.log.components(separatedBy: "is still refused").count <= start, Date() < deadline { usleep(10_000) }
      #expect(server.log.components(separatedBy: "is still refused").count > start, "it was not looked at again")
      #expect(try audit(server).count == count, "\(server.log)")
    }
    try place.sign(place.modules + "/purse-fix.json")
    let done = server.wait("/v1/releases", ReleaseTests.Releases.self) {
      $0.purse?.current?.version == "hotfix-1.0.0-v1"
    }
    #expect(done != nil, "\(server.log)")
  }
}
