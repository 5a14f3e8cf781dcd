// A module of which there may be so many rooms on the whole server, with two workers that have them.
import ServerHarness
import Testing

@Suite(.serialized) struct RoomLimitTests {
  private static let most = 6
  private static let source = """
    import OneUpRoom

    struct Booth: Room {
      static let settings = Settings(roomsMax: \(most))
      mutating func fields<C: Coder>(_ c: inout C) {}
    }
    """

  @Test func twoWorkersTogetherKeepToIt() throws {
    let scratch = try Scratch()
    let server = try RunningServer(["--modules", MadeModule.build("booth", "Booth", in: scratch.path, Self.source)])
    var made = 0
    for n in 1...24 {
      let answer = try server.request(
        "POST", "/v1/rooms", token: server.token, body: #"{"module":"booth","key":"booth-\#(n)"}"#)
      if answer.status == 201 { made += 1 } else { #expect(answer.body.contains("its limit"), "\(answer.body)") }
    }
    // One more for the second worker, at the most.
    #expect(made >= Self.most && made <= Self.most + 1)
    let all = server.wait("/v1/rooms?module=booth", [RoomTests.Room].self) { $0.count >= made }
    let rooms = try #require(all)
    #expect(rooms.count == made && Set(rooms.map { $0.shard % 2 }).count == 2)
  }
}
