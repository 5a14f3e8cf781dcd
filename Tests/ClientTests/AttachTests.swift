// Protocol §2 and §3: what an attach repairs, and how an output's number is checked.
import ClientCore
import Core
import Testing

@Suite struct AttachTests {
  @Test func aReplacedWorkerNeedsOnlyAttached() {
    var (script, id) = ClientScript.attached()
    script.send(1, 2, 3, to: id)
    script.receive(script.output(id, 1, prev: 0))
    _ = script.taken()
    // 1 was journaled before the death; its verdict is settled with output 2.
    script.receive(script.attach(id, next: 2, upTo: 2))
    #expect(script.taken().requests == [input(id, 2, 2), input(id, 3, 3)])
    script.receive(script.output(id, 2, prev: 1))
    #expect(
      script.taken().events == [.output(id, OutSeq(2), payload: [2]), .acked(id, through: InputSeq(1))])
  }

  @Test func afterAStateVerdictsAreUnknown() {
    var (script, id) = ClientScript.attached()
    script.send(1, 2, 3, to: id)
    let verdict = Verdict(seq: InputSeq(1), kind: .refused)
    script.receive(script.output(id, 1, prev: 0, result: verdict))
    _ = script.taken()
    script.receive(script.attach(id, next: 4, upTo: 9), script.state(id, asOf: 9))
    #expect(
      script.taken().events == [
        .reattached(id), .verdictsUnknown(id, InputSeq(2)...InputSeq(3)), .state(id, asOf: OutSeq(9), payload: [5]),
        .acked(id, through: InputSeq(3)),
      ])
  }

  @Test func aNewTimelineRenumbers() {
    var (script, id) = ClientScript.attached()
    script.send(1, 2, 3, to: id)
    script.receive(.ack(id, InputSeq(2)))
    _ = script.taken()
    // The room's history was cut: inputs 2 and later are not in it.
    script.receive(script.attach(id, next: 2, timeline: 8), script.state(id, asOf: 1, timeline: 8))
    let taken = script.taken()
    #expect(taken.requests == [input(id, 2, 3)])
    #expect(taken.events.contains(.renumbered(id, from: InputSeq(3), to: InputSeq(2), firstLost: InputSeq(2))))
    script.receive(.ack(id, InputSeq(2)))
    #expect(script.taken().events == [.acked(id, through: InputSeq(2))])
  }

  @Test func forgettingOnTheSameTimelineIsAViolation() {
    var (script, id) = ClientScript.attached()
    script.send(1, 2, to: id)
    script.receive(.ack(id, InputSeq(2)))
    _ = script.taken()
    script.receive(script.attach(id, next: 2))
    #expect(script.taken().events.contains(.violation(id, .forgotten(acked: InputSeq(2), next: InputSeq(2)))))
  }

  @Test func aGapIsAViolationAndReattaches() {
    var (script, id) = ClientScript.attached()
    script.receive(script.output(id, 4, prev: 2))
    let taken = script.taken()
    #expect(taken.events == [.violation(id, .gap(last: OutSeq(0), prev: OutSeq(2), seq: OutSeq(4)))])
    #expect(
      taken.requests == [.attach(id, room: RoomID(77), timeline: Timeline(1), lastOut: OutSeq(0))])
    // Until the answer nothing counts.
    script.receive(script.output(id, 5, prev: 4))
    #expect(script.taken().events == [])
    script.receive(script.attach(id, next: 1, upTo: 5), script.output(id, 2, prev: 0), script.output(id, 4, prev: 2))
    #expect(
      script.taken().events == [
        .reattached(id), .output(id, OutSeq(2), payload: [2]), .output(id, OutSeq(4), payload: [4]),
      ])
  }

  @Test func aRoomThatCannotGoOnIsAskedForAgain() {
    var (script, id) = ClientScript.attached()
    func refused(_ code: ErrorCode, retry: UInt32) {
      script.receive(.error(.init(code: code, text: "no", retryMilliseconds: retry, joinID: id, closing: false)))
    }
    let ask = ClientRequest.attach(id, room: RoomID(77), timeline: Timeline(1), lastOut: OutSeq(0))
    refused(.notAttached, retry: 0)
    #expect(script.taken().requests == [ask])
    // Each doubles the time, up to ten seconds.
    let refusals: [(ErrorCode, retry: UInt32, wait: Int64)] = [
      (.joinRefused, 0, 1_000_000), (.unavailable, 300, 600_000), (.joinRefused, 0, 4_000_000),
      (.unavailable, 2_000, 10_000_000), (.unavailable, 12_000, 12_000_000),
    ]
    for (code, retry, wait) in refusals {
      refused(code, retry: retry)
      script.client.tick(at: script.now + wait - 1, into: &script.actions)
      #expect(script.taken().requests == [])
      script.client.tick(at: script.now + wait, into: &script.actions)
      #expect(script.taken().requests == [ask])
    }
    script.receive(script.attach(id, next: 1))
    #expect(script.taken().events.last == .reattached(id))
    refused(.notAttached, retry: 0)
    refused(.unavailable, retry: 300)
    script.client.tick(at: script.now + 300_000, into: &script.actions)
    #expect(script.taken().requests == [ask, ask], "what was before does not count")
  }

  @Test func aDoubledOutputIsToldOnce() {
    var (script, id) = ClientScript.attached(asOf: 3)
    script.receive(script.output(id, 4, prev: 1), script.output(id, 4, prev: 1))
    #expect(
      script.taken().events == [
        .output(id, OutSeq(4), payload: [4]), .violation(id, .doubled(last: OutSeq(4), seq: OutSeq(4))),
      ])
  }

  @Test func unreliableOutputsHaveNoNumbers() {
    var (script, id) = ClientScript.attached(asOf: 3)
    script.receive(script.output(id, 0, prev: 0), script.output(id, 4, prev: 3))
    #expect(script.taken().events.count == 2)
  }
}
