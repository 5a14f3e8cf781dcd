// A module of which there may be so many rooms on the whole server, with two workers that have them.
import Foundation
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

  private func built(in place: String) throws -> String {
    let sources = URL(fileURLWithPath: place + "/booth/Sources")
    try FileManager.default.createDirectory(at: sources, withIntermediateDirectories: true)
    try Data(#"{"name":"booth","version":"1.0.0","room":"Booth"}"#.utf8).write(
      to: URL(fileURLWithPath: place + "/booth/module.json"))
    try Data(Self.source.utf8).write(to: sources.appendingPathComponent("Booth.swift"))
    let build = Process()
    build.executableURL = RunningServer.program
    build.arguments = ["build", place + "/booth", "--output", place + "/modules"]
    build.standardOutput = Pipe()
    try build.run()
    build.waitUntilExit()
    try #require(build.terminationStatus == 0, "the module is built")
    return place + "/modules"
  }

  @Test func twoWorkersTogetherKeepToIt() throws {
    let place = NSTemporaryDirectory() + "oneup-booth-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: place) }
    let server = try RunningServer(["--modules", try built(in: place)])
    var made = 0
    for n in 1...24 {
      let answer = try server.request(
        "POST", "/v1/rooms", token: server.token, body: #"{"module":"booth","key":"booth-\#(n)"}"#)
      if answer.status == 201 { made += 1 } else { #expect(answer.body.contains("its limit"), "\(answer.body)") }
    }
    // One more for the second worker, at the most.
    #expect(made >= Self.most && made <= Self.most + 1)
    let rooms = try server.request("GET", "/v1/rooms?module=booth").decode([RoomTests.Room].self)
    #expect(rooms.count == made && Set(rooms.map { $0.shard % 2 }).count == 2)
  }
}
