// A module made for the tests of signals: a till whose total only the game's own backend changes.
import Foundation
import ServerHarness
import Testing

enum TillModule {
  private static let source = """
    import OneUpRoom

    struct Till: Room {
      static let settings = Settings(clientsMayCreate: false)
      var total: UInt32 = 0
      mutating func fields<C: Coder>(_ c: inout C) { c(1, "total", &total) }

      mutating func create(_ room: Context) throws(Refused) {
        room.label("the till")
        room.property("currency", "gems")
      }
      mutating func signal(_ message: Incoming, _ room: Context) throws(Refused) {
        var reader = message.reader
        let amount = try reader.u8()
        guard amount != 255 else { throw Refused("not so much at once") }
        precondition(amount != 254, "a bug")
        total += UInt32(amount)
        room.reply([UInt8(truncatingIfNeeded: total)])
      }
    }
    """

  /// A directory of modules with the till in it; built once for all tests.
  static let directory: Result<String, any Error> = Result {
    try MadeModule.build("till", "Till", in: MadeModule.place("till"), source)
  }
}

@Suite(.serialized) struct SignalTests {
  private func signal(
    _ server: RunningServer, _ amount: UInt8, _ key: String, to room: String = "main"
  ) throws -> RunningServer.Answer {
    try server.untilTaken {
      try server.request(
        "POST", "/v1/signals/till/\(room)", token: server.token,
        body: String(decoding: [amount], as: UTF8.self), headers: ["Idempotency-Key: \(key)"])
    }
  }
  private func total(_ server: RunningServer, _ id: String) throws -> Int {
    struct Room: Decodable {
      struct State: Decodable { var total: Int }
      var state: State
    }
    return try server.request("GET", "/v1/rooms/\(id)").decode(Room.self).state.total
  }
  private func make(_ server: RunningServer) throws -> String {
    let made = try server.request(
      "POST", "/v1/rooms", token: server.token, body: #"{"module":"till","key":"main"}"#)
    #expect(made.status == 201, "\(made.body)")
    return try made.decode(RoomTests.Made.self).room
  }

  @Test func aSignalIsAppliedOnceHoweverOftenItIsSent() throws {
    let server = try RunningServer(["--modules", try TillModule.directory.get()])
    #expect(try signal(server, 1, "before").status == 404)
    let id = try make(server)
    let first = try signal(server, 5, "order-1")
    #expect(first.status == 200 && Array(first.body.utf8) == [5], "\(first.status) \(first.body)")
    for _ in 0..<3 { #expect(try signal(server, 5, "order-1").body == first.body) }
    #expect(try Array(signal(server, 2, "order-2").body.utf8) == [7])
    #expect(try total(server, id) == 7)
    let rooms = server.wait("/v1/rooms?label=the+till&property=currency%3Dgems", [RoomTests.Room].self) {
      !$0.isEmpty
    }
    #expect(rooms?.map(\.id) == [id])
  }

  @Test func whatWasAnsweredOutlivesTheWorker() throws {
    let server = try RunningServer(["--modules", try TillModule.directory.get()])
    server.waitUntilWhole()
    let id = try make(server)
    for n in 1...12 {
      if n % 4 == 0 {
        _ = try server.request("POST", "/v1/faults", token: server.token, body: #"{"kind":"worker-kill"}"#)
      }
      #expect(try Array(signal(server, 1, "n-\(n)").body.utf8) == [UInt8(n)])
      // The answer was lost on its way: the same again.
      #expect(try Array(signal(server, 1, "n-\(n)").body.utf8) == [UInt8(n)])
    }
    #expect(try total(server, id) == 12)
  }
}
