// Connecting, losing, coming back.
import ClientCore
import Core
import Testing

@Suite struct ConnectionTests {
  @Test func backOffDoublesWithFullJitter() {
    var script = ClientScript()
    script.client.start(at: 0, into: &script.actions)
    var bound: Int64 = 50_000
    for _ in 0..<6 {
      script.client.disconnected(at: 0, random: .max, into: &script.actions)
      #expect(script.client.nextWake == bound - 1)
      script.client.tick(at: bound, into: &script.actions)
      bound *= 2
    }
    for _ in 0..<10 {
      script.client.disconnected(at: 0, random: .max, into: &script.actions)
      script.client.tick(at: 20_000_000, into: &script.actions)
    }
    script.client.disconnected(at: 0, random: .max, into: &script.actions)
    #expect(script.client.nextWake == 9_999_999)
    script.client.tick(at: 20_000_000, into: &script.actions)
    script.client.disconnected(at: 0, random: 0, into: &script.actions)
    #expect(script.client.nextWake == 0)
  }

  @Test func comingBackResumesAndResends() {
    var (script, id) = ClientScript.attached()
    script.send(1, 2, to: id)
    script.receive(script.output(id, 6, prev: 0))
    _ = script.taken()
    script.reconnect()
    #expect(
      script.taken().requests == [
        .hello(version: 1, name: "ada", resume: [7]),
        .attach(id, room: RoomID(77), timeline: Timeline(1), lastOut: OutSeq(6)),
      ])
    script.send(3, to: id)
    #expect(script.taken().requests == [])
    script.receive(script.attach(id, next: 2, upTo: 6))
    let taken = script.taken()
    #expect(taken.requests == [input(id, 2, 2), input(id, 3, 3)])
    #expect(taken.events == [.reattached(id), .acked(id, through: InputSeq(1))])
  }

  @Test func aJoinWhoseAttachedNeverCameIsSentAgain() {
    var script = ClientScript()
    script.client.start(at: 0, into: &script.actions)
    script.client.connected(at: 0, into: &script.actions)
    script.receive(script.welcome())
    let id = script.client.join(module: "tally", key: "a", at: script.now, into: &script.actions)
    _ = script.taken()
    script.reconnect()
    #expect(script.taken().requests.last == .join(id, module: "tally", key: "a", parameters: []))
    script.client.tick(at: script.now + 10_000_000, into: &script.actions)
    #expect(script.taken().requests == [.join(id, module: "tally", key: "a", parameters: [])])
  }

  @Test func aTransientRefusalOfAJoinIsAskedAgain() {
    var script = ClientScript()
    script.client.start(at: 0, into: &script.actions)
    script.client.connected(at: 0, into: &script.actions)
    script.receive(script.welcome())
    let id = script.client.join(module: "tally", key: "a", at: script.now, into: &script.actions)
    let other = script.client.join(module: "none", key: "a", at: script.now, into: &script.actions)
    _ = script.taken()
    script.receive(
      .error(.init(code: .joinRefused, text: "frozen", retryMilliseconds: 200, joinID: id, closing: false)),
      .error(.init(code: .unknownModule, text: "no", retryMilliseconds: 0, joinID: other, closing: false)))
    #expect(script.taken().events.last == .joinFailed(other, .unknownModule, text: "no"))
    script.client.tick(at: script.now + 200_000, into: &script.actions)
    #expect(script.taken().requests == [.join(id, module: "tally", key: "a", parameters: [])])
  }

  @Test func anotherSessionEndsTheOldMemberships() {
    var (script, id) = ClientScript.attached()
    let waiting = script.client.join(module: "tally", key: "b", at: script.now, into: &script.actions)
    _ = script.taken()
    script.reconnect(resumed: false)
    let taken = script.taken()
    #expect(taken.requests.last == .join(waiting, module: "tally", key: "b", parameters: []))
    guard case .ended(id, _, known: false, _)? = taken.events.last else {
      Issue.record("the old membership must end: \(taken.events)")
      return
    }
  }

  @Test func aReplacedConnectionStaysAway() {
    var (script, _) = ClientScript.attached()
    script.receive(
      .error(.init(code: .replaced, text: "", retryMilliseconds: 0, joinID: JoinID(0), closing: true)))
    script.client.disconnected(at: script.now, random: 0, into: &script.actions)
    #expect(script.client.nextWake == nil)
    #expect(script.taken().events.contains(.close))
  }

  @Test func aBadTokenIsForgotten() {
    var (script, _) = ClientScript.attached()
    script.client.disconnected(at: script.now, random: 0, into: &script.actions)
    script.client.tick(at: script.now, into: &script.actions)
    script.client.connected(at: script.now, into: &script.actions)
    script.receive(
      .error(.init(code: .badToken, text: "", retryMilliseconds: 0, joinID: JoinID(0), closing: true)))
    _ = script.taken()
    script.client.disconnected(at: script.now, random: 0, into: &script.actions)
    script.client.tick(at: script.now + 1_000_000, into: &script.actions)
    script.client.connected(at: script.now, into: &script.actions)
    #expect(script.taken().requests == [.hello(version: 1, name: "ada", resume: [])])
  }

  @Test func silenceIsPingedThenGivenUp() {
    var (script, _) = ClientScript.attached()
    script.client.tick(at: script.now + 15_000_000, into: &script.actions)
    script.client.tick(at: script.now + 16_000_000, into: &script.actions)
    #expect(script.taken().requests == [.ping(time: UInt64(script.now + 15_000_000))])
    script.client.tick(at: script.now + 30_000_000, into: &script.actions)
    #expect(script.taken().events == [.connectionLost, .close])
  }
}
