import Foundation
import ServerHarness
import Testing

/// Rooms over HTTP, as a game's own backend uses them.
@Suite(.serialized) struct RoomTests {
  struct Made: Decodable { var room: String }
  struct Room: Decodable, Equatable {
    var id: String
    var module: String
    var key: String
    var version: String
    var shard: Int
    var members: Int
    var locked: Bool
    var ended: String?
  }
  struct Detail: Decodable {
    struct Event: Decodable {
      var seq: UInt64
      var kind: String
    }
    var id: String
    var locked: Bool
    var ended: String?
    var lastEvents: [Event]
  }

  static func server() throws -> RunningServer { try RunningServer(["--modules", Program.modules]) }

  private func make(_ server: RunningServer, _ key: String, module: String = "tally") throws -> RunningServer.Answer {
    try server.untilTaken {
      try server.request(
        "POST", "/v1/rooms", token: server.token, body: #"{"module":"\#(module)","key":"\#(key)"}"#)
    }
  }

  @Test func aRoomIsMadeOnceFoundAndLookedInto() throws {
    let server = try Self.server()
    let made = try make(server, "lobby")
    #expect(made.status == 201, "\(made.body) \(server.log)")
    let id = try made.decode(Made.self).room
    // The same room again: it is there already.
    #expect(try make(server, "lobby").decode(Made.self).room == id)
    let rooms = try #require(server.wait("/v1/rooms", [Room].self) { !$0.isEmpty })
    #expect(rooms.map(\.id) == [id] && rooms[0].key == "lobby" && rooms[0].members == 0 && !rooms[0].locked)
    let detail = try server.request("GET", "/v1/rooms/\(id)")
    #expect(detail.status == 200, "\(detail.body)")
    #expect(try detail.decode(Detail.self).lastEvents.contains { $0.kind.contains("create") }, "\(detail.body)")
    #expect(try server.request("GET", "/v1/rooms/0000000000000000").status == 404)
    #expect(try server.request("GET", "/v1/rooms/lobby").status == 400)
  }

  @Test func aListIsFilteredAndPaged() throws {
    let server = try Self.server()
    var made: [String] = []
    for n in 0..<7 { made.append(try make(server, "room \(n) ä/ö").decode(Made.self).room) }
    // A worker that is late with its answer is left out of a list.
    _ = try #require(server.wait("/v1/rooms", [Room].self) { $0.count == 7 })
    var seen: [String] = []
    var after = ""
    while true {
      let page = try server.request("GET", "/v1/rooms?limit=3&after=\(after)")
      let rooms = try page.decode([Room].self)
      seen += rooms.map(\.id)
      let next = page.head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("x-oneup-next: ") }
      guard let next else { break }
      #expect(rooms.count == 3)
      after = String(next.dropFirst(14))
      #expect(after == rooms.last?.id)
    }
    #expect(seen == made.sorted())
    func count(_ query: String) throws -> Int {
      try server.request("GET", "/v1/rooms?\(query)").decode([Room].self).count
    }
    #expect(try count("module=tally") == 7 && count("module=other") == 0)
    #expect(try count("state=ready") == 7 && count("state=locked") == 0)
    #expect(try count("label=x") == 0 && count("property=map%3Ddust") == 0)
    for state in ["asleep", "repairing", "stopped", "frozen", "ended"] { #expect(try count("state=\(state)") == 0) }
    let nonsense = try server.request("GET", "/v1/rooms?state=NONSENSE")
    #expect(nonsense.status == 400 && nonsense.body.contains("NONSENSE") && nonsense.body.contains("asleep, ready"))
    for wrong in ["limit=0", "limit=x", "limit=20001", "colour=red", "module=%zz", "property=x", "state="] {
      let answer = try server.request("GET", "/v1/rooms?\(wrong)")
      #expect(answer.status == 400 && answer.body.contains("error"), "\(wrong)")
    }
  }

  @Test func aRoomIsLockedUnlockedAndEnded() throws {
    let server = try Self.server()
    let id = try make(server, "match").decode(Made.self).room
    func post(_ verb: String, _ body: String) throws -> Int {
      try server.request("POST", "/v1/rooms/\(id)/\(verb)", token: server.token, body: body).status
    }
    func room() throws -> Detail { try server.request("GET", "/v1/rooms/\(id)").decode(Detail.self) }
    #expect(try post("lock", #"{"locked":true}"#) == 200)
    #expect(try room().locked)
    #expect(server.wait("/v1/rooms?state=locked", [Room].self) { !$0.isEmpty }?.map(\.id) == [id])
    #expect(try post("lock", #"{"locked":false}"#) == 200)
    #expect(try !room().locked)
    #expect(try post("kick", #"{"slot":3,"reason":"nobody"}"#) == 404)
    #expect(try post("end", #"{"reason":"the match is over"}"#) == 200)
    let rooms = try #require(server.wait("/v1/rooms", [Room].self) { !$0.isEmpty })
    #expect(rooms.allSatisfy { $0.ended == "the match is over" }, "\(rooms)")
    #expect(try server.request("GET", "/v1/events").body.contains("ended room \(id)"))
    for (verb, body) in [("lock", "{}"), ("kick", "{}"), ("end", ""), ("lock", "[")] {
      #expect(try post(verb, body) == 400, "\(verb) \(body)")
    }
  }

  @Test func whatIsNoRoomIsRefusedInASentence() throws {
    let server = try Self.server()
    let cases = [
      (#"{"module":"nothing","key":"a"}"#, 409), (#"{"module":"../x","key":"a"}"#, 400),
      (#"{"module":"tally","key":""}"#, 400), (#"{"module":"tally"}"#, 400), ("{", 400),
      (#"{"module":"tally","key":"a","parameters":"!"}"#, 400),
      (#"{"module":"tally","key":"\#(String(repeating: "x", count: 129))"}"#, 400),
    ]
    for (body, status) in cases {
      let answer = try server.request("POST", "/v1/rooms", token: server.token, body: body)
      #expect(
        answer.status == status && answer.body.contains(#""error":""#), "\(body): \(answer.status) \(answer.body)")
    }
  }

  @Test func signalsNeedAKeyAndARoom() throws {
    let server = try Self.server()
    _ = try make(server, "a/b")
    let path = "/v1/signals/tally/a%2Fb"
    let token = try server.token
    #expect(try server.request("POST", path, token: token, body: "x").status == 400)
    let long = "Idempotency-Key: \(String(repeating: "k", count: 65))"
    #expect(try server.request("POST", path, token: token, body: "x", headers: [long]).status == 400)
    let key = "Idempotency-Key: order-1"
    #expect(try server.request("POST", "/v1/signals/tally/none", token: token, headers: [key]).status == 404)
    // tally takes no signals, and says so the same way each time.
    let first = try server.request("POST", path, token: token, body: "x", headers: [key])
    #expect(first.status == 409, "\(first.status) \(first.body)")
    #expect(
      try server.request("POST", "/v1/signals/tally/a/b", token: token, body: "x", headers: [key]).body == first.body)
  }

  @Test func nothingIsChangedWithoutTheToken() throws {
    let server = try Self.server()
    let id = try make(server, "mine").decode(Made.self).room
    for path in [
      "/v1/rooms", "/v1/rooms/\(id)/kick", "/v1/rooms/\(id)/lock", "/v1/rooms/\(id)/end", "/v1/signals/tally/mine",
      "/v1/faults",
    ] {
      for headers in [[], ["Origin: https://evil.example"]] {
        let body = #"{"module":"tally","key":"x","slot":0,"locked":true,"reason":"","kind":"worker-kill"}"#
        let answer = try server.request("POST", path, body: body, headers: headers + ["Idempotency-Key: 1"])
        #expect(answer.status == 401, "\(path)")
        #expect(!answer.head.lowercased().contains("access-control-allow"))
      }
    }
    #expect(server.wait("/v1/rooms", [Room].self) { !$0.isEmpty }?.count == 1)
    #expect(try server.request("GET", "/v1/recoveries").body == "[]")
  }

  @Test func aRoomIsMadeWhileItsWorkerIsReplaced() throws {
    let server = try Self.server()
    server.waitUntilWhole()
    for n in 0..<6 {
      if n % 3 == 0 {
        _ = try server.request("POST", "/v1/faults", token: server.token, body: #"{"kind":"worker-kill"}"#)
      }
      let made = try make(server, "during-\(n)")
      #expect(made.status == 201, "\(made.status) \(made.body)")
    }
    _ = try #require(server.wait("/v1/rooms", [Room].self) { $0.count == 6 })
  }
}
