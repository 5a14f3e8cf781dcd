// Outputs: marks, states, conflation, slow consumers, routes that are used again.
import Core
import GatewayCore
import Testing
import Wire

struct OutputTests {
  /// A client attached on r0 by `link`, with nothing waiting.
  static func attached(_ change: (inout GatewaySettings) -> Void = { _ in }) throws -> (
    GatewayScript, ConnectionID, LinkID
  ) {
    var g = GatewayScript(change)
    let (c, l) = try g.member()
    _ = g.frames(c)
    _ = g.dirty()
    return (g, c, l)
  }

  @Test func eachRecipientsFieldsArePatched() throws {
    var (g, c, l) = try Self.attached()
    let d = g.client()
    g.join(d, 300)
    _ = g.records(l)
    try g.attached(l, g.route(1))
    _ = g.frames(d)
    let long = String(repeating: "y", count: 20_000)
    try g.output(l, 9, to: [(g.route(0), 4), (g.route(1), 8)], long)
    #expect(g.frames(c) == ["output 1 9 prev 4 \(long)"])
    #expect(g.frames(d) == ["output 300 9 prev 8 \(long)"])
    try g.state(l, to: [g.route(0), g.route(1)], timeline: 1, asOf: 9, "s")
    #expect(g.frames(c) == ["state 1 timeline 1 asOf 9 s"])
    #expect(g.frames(d) == ["state 300 timeline 1 asOf 9 s"])
  }

  @Test func answersAreForwarded() throws {
    var (g, c, l) = try Self.attached()
    let (shard, epoch, r) = (ShardID(0), ShardEpoch(1), g.route(0))
    try g.hear(l) {
      $0.putAck(shard, epoch, r, InputSeq(5))
      $0.putExpected(shard, epoch, r, InputSeq(6))
      $0.putBusy(shard, epoch, r, InputSeq(7), retryMilliseconds: 50, .frozen)
      $0.putNotice(shard, epoch, routes: [r], kind: 1, text: "frozen")
    }
    #expect(g.frames(c) == ["ack 1 5", "expected 1 6", "busy 1 7 50", "notice 1 1 frozen"])
    #expect(g.records(l) == [])
  }

  @Test func marksArePairs() throws {
    var (g, c, l) = try Self.attached()
    let r = g.route(0)
    try g.output(l, 5, to: [(r, 0)])
    try g.output(l, 5, to: [(r, 0)])
    try g.output(l, 4, to: [(r, 0)])
    #expect(g.frames(c) == ["output 1 5 prev 0 o"])
    g.core.tick(now: g.now)
    #expect(g.records(l).last == "confirm 3", "those below the mark count too")
    // A new timeline begins below the old mark.
    try g.attached(l, r, timeline: 2, mark: 0)
    try g.output(l, 1, to: [(r, 0)])
    #expect(g.frames(c) == ["attached 1 next 1 timeline 2 upTo 0 tally 1", "output 1 1 prev 0 o"])
    try g.state(l, to: [r], timeline: 3, asOf: 7, "s")
    try g.output(l, 7, to: [(r, 1)])
    try g.output(l, 8, to: [(r, 7)])
    #expect(g.frames(c) == ["state 1 timeline 3 asOf 7 s", "output 1 8 prev 7 o"])
    let next = g.link()
    try g.serving(next, 2)
    #expect(g.records(next) == ["attach r0 1 gen 1 timeline 3 last 8", "complete 0@2"])
  }

  @Test func aClientsSecondAttachKeepsTheMarkUntilItIsAnswered() throws {
    var (g, c, l) = try Self.attached()
    let r = g.route(0)
    try g.output(l, 1, to: [(r, 0)])
    g.attach(c, lastOut: 0)
    try g.output(l, 2, to: [(r, 1)])
    try g.attached(l, r, mark: 0)
    try g.output(l, 1, to: [(r, 0)])
    #expect(
      g.frames(c) == [
        "output 1 1 prev 0 o", "output 1 2 prev 1 o", "attached 1 next 1 timeline 1 upTo 0 tally 1",
        "output 1 1 prev 0 o",
      ])
  }

  @Test func confirmationsAreGathered() throws {
    var (g, _, l) = try Self.attached()
    let many = Limits.confirmEveryOutputs
    for n in 1...many - 1 { try g.output(l, n, to: [(g.route(0), n - 1)]) }
    #expect(g.records(l) == [], "a write for each would wake the worker each time")
    try g.output(l, many, to: [(g.route(0), many - 1)])
    #expect(g.records(l) == ["confirm \(many)"])
    try g.output(l, many + 1, to: [(g.route(0), many)])
    g.core.tick(now: g.now)
    #expect(g.records(l) == ["confirm \(many + 1)"], "the rest goes with the next tick")
    g.core.tick(now: g.now)
    #expect(g.records(l) == [])
  }

  @Test func unreliableOutputsAreConflatedWhileStalled() throws {
    var (g, c, l) = try Self.attached()
    g.join(c, 2, room: "b")
    _ = g.records(l)
    try g.attached(l, g.route(1))
    _ = g.frames(c)
    let (r, q) = (g.route(0), g.route(1))
    try g.unreliable(l, to: [r], "u1")
    try g.unreliable(l, to: [r], "u2")
    #expect(g.dirty() == [c])
    g.core.stall(c)
    try g.output(l, 1, to: [(r, 0)], "n1")
    try g.unreliable(l, to: [r, q], "u3")
    try g.output(l, 2, to: [(r, 1)], "n2")
    try g.unreliable(l, to: [r], "u4")
    try g.unreliable(l, to: [q], "u5")
    g.core.writable(c)
    #expect(
      g.frames(c) == [
        "output 1 0 prev 0 u1", "output 1 0 prev 0 u2",  // came before the stall
        "output 1 1 prev 0 n1", "output 1 2 prev 1 n2", "output 1 0 prev 0 u4", "output 2 0 prev 0 u5",
      ])
    try g.unreliable(l, to: [r], "u6")
    try g.unreliable(l, to: [r], "u7")
    #expect(g.frames(c).count == 2, "no longer stalled")
  }

  @Test func unreliableOutputsGiveWay() throws {
    var (g, c, l) = try Self.attached()
    g.core.stall(c)
    let big = String(repeating: "n", count: Limits.unreliablePendingBytesMax)
    try g.output(l, 1, to: [(g.route(0), 0)], big)
    try g.unreliable(l, to: [g.route(0)], "u")
    #expect(g.frames(c).count == 1)
    #expect(g.core.counters.unreliableDropped == 1)
  }

  @Test func aSlowClientIsTold() throws {
    var (g, c, l) = try Self.attached { $0.outboundBytesMax = 70_000 }
    let r = g.route(0)
    g.core.stall(c)
    let big = String(repeating: "n", count: 40_000)
    try g.output(l, 1, to: [(r, 0)], big)
    try g.output(l, 2, to: [(r, 1)], big)
    #expect(!g.core.isClosing(c))
    try g.output(l, 3, to: [(r, 2)], big)
    #expect(g.frames(c) == ["error tooSlow 0 closing"])
    #expect(g.records(l) == ["detach r0 gen 1"])
    #expect(g.core.routeCount == 0)
  }

  @Test func aClientThatOnlyAsksIsBoundedToo() throws {
    var (g, c, _) = try Self.attached { $0.outboundBytesMax = 1_000 }
    for n in 0..<1_000 { g.say(c, .ping(time: UInt64(n) + 1)) }
    #expect(g.frames(c) == ["error tooSlow 0 closing"])
  }

  @Test func aWorkerThatDoesNotTakeInputsIsRepairedLater() throws {
    var (g, c, l) = try Self.attached { $0.linkPendingBytesMax = 100 }
    _ = g.records(l)
    g.core.stallLink(l)
    for n in 1...20 as ClosedRange<UInt64> { g.input(c, 1, n) }
    let sent = g.records(l)
    #expect(sent.count == 4, "33 bytes each, up to a bound of 100")
    #expect(g.records(l) == ["attach r0 1 gen 1 timeline 0 last 0"], "its answer says where to go on")
    g.input(c, 1, 4)
    #expect(g.records(l) == ["input r0 4 x"], "and it goes on")
  }

  @Test func recordsForAnEarlierUseOfARouteFindNothing() throws {
    var (g, c, l) = try Self.attached()
    let old = g.route(0)
    var fresh: Route?
    // Enough memberships come and go that entries are used again.
    for n in 2...200 as ClosedRange<UInt32> {
      g.core.close(c)
      c = g.client()
      g.join(c, n)
      _ = g.records(l)
      let route = g.route(Int(n) - 1)
      if fresh == nil, route != old, route.rawValue & 0xfffff == old.rawValue & 0xfffff { fresh = route }
      if fresh != nil { break }
    }
    let route = try #require(fresh, "the entry was used again, under another route")
    try g.attached(l, route)
    _ = g.frames(c)
    let before = g.core.counters.staleRecords
    try g.output(l, 1, to: [(old, 0)])
    try g.state(l, to: [old], timeline: 9, asOf: 99, "old")
    try g.hear(l) {
      $0.putGone(ShardID(0), ShardEpoch(1), old, last: InputSeq(0), known: true, .left)
      $0.putAck(ShardID(0), ShardEpoch(1), old, InputSeq(3))
    }
    #expect(g.frames(c) == [])
    #expect(g.core.counters.staleRecords == before + 4)
    try g.output(l, 2, to: [(route, 0)])
    #expect(g.frames(c).count == 1)
  }

  @Test func hostileRecordsBreakTheLinkOnly() throws {
    var (g, _, l) = try Self.attached()
    #expect(throws: LinkError.self) { try g.hear(l) { $0.putServing(ShardID(9), ShardEpoch(1)) } }
    #expect(throws: LinkError.self) {
      try g.hear(l) { out in
        let start = out.beginOutput(ShardID(0), ShardEpoch(1), OutSeq(1), count: 0)
        out += [1, 2, 3]
        out.endLink(start)
      }
    }
    #expect(throws: LinkError.self) { try g.hear(l) { $0 += [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] } }
    #expect(throws: LinkError.self) { try g.hear(l) { $0.endLink($0.beginLink(200, ShardID(0), ShardEpoch(1))) } }
  }
}
