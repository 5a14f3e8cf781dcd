// Connections and sessions: greeting, replacing, closing, bounds, hostile orders of frames.
import Core
import GatewayCore
import Testing
import Wire

struct SessionTests {
  @Test func greeting() {
    var g = GatewayScript()
    let c = g.open()
    g.hello(c)
    #expect(g.frames(c) == ["welcome 1"])
    g.say(c, .ping(time: 42))
    #expect(g.frames(c) == ["pong 42"])
    g.hello(c)
    #expect(g.frames(c) == ["error outOfOrder 0 closing"])
    #expect(g.core.isClosing(c))
    g.say(c, .ping(time: 43))
    #expect(g.frames(c) == [], "a closing connection is not heard")
  }

  @Test(arguments: [
    ClientMessage.ping(time: 1), .leave(JoinID(1), InputSeq(1)),
    .input(JoinID(1), InputSeq(1), stamp: 0, payload: []),
    .join(JoinID(1), module: [65], key: [], parameters: []),
    .attach(JoinID(1), RoomID(1), Timeline(1), lastOut: OutSeq(0)), .unknown,
  ])
  func nothingBeforeHello(_ message: ClientMessage) {
    var g = GatewayScript()
    let c = g.open()
    g.say(c, message)
    #expect(g.frames(c) == ["error outOfOrder 0 closing"])
  }

  @Test func refusedHellos() {
    var g = GatewayScript()
    let old = g.open()
    g.hello(old, version: 2)
    #expect(g.frames(old) == ["error version 0 closing"])
    let bad = g.open()
    g.say(bad, .hello(ClientMessage.Hello(version: 1, name: [], ticket: .bad)))
    #expect(g.frames(bad) == ["error badToken 0 closing"])
    let long = g.open()
    g.say(long, .hello(ClientMessage.Hello(version: 1, name: [UInt8](repeating: 65, count: 65), ticket: .bad)))
    #expect(g.frames(long) == ["error tooLarge 0 closing"])
  }

  @Test func handshakeDeadline() {
    var g = GatewayScript { $0.handshakeMicroseconds = 500 }
    let silent = g.open()
    let quick = g.client()
    g.now.monotonic = 500
    g.core.tick(now: g.now)
    #expect(g.frames(silent) == ["error tooSlow 0 closing"])
    #expect(g.frames(quick) == [])
  }

  @Test func aNewerConnectionTakesOver() throws {
    var g = GatewayScript()
    let session = SessionID(epoch: GatewayEpoch(1), counter: 1)
    let (old, l) = try g.member()
    try g.output(l, 1, to: [(g.route(0), 0)])
    _ = g.frames(old)
    let new = g.open()
    g.hello(new, resuming: session)
    #expect(g.frames(old) == ["error replaced 0 closing"])
    #expect(g.frames(new) == ["welcome 1 resumed"])
    g.attach(new, timeline: 1, lastOut: 1)
    #expect(
      g.records(l) == ["detach r0 gen 1", "attach r1 1 gen 2 timeline 1 last 1"],
      "the old one is detached first, in its own generation")
    try g.output(l, 2, to: [(g.route(0), 1)])
    #expect(g.frames(new) == [], "what was for the old attachment")
    try g.attached(l, g.route(1), mark: 1)
    try g.output(l, 2, to: [(g.route(1), 1)])
    g.core.close(old)
    g.input(new, 1, 1)
    #expect(g.records(l) == ["input r1 1 x"], "the old connection's end harms nobody")
    #expect(g.frames(new).last == "output 1 2 prev 1 o")
  }

  @Test func anotherLoopHasTheNewerConnection() {
    var g = GatewayScript()
    let c = g.client()
    let session = SessionID(epoch: GatewayEpoch(1), counter: 1)
    g.core.claimed(session, by: Generation(epoch: GatewayEpoch(1), counter: 1))
    #expect(g.frames(c) == [], "not newer")
    g.core.claimed(session, by: Generation(epoch: GatewayEpoch(1), counter: 5))
    #expect(g.frames(c) == ["error replaced 0 closing"])
  }

  @Test func closingDetachesAskedAttachmentsOnly() throws {
    var g = GatewayScript(shards: 2)
    let c = g.client()
    let l = g.link()
    // Rooms of both shards; only one shard has an owner.
    var keys: [ShardID: String] = [:]
    for n in 0..<20 { keys[g.shards.shard(of: g.room("\(n)"))] = "\(n)" }
    g.join(c, 1, room: try #require(keys[ShardID(0)]))
    g.join(c, 2, room: try #require(keys[ShardID(1)]))
    try g.serving(l)
    #expect(g.records(l) == ["join r0 1 gen 1", "complete 0@1"])
    g.core.close(c)
    #expect(g.records(l) == ["detach r0 gen 1"])
    try g.serving(l, shard: 1)
    #expect(g.records(l) == ["complete 1@1"])
    #expect(g.core.connectionCount == 0)
    #expect(g.core.routeCount == 0)
  }

  @Test func lateCallsForAClosedConnectionDoNothing() {
    var g = GatewayScript()
    let first = g.client()
    g.core.close(first)
    let second = g.client()
    #expect(first.slot == second.slot)
    g.say(first, .malformed)
    g.core.close(first)
    g.core.stall(first)
    g.core.writable(first)
    #expect(g.core.isClosing(first))
    g.say(second, .ping(time: 1))
    #expect(g.frames(second) == ["pong 1"])
  }

  @Test func bounds() {
    var g = GatewayScript { $0.connectionsPerAddressMax = 2 }
    let c = g.client()
    for n in 1...64 { g.join(c, UInt32(n)) }
    #expect(g.frames(c) == [])
    g.join(c, 65)
    #expect(g.frames(c) == ["error tooMany 65"])
    g.join(c, 0)
    g.say(c, .join(JoinID(70), module: [], key: [], parameters: []))
    g.say(c, .join(JoinID(71), module: [65], key: [UInt8](repeating: 1, count: 129), parameters: []))
    g.say(c, .leave(JoinID(1), InputSeq(0)))
    #expect(g.frames(c) == ["error malformed 0", "error malformed 70", "error tooLarge 71", "error malformed 1"])
    g.say(c, .unknown)
    #expect(g.frames(c) == ["error malformed 0"])
    let second = g.open()
    let third = g.open()
    #expect(g.frames(third) == ["error tooMany 0 closing"])
    g.core.close(second)
    g.core.close(third)
    #expect(g.frames(g.open()) == [])
    var full = GatewayScript { $0.connectionsMax = 1 }
    let first = full.open()
    #expect(full.frames(first) == [])
    #expect(full.frames(full.open()) == ["error tooMany 0 closing"])
  }

  // MARK: The stream of bytes

  static func framed(_ frames: [[UInt8]]) -> [UInt8] {
    var bytes: [UInt8] = []
    for frame in frames {
      bytes.put(UInt32(frame.count).byteSwapped)
      bytes += frame
    }
    return bytes
  }

  @Test func piecesOfAStream() throws {
    var g = GatewayScript()
    let (c, l) = try g.member()
    let input: [UInt8] = [0x22, 7, 0x08, 1, 0x10, 1, 0x1a, 1, 65]
    let stream = Self.framed([input, [0x32, 0], input])
    for cut in 0...stream.count {
      var rest = stream[...]
      var decoded = 0
      for piece in [stream[..<cut], stream[...]] {
        let bytes = Array(piece.suffix(from: max(piece.startIndex, rest.startIndex)))
        let received = bytes.withUnsafeBytes {
          g.core.receive(c, $0, now: g.now) { frame in
            decoded += 1
            #expect(Array(frame) == [0x32, 0])
            return .ping(time: 0)
          }
        }
        #expect(received.pauseMicroseconds == 0)
        rest = rest.dropFirst(received.consumed)
      }
      #expect(rest.isEmpty)
      #expect(decoded == 1)
      #expect(g.records(l) == ["input r0 1 A", "input r0 1 A"])
    }
  }

  @Test func tooLargeAndMalformedEndTheStream() {
    var g = GatewayScript()
    let c = g.client()
    let received = [UInt8]([0, 1, 0, 1, 9, 9]).withUnsafeBytes {
      g.core.receive(c, $0, now: g.now) { _ in .unknown }
    }
    #expect(received.consumed == 6)
    #expect(g.frames(c) == ["error tooLarge 0 closing"])
    let d = g.client()
    let stream = Self.framed([[0xff], [0x32, 0]])
    _ = stream.withUnsafeBytes { g.core.receive(d, $0, now: g.now) { _ in .malformed } }
    #expect(g.frames(d) == ["error malformed 0 closing"])
  }

  @Test func theRateIsHeldByPauses() {
    var g = GatewayScript {
      $0.framesPerSecond = 1_000
      $0.framesBurst = 2
    }
    let c = g.client()
    let stream = Self.framed(Array(repeating: [0x32, 0], count: 4))
    func offer(_ bytes: ArraySlice<UInt8>) -> Received {
      Array(bytes).withUnsafeBytes { g.core.receive(c, $0, now: g.now) { _ in .ping(time: 3) } }
    }
    #expect(offer(stream[...]) == Received(consumed: 12, pauseMicroseconds: 1_000))
    #expect(offer(stream[12...]) == Received(consumed: 0, pauseMicroseconds: 1_000))
    g.now.monotonic += 1_000
    #expect(offer(stream[12...]) == Received(consumed: 6, pauseMicroseconds: 1_000))
    g.now.monotonic += 60_000_000
    #expect(offer(stream[18...]) == Received(consumed: 6, pauseMicroseconds: 0))
    #expect(g.frames(c).count == 4)
  }

  /// A loop of joins that are refused would else write an event for each.
  @Test func aJoinCostsManyFrames() {
    var g = GatewayScript {
      $0.framesPerSecond = 1_000
      $0.framesBurst = 30
    }
    let c = g.client()
    let stream = Self.framed(Array(repeating: [0x32, 0], count: 3))
    func offer(_ bytes: ArraySlice<UInt8>) -> Received {
      Array(bytes).withUnsafeBytes {
        g.core.receive(c, $0, now: g.now) { _ in .join(JoinID(1), module: Array("tally".utf8), key: [], parameters: [])
        }
      }
    }
    #expect(offer(stream[...]) == Received(consumed: 12, pauseMicroseconds: 11_000))
    g.now.monotonic += 11_000
    #expect(offer(stream[12...]) == Received(consumed: 6, pauseMicroseconds: 0))
  }
}
