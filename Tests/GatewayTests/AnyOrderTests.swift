// Any order of events that clients and workers can cause: nothing traps, a client never sees a number twice within one
// attachment, nothing is left behind, and the same seed gives the same bytes.
import Core
import GatewayCore
import Testing
import Wire

private struct Random: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state ^ state >> 33) &* 0xff51_afd7_ed55_8ccd
  }
  mutating func below(_ n: Int) -> Int { Int.random(in: 0..<n, using: &self) }
}

struct AnyOrderTests {
  private struct Run {
    var g: GatewayScript
    var random: Random
    var clients: [ConnectionID] = []
    var links: [LinkID] = []
    var epoch: UInt32 = 0
    /// What each connection has seen, by join id: the last number since `Attached` or `State`.
    var seen: [ConnectionID: [String: UInt64]] = [:]
    var trace: [String] = []

    init(_ seed: UInt64) {
      random = Random(state: seed)
      g = GatewayScript {
        $0.ownerWaitMicroseconds = 5_000
        $0.handshakeMicroseconds = 5_000
        $0.outboundBytesMax = 3_000
        $0.linkPendingBytesMax = 400
      }
    }

    mutating func step() throws {
      g.now.monotonic += Int64(random.below(50))
      switch random.below(10) {
      case 0: try change()
      case 1...5: say()
      case 6...8: try hear()
      default: drain()
      }
    }

    private mutating func change() throws {
      switch random.below(6) {
      case 0: clients.append(g.open())
      case 1: clients.append(g.client())
      case 2: clients.append(g.client(resuming: SessionID(epoch: GatewayEpoch(1), counter: UInt32(random.below(9)))))
      case 3: if !clients.isEmpty { g.core.close(clients.remove(at: random.below(clients.count))) }
      case 4: links.append(g.core.openLink())
      default: if !links.isEmpty { g.core.closeLink(links.remove(at: random.below(links.count)), now: g.now) }
      }
      g.core.tick(now: g.now)
    }

    private mutating func say() {
      guard let c = clients.randomElement(using: &random) else { return }
      let joinID = UInt32(random.below(4))
      switch random.below(8) {
      case 0: g.join(c, joinID, room: "\(joinID)")
      case 1:
        g.attach(c, joinID, room: "\(joinID)", timeline: UInt64(random.below(3)), lastOut: UInt64(random.below(9)))
      case 2: g.say(c, .leave(JoinID(joinID), InputSeq(UInt64(random.below(3)))))
      case 3: g.say(c, .ping(time: 1))
      case 4: g.hello(c)
      case 5: g.say(c, random.below(20) == 0 ? .malformed : .unknown)
      default: g.input(c, joinID, UInt64(random.below(5)))
      }
    }

    private mutating func hear() throws {
      guard let l = links.randomElement(using: &random) else { return }
      if random.below(5) == 0 {
        epoch += 1
        return try g.serving(l, epoch)
      }
      let stale = random.below(4) == 0 ? UInt32(random.below(3)) : 0
      let (e, n) = (ShardEpoch(max(1, epoch) - min(stale, max(1, epoch) - 1)), UInt64(random.below(30)))
      // Routes that were given out, and some that never were.
      let r = Route(UInt32(random.below(12)) | UInt32(random.below(3)) << 20)
      switch random.below(8) {
      case 0, 1: try g.attached(l, r, timeline: UInt64(random.below(3)), mark: n, epoch: e.rawValue)
      case 2: try g.state(l, to: [r], timeline: 1, asOf: n, "s", epoch: e.rawValue)
      case 3: try g.unreliable(l, to: [r], "u", epoch: e.rawValue)
      case 4: try g.hear(l) { $0.putAck(ShardID(0), e, r, InputSeq(n)) }
      case 5: try g.hear(l) { $0.putGone(ShardID(0), e, r, last: InputSeq(n), known: false, .unknown) }
      case 6:
        try g.hear(l) { $0.putRefused(ShardID(0), e, r, .full, retryMilliseconds: 1, text: "full") }
      default: try g.output(l, n + 1, to: [(r, 0), (Route(r.rawValue + 1), 0)], epoch: e.rawValue)
      }
    }

    mutating func drain() {
      while let c = g.core.nextDirty() {
        if random.below(3) == 0 { g.core.stall(c) } else { look(c) }
      }
      while let l = g.core.nextDirtyLink() {
        if random.below(3) == 0 { g.core.stallLink(l) } else { trace += g.records(l) }
      }
      for c in clients where random.below(2) == 0 { g.core.writable(c) }
      for l in links where random.below(2) == 0 { g.core.linkWritable(l) }
    }

    private mutating func look(_ c: ConnectionID) {
      let frames = g.frames(c)
      trace += frames
      for frame in frames {
        let words = frame.split(separator: " ").map(String.init)
        switch words[0] {
        case "attached", "state", "gone": seen[c, default: [:]][words[1]] = nil
        case "output":
          let seq = UInt64(words[2])!
          guard seq > 0 else { continue }
          if let last = seen[c]?[words[1]], seq <= last { Issue.record("\(seq) after \(last)") }
          seen[c, default: [:]][words[1]] = seq
        default: break
        }
      }
    }

    mutating func end() {
      for c in clients { g.core.close(c) }
      for l in links { g.core.closeLink(l, now: g.now) }
    }
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>) func anyOrder(_ seed: UInt64) throws {
    var traces: [[String]] = []
    for _ in 0..<2 {
      var run = Run(seed)
      for _ in 0..<4_000 { try run.step() }
      run.end()
      #expect(run.g.core.connectionCount == 0)
      #expect(run.g.core.routeCount == 0)
      traces.append(run.trace)
    }
    #expect(traces[0].count > 500, "something happened")
    #expect(traces[0] == traces[1], "the same calls give the same bytes")
  }
}
