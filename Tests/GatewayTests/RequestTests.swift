// What rooms ask of rooms, through one gateway loop.
import Core
import GatewayCore
import Testing
import Wire

struct RequestTests {
  private let key = RequestKey(event: EventSeq(9), digest: 5)
  /// Rooms of two shards, each with an owner.
  private func two() throws -> (GatewayScript, asking: (RoomID, LinkID), asked: (name: String, LinkID)) {
    var script = GatewayScript(shards: 2)
    let (first, second) = (script.link(), script.link())
    try script.serving(first, shard: 0)
    try script.serving(second, shard: 1)
    _ = script.records(first)
    _ = script.records(second)
    let names = ["a", "b", "c", "d", "e"]
    let asking = try #require(names.first { script.shards.shard(of: script.room($0)) == ShardID(0) })
    let asked = try #require(names.first { script.shards.shard(of: script.room($0)) == ShardID(1) })
    return (script, (script.room(asking), first), (asked, second))
  }
  private func ask(
    _ script: inout GatewayScript, _ asking: (RoomID, LinkID), _ name: String, epoch: UInt32 = 1
  ) throws {
    let key = key
    try script.hear(asking.1) { out in
      Array("tally".utf8).withUnsafeBytes { module in
        Array(name.utf8).withUnsafeBytes { text in
          out.putAsk(
            ShardID(0), ShardEpoch(epoch), asking.0, key, attempt: 3,
            .signal(module: module, key: text, idempotencyKey: text, payload: text))
        }
      }
    }
  }

  @Test func itGoesToTheOwnerAndItsAnswerComesBack() throws {
    var (script, asking, asked) = try two()
    try ask(&script, asking, asked.name)
    #expect(script.records(asked.1) == ["command 1 signal"])
    try script.hear(asked.1) { $0.putCommanded(request: 1, .refused("no")) }
    #expect(script.records(asking.1) == ["answered \(asking.0) 9/3 \(CommandAnswer.refused("no")) in 0@1"])
    // Nobody waits for it any more.
    try script.hear(asked.1) { $0.putCommanded(request: 1, .refused("no")) }
    #expect(script.records(asking.1).isEmpty && script.core.requestCount == 0)
  }

  /// Which asks by itself what it finds open: the answer to what the older one asked is none to that.
  @Test func anAnswerToAnOlderOwnerIsVoid() throws {
    var (script, asking, asked) = try two()
    try ask(&script, asking, asked.name)
    let next = script.link()
    try script.serving(next, 2, shard: 0)
    _ = script.records(next)
    try script.hear(asked.1) { $0.putCommanded(request: 1, .notFound) }
    #expect(script.records(next).isEmpty && script.records(asking.1).isEmpty && script.core.requestCount == 0)
  }

  @Test func anOwnerThatIsNoMoreAsksNothing() throws {
    var (script, asking, asked) = try two()
    try ask(&script, asking, asked.name, epoch: 0)
    #expect(script.records(asked.1).isEmpty && script.core.counters.staleRecords > 0)
  }

  @Test func whereNobodyOwnsTheOtherRoomItIsToldToComeAgain() throws {
    var (script, asking, asked) = try two()
    let busy = CommandAnswer.busy(retryMilliseconds: Limits.retryUnavailableMilliseconds)
    try ask(&script, asking, asked.name)
    _ = script.records(asked.1)
    script.core.closeLink(asked.1, now: script.now)
    #expect(script.records(asking.1) == ["answered \(asking.0) 9/3 \(busy) in 0@1"])
    try ask(&script, asking, asked.name)
    #expect(script.records(asking.1) == ["answered \(asking.0) 9/3 \(busy) in 0@1"])
    #expect(script.core.requestCount == 0)
  }

  @Test func whatIsNeverAnsweredIsForgotten() throws {
    var (script, asking, asked) = try two()
    try ask(&script, asking, asked.name)
    _ = script.records(asked.1)
    script.now.monotonic += Limits.requestWaitSeconds * 1_000_000
    script.core.tick(now: script.now)
    #expect(script.core.requestCount == 0)
    try script.hear(asked.1) { $0.putCommanded(request: 1, .notFound) }
    #expect(script.records(asking.1).isEmpty)
  }
}
