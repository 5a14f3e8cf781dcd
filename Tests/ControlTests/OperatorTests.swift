import Foundation
import ServerHarness
import Testing

/// `oneup ps`, `top`, `why` and `doctor` against a real server.
@Suite(.serialized) struct OperatorTests {
  private func make(_ server: RunningServer, _ key: String) throws -> String {
    try server.request("POST", "/v1/rooms", token: server.token, body: #"{"module":"tally","key":"\#(key)"}"#)
      .decode(RoomTests.Made.self).room
  }

  @Test func aServerIsFoundByItsDataDirectory() throws {
    let server = try RunningServer()
    server.waitUntilWhole()
    let ps = try Program.run(["ps", "--data", server.ready.data]) {
      $0.status == 0 && $0.output.split(separator: "\n").count == 7
    }
    #expect(ps.status == 0, "\(ps.errors)")
    let lines = ps.output.split(separator: "\n")
    #expect(lines.count == 7 && lines[0].hasPrefix("PROCESS"), "\(ps.output)")
    #expect(lines[1].hasPrefix("supervisor") && lines[1].contains(String(server.ready.pid)))
    func vitals(_ outcome: Program.Outcome) throws -> LiveTests.Vitals {
      try JSONDecoder().decode(LiveTests.Vitals.self, from: Data(outcome.output.utf8))
    }
    let json = try Program.run(["ps", "--data", server.ready.data, "--json"]) { try vitals($0).processes.count == 6 }
    #expect(try vitals(json).processes.count == 6)
    // By its address, without the directory.
    #expect(try Program.run(["ps", "--data", "/nonexistent", "--http", server.ready.http]).status == 0)
    server.end(SIGTERM)
    #expect(!FileManager.default.fileExists(atPath: server.ready.data + "/serving.json"))
  }

  @Test func withoutAServerEachSaysWhatToDo() throws {
    for command in [["ps"], ["top"], ["why", "tally/a"]] {
      let outcome = try Program.run(command + ["--data", "/nonexistent", "--http", "127.0.0.1:1"])
      #expect(outcome.status == 1 && outcome.output.isEmpty)
      #expect(
        outcome.errors.contains("oneup serve") && outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    }
    let doctor = try Program.run(["doctor", "--data", "/nonexistent", "--http", "127.0.0.1:1"])
    #expect(doctor.status == 1 && doctor.output.contains("BAD   server"))
    #expect(try Program.run(["ps", "--http", "nowhere"]).status == 64)
    #expect(try Program.run(["ps", "--token-file", "/nonexistent"]).status == 64)
  }

  @Test func topLooksOnceWhereThereIsNoTerminal() throws {
    let server = try RunningServer(["--modules", Program.modules])
    _ = try make(server, "lobby")
    // A worker that is late with its answer is left out of a list.
    let top = try Program.run(["top", "--data", server.ready.data]) { $0.output.contains("tally/lobby") }
    #expect(top.status == 0, "\(top.errors)")
    #expect(top.output.contains("0 players") && top.output.contains("tally/lobby") && top.output.contains("1 room, by"))
    func isServed(_ outcome: Program.Outcome) throws -> Bool {
      try JSONDecoder().decode(LiveTests.Vitals.self, from: Data(outcome.output.utf8)).served
    }
    let json = try Program.run(["top", "--data", server.ready.data, "--json", "--once"], until: isServed)
    #expect(try isServed(json))
  }

  @Test func whyPutsARoomIntoSentences() throws {
    let server = try RunningServer(["--modules", Program.modules])
    server.waitUntilWhole()
    let id = try make(server, "a room")
    func why(_ room: String) throws -> Program.Outcome { try Program.run(["why", room, "--data", server.ready.data]) }
    // A worker that has just started on a busy machine may have had a long turn, and then that is said.
    let well = try Program.run(["why", "tally/a room", "--data", server.ready.data]) { $0.status == 0 }
    #expect(well.status == 0 && well.output.contains("Nothing is wrong with it"), "\(well.output) \(well.errors)")
    #expect(well.output.contains(id) && well.output.contains("runs version 1.0.0 in worker"))
    #expect(try why(id).output.contains("tally/a room"))
    let absent = try why("tally/nobody")
    #expect(absent.status == 1 && absent.output.contains("There is no room tally/nobody"))
    let json = try Program.run(["why", "tally/a room", "--json", "--data", server.ready.data])
    struct Told: Decodable {
      var good: Bool
      var sentences: [String]
      var key: String?
    }
    let told = try JSONDecoder().decode(Told.self, from: Data(json.output.utf8))
    #expect(told.good == (json.status == 0) && told.key == "a room" && told.sentences.count > 1)
    let nothing = try Program.run(["why", "nothing/here", "--json", "--data", server.ready.data])
    #expect(nothing.status == 1)
    #expect(try JSONDecoder().decode(Told.self, from: Data(nothing.output.utf8)).sentences[0].contains("tally"))
    #expect(try why("lobby").errors.contains("MODULE/KEY"))

    _ = try server.request(
      "POST", "/v1/rooms/\(id)/end", token: server.token, body: #"{"reason":"the match is over"}"#)
    let ended = try why(id)
    #expect(ended.status == 1 && ended.output.contains("It has ended: the match is over"), "\(ended.output)")
  }

  @Test func whySaysThatTheShardChangedHands() throws {
    let server = try RunningServer(["--modules", Program.modules])
    server.waitUntilWhole()
    let id = try make(server, "moved")
    struct Room: Decodable { var shard: Int }
    let shard = try server.request("GET", "/v1/rooms/\(id)").decode(Room.self).shard
    func owner(_ view: RunningServer.Processes) -> RunningServer.Processes.One? {
      view.processes.first { $0.shards.contains(shard) }
    }
    let view = server.wait("/v1/processes", RunningServer.Processes.self) { $0.isWhole && owner($0) != nil }
    let owner = try #require(view.flatMap(owner))
    let body = #"{"kind":"worker-kill","instance":\#(owner.instance)}"#
    _ = try server.request("POST", "/v1/faults", token: server.token, body: body)
    _ = try #require(server.wait("/v1/recoveries", [ControlTests.Recovery].self) { !$0.isEmpty })
    let why = try Program.run(["why", "tally/moved", "--data", server.ready.data]) {
      $0.output.contains("changed hands")
    }
    #expect(
      why.output.contains("changed hands once") && why.output.contains("worker-kill"), "\(why.output) \(why.errors)")
  }

  @Test func doctorFindsWhatIsNotRight() throws {
    struct Finding: Decodable {
      var grade: String
      var subject: String
    }
    let server = try RunningServer(["--modules", Program.modules])
    server.waitUntilWhole()
    func look() throws -> (Int32, [String: String]) {
      let outcome = try Program.run(["doctor", "--json", "--data", server.ready.data])
      let findings = try JSONDecoder().decode([Finding].self, from: Data(outcome.output.utf8))
      return (outcome.status, Dictionary(findings.map { ($0.subject, $0.grade) }, uniquingKeysWith: { $1 }))
    }
    var (_, well) = try look()
    let subjects = ["server", "shards", "spare", "modules", "admin token", "session key"]
    // On a busy machine a process may just be on its way.
    let deadline = ContinuousClock.now + .seconds(60)
    while subjects.contains(where: { well[$0] != "ok" }), ContinuousClock.now < deadline { (_, well) = try look() }
    for subject in subjects { #expect(well[subject] == "ok", "\(subject)") }
    for subject in ["clock", "open files", "accept queue", "memory maps", "swap", "disk space", "journals"] {
      #expect(well[subject] != nil, "\(subject)")
    }
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o644], ofItemAtPath: server.ready.data + "/admin-token")
    let (status, ill) = try look()
    #expect(status == 1 && ill["admin token"] == "bad")
  }
}
