// Joining, attaching, and the repair of attachments when their owner changes.
import Core
import GatewayCore
import Testing
import Wire

struct AttachmentTests {
  @Test func joinWaitsForAnOwnerThenInputsFlow() throws {
    var g = GatewayScript()
    let c = g.client()
    g.join(c)
    let l = g.link()
    #expect(g.records(l) == [])
    try g.serving(l)
    #expect(g.records(l) == ["join r0 1 gen 1", "complete 0@1"])
    g.input(c, 1, 1, "early")
    #expect(g.records(l) == [], "not attached yet: the client sends it again")
    try g.attached(l, g.route(0))
    #expect(g.frames(c) == ["attached 1 next 1 timeline 1 upTo 0 tally 1"])
    g.input(c, 1, 1, "a")
    g.say(c, .leave(JoinID(1), InputSeq(2)))
    #expect(g.records(l) == ["input r0 1 a", "leave r0 2"])
  }

  @Test func completeIsSentWithoutAttachments() throws {
    var g = GatewayScript()
    let l = g.link()
    try g.serving(l)
    #expect(g.records(l) == ["complete 0@1"])
    try g.serving(l)
    #expect(g.records(l) == [], "the same news again is none")
  }

  @Test func aJoinOnItsWayIsNotSentTwice() throws {
    var g = GatewayScript()
    let c = g.client()
    let l = g.link()
    try g.serving(l)
    g.join(c)
    g.join(c)
    #expect(g.records(l) == ["complete 0@1", "join r0 1 gen 1"])
    try g.attached(l, g.route(0))
    g.join(c)
    #expect(g.records(l) == ["attach r0 1 gen 1 timeline 0 last 0"], "a member that joins again is attached again")
    g.join(c, room: "b")
    #expect(g.frames(c).last == "error malformed 1")
  }

  @Test func aNewOwnerIsAskedForEveryMember() throws {
    var g = GatewayScript()
    let c = g.client()
    let d = g.client()
    let l = g.link()
    try g.serving(l)
    g.join(c)
    g.join(d, 4)
    _ = g.records(l)
    try g.attached(l, g.route(0))
    try g.state(l, to: [g.route(0)], timeline: 1, asOf: 0, "s")
    try g.output(l, 3, to: [(g.route(0), 0)])
    _ = (g.frames(c), g.records(l))
    let next = g.link()
    g.core.closeLink(l, now: g.now)
    g.input(c, 1, 1)
    #expect(g.frames(c) == [], "members stay connected, inputs are dropped silently")
    try g.serving(next, 2)
    #expect(
      g.records(next) == [
        "attach r0 1 gen 1 timeline 1 last 3", "join r1 4 gen 2", "complete 0@2",
      ])
    try g.attached(next, g.route(0), next: 1, mark: 3, epoch: 2)
    try g.output(next, 3, to: [(g.route(0), 0)], epoch: 2)
    try g.output(next, 4, to: [(g.route(0), 3)], epoch: 2)
    #expect(g.frames(c) == ["attached 1 next 1 timeline 1 upTo 3 tally 1", "output 1 4 prev 3 o"])
  }

  @Test func adoptionIsHeardBeforeTheOldLinkCloses() throws {
    var g = GatewayScript()
    let c = g.client()
    let old = g.link()
    let new = g.link()
    try g.serving(old)
    g.join(c)
    _ = g.records(old)
    try g.attached(old, g.route(0))
    try g.serving(new, 2)
    #expect(g.records(new) == ["attach r0 1 gen 1 timeline 0 last 0", "complete 0@2"])
    _ = g.frames(c)
    try g.output(old, 1, to: [(g.route(0), 0)])
    try g.hear(old) { [r = g.route(0)] in $0.putAck(ShardID(0), ShardEpoch(1), r, InputSeq(9)) }
    #expect(g.frames(c) == [], "the old owner is not heard any more")
    g.core.tick(now: g.now)
    #expect(g.records(old) == ["confirm 1"], "but what it has sent is counted")
    g.core.closeLink(old, now: g.now)
    try g.attached(new, g.route(0), epoch: 2)
    g.input(c, 1, 1)
    #expect(g.records(new) == ["input r0 1 x"])
    try g.serving(new, 1)
    #expect(g.records(new) == [], "older epochs are void")
  }

  @Test func theSameOwnerOnANewLink() throws {
    var g = GatewayScript()
    _ = try g.member()
    let second = g.link()
    try g.serving(second)
    #expect(g.records(second) == ["attach r0 1 gen 1 timeline 0 last 0", "complete 0@1"])
  }

  @Test func aClientsAttachSaysWhatTheClientHas() throws {
    var g = GatewayScript()
    let c = g.client()
    let l = g.link()
    try g.serving(l)
    g.attach(c, timeline: 7, lastOut: 12)
    #expect(g.records(l) == ["complete 0@1", "attach r0 1 gen 1 timeline 7 last 12"])
    let next = g.link()
    try g.serving(next, 2)
    #expect(g.records(next) == ["attach r0 1 gen 1 timeline 7 last 12", "complete 0@2"], "not answered: asked again")
  }

  @Test func aTimelineIsNotClaimedBeforeItsStateHasCome() throws {
    var g = GatewayScript()
    let c = g.client()
    let l = g.link()
    try g.serving(l)
    g.attach(c, timeline: 7, lastOut: 12)
    _ = g.records(l)
    // Not the timeline that the client has: a state is to come, but the owner dies first.
    try g.attached(l, g.route(0), timeline: 8, mark: 0)
    let second = g.link()
    try g.serving(second, 2)
    #expect(g.records(second) == ["attach r0 1 gen 1 timeline 0 last 0", "complete 0@2"], "so that the state is sent")
    try g.attached(second, g.route(0), timeline: 8, mark: 0, epoch: 2)
    try g.state(second, to: [g.route(0)], timeline: 8, asOf: 20, "s", epoch: 2)
    let third = g.link()
    try g.serving(third, 3)
    #expect(g.records(third) == ["attach r0 1 gen 1 timeline 8 last 20", "complete 0@3"])
  }

  @Test func waitingForAnOwnerEnds() throws {
    var g = GatewayScript { $0.ownerWaitMicroseconds = 1_000 }
    let c = g.client()
    g.join(c)
    g.now.monotonic = 999
    g.core.tick(now: g.now)
    #expect(g.frames(c) == [])
    g.now.monotonic = 1_000
    g.core.tick(now: g.now)
    #expect(g.frames(c) == ["error unavailable 1"])
    #expect(g.core.routeCount == 0)
    let l = g.link()
    try g.serving(l)
    #expect(g.records(l) == ["complete 0@1"])
  }

  @Test func aWaitThatWasOverDoesNotShortenTheNext() throws {
    var g = GatewayScript { $0.ownerWaitMicroseconds = 1_000 }
    let c = g.client()
    g.join(c)
    let l = g.link()
    try g.serving(l)
    g.now.monotonic = 900
    g.core.closeLink(l, now: g.now)
    g.now.monotonic = 1_100
    g.core.tick(now: g.now)
    #expect(g.frames(c) == [])
    g.now.monotonic = 1_900
    g.core.tick(now: g.now)
    #expect(g.frames(c) == ["error unavailable 1"])
  }

  @Test func attachedMembersWaitForEver() throws {
    var g = GatewayScript { $0.ownerWaitMicroseconds = 1_000 }
    let (c, l) = try g.member()
    _ = g.frames(c)
    g.core.closeLink(l, now: g.now)
    g.now.monotonic = 1_000_000_000
    g.core.tick(now: g.now)
    #expect(g.frames(c) == [])
    #expect(g.core.routeCount == 1)
  }

  @Test func goneAndRefusedFreeTheRoute() throws {
    var g = GatewayScript()
    let c = g.client()
    let l = g.link()
    try g.serving(l)
    g.join(c, 1)
    g.join(c, 2)
    _ = g.records(l)
    try g.attached(l, g.route(0))
    _ = g.frames(c)
    let (first, second) = (g.route(0), g.route(1))
    try g.hear(l) {
      $0.putGone(ShardID(0), ShardEpoch(1), first, last: InputSeq(4), known: true, .kicked)
      $0.putRefused(ShardID(0), ShardEpoch(1), second, .unknownModule, retryMilliseconds: 0, text: "no tally")
    }
    #expect(g.frames(c) == ["gone 1 4 true removed by the room", "error unknownModule 2"])
    #expect(g.core.routeCount == 0)
    g.input(c, 1, 5)
    g.input(c, 1, 6)
    #expect(g.frames(c) == ["error notAttached 1"], "told once")
    g.core.close(c)
    #expect(g.records(l) == [], "nothing is left to detach")
  }

  /// It has asked nothing, and may have nothing more to send: it must learn that it is to ask.
  @Test func aMemberThatTheNextOwnerDoesNotTakeBackIsTold() throws {
    var g = GatewayScript()
    let (c, l) = try g.member()
    let route = g.route(0)
    _ = g.frames(c)
    g.core.closeLink(l, now: g.now)
    let next = g.link()
    try g.serving(next, 2)
    try g.hear(next) {
      $0.putRefused(ShardID(0), ShardEpoch(2), route, .busy, retryMilliseconds: 500, text: "no place")
    }
    #expect(g.frames(c) == ["error notAttached 1"])
    #expect(g.core.routeCount == 0)
    g.input(c, 1, 5)
    #expect(g.frames(c) == [], "told once")
    g.attach(c, 1)
    _ = g.records(next)
    let again = g.route(1)
    try g.hear(next) {
      $0.putRefused(ShardID(0), ShardEpoch(2), again, .busy, retryMilliseconds: 500, text: "no place")
    }
    #expect(g.frames(c) == ["error unavailable 1"])
  }
}
