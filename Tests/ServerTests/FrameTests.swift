import Foundation
import ServerHarness
import Testing

/// Frames that no good client sends: a named answer to their sender, and nothing to anybody else.
@Suite struct FrameTests {
  private func answer(_ server: RunningServer, hello: Bool = true, _ bytes: [UInt8]) throws -> Answer? {
    let player = try Player(server, hello: hello)
    player.stream.send(bytes)
    let answer = player.receive()
    if answer?.isClosing == true { #expect(player.receive() == nil, "it says that it closes") }
    return answer
  }

  @Test func hostileFrames() throws {
    let scratch = try Scratch()
    let server = try RunningServer(data: scratch.path + "/data", ["--shards", "2"])
    let neighbour = try Player(server)
    _ = try neighbour.enter("r")
    neighbour.add(1, 5)
    #expect(neighbour.next(Kind.ack)?.fields.numbers[2] == 1)
    var forged = neighbour.token
    forged[forged.count - 1] ^= 1
    func join(_ id: UInt64, _ module: [UInt8], _ key: [UInt8], _ parameters: [UInt8] = []) -> [UInt8] {
      frame(2, number(1, id) + blob(2, module) + blob(3, key) + blob(4, parameters))
    }
    let tally = Array("tally".utf8)
    // What is sent, after a Hello or instead of it; the error's code; whether the connection ends.
    let cases: [(String, Bool, [UInt8], UInt64, Bool)] = [
      ("garbage", true, big(20) + [UInt8](repeating: 0xFF, count: 20), 1, true),
      ("no bytes", true, big(0), 1, false), ("no bytes first", false, big(0), 3, true),
      ("64 KiB and one", true, big(65_537), 2, true), ("4 GiB", false, big(.max), 2, true),
      ("a ping before Hello", false, frame(6, fixed(1, 1)), 3, true),
      ("a second Hello", true, frame(1, number(1, 1)), 3, true),
      ("version 7", false, frame(1, number(1, 7)), 4, true),
      ("no token", false, frame(1, number(1, 1) + blob(3, [1, 2, 3])), 5, true),
      ("a forged token", false, frame(1, number(1, 1) + blob(3, forged)), 5, true),
      ("a long name", false, frame(1, number(1, 1) + blob(2, [UInt8](repeating: 110, count: 65))), 2, true),
      ("input without a join", true, frame(4, number(1, 9) + number(2, 1)), 8, false),
      ("leave without a join", true, frame(5, number(1, 4_000_000_000) + number(2, 1)), 8, false),
      ("join 0", true, join(0, tally, [114]), 1, false),
      ("no such module", true, join(1, Array("nope".utf8), [114]), 6, false),
      ("a long module", true, join(1, [UInt8](repeating: 110, count: 65), [114]), 2, false),
      ("a module that is no text", true, join(1, [0xFF, 0xFE], [114]), 1, true),
      ("a long key", true, join(1, tally, [UInt8](repeating: 110, count: 129)), 2, false),
      ("long parameters", true, join(1, tally, [114], [UInt8](repeating: 1, count: 4_097)), 2, false),
      ("an unknown kind", true, frame(30, []), 1, false),
    ]
    for (what, hello, bytes, code, isClosing) in cases {
      let answer = try answer(server, hello: hello, bytes)
      #expect(answer?.code == code && answer?.isClosing == isClosing, "\(what): \(String(describing: answer))")
      #expect(answer?.fields.text(2).isEmpty == false, "\(what)")
    }
    // Cut off in the middle of a frame, and noise.
    for _ in 0..<20 {
      try Player(server, hello: false).stream.send((0..<200).map { _ in UInt8.random(in: 0...255) })
      try Player(server).stream.send(big(1_000) + [1, 2, 3])
    }
    neighbour.add(2, 6)
    #expect(neighbour.next(Kind.ack)?.fields.numbers[2] == 2)
    #expect(count(try Player(server).enter("r")) == 2)
    #expect(try server.get("/v1/recoveries") == "[]", "nothing died of it")
  }

  @Test func numbersOutOfOrder() throws {
    let scratch = try Scratch()
    let server = try RunningServer(data: scratch.path + "/data", ["--shards", "2"])
    let player = try Player(server)
    _ = try player.enter("r")
    player.add(1 << 63, 1)
    #expect(player.receive().map { [$0.kind, $0.fields.numbers[2]] } == [Kind.expected, 1])
    player.add(1, 10)
    #expect(player.next(Kind.ack)?.fields.numbers[2] == 1)
    player.add(1, 10)
    #expect(
      player.receive().map { [$0.kind, $0.fields.numbers[2]] } == [Kind.ack, 1], "a repeated one is acknowledged only")
    player.input(2, [0x77])
    #expect(player.next(Kind.output)?.fields.blobs[4].map { Fields($0).numbers[2] } == 1, "refused by the module")
    player.input(3, [UInt8](repeating: 1, count: 40_000))
    #expect(player.next(Kind.output)?.fields.blobs[4].map { Fields($0).numbers[2] } == 3, "rejected by the server")
    #expect(player.next(Kind.ack)?.fields.numbers[2] == 3)
    player.add(4, 11)
    #expect(player.next(Kind.ack)?.fields.numbers[2] == 4)
    #expect(count(try Player(server).enter("r")) == 2)
  }

  @Test func tooManyMemberships() throws {
    let scratch = try Scratch()
    let server = try RunningServer(data: scratch.path + "/data", ["--shards", "2"])
    let player = try Player(server)
    for id in 1...65 { player.join(UInt64(id), "tally", "m\(id)") }
    let error = player.next(Kind.error)
    #expect(error?.code == 9 && error?.fields.numbers[4] == 65)
    player.add(1, 1)
    #expect(player.next(Kind.ack)?.fields.numbers[2] == 1, "the others go on")
  }
}
