// Protocol §1: numbering, resending, and what an acknowledgement settles.
import ClientCore
import Core
import Testing

@Suite struct InputTests {
  @Test func inputsAreNumberedAndAcknowledgedTogether() {
    var (script, id) = ClientScript.attached()
    script.send(10, 11, 12, to: id)
    #expect(script.taken().requests == [input(id, 1, 10), input(id, 2, 11), input(id, 3, 12)])
    script.receive(.ack(id, InputSeq(2)))
    #expect(script.taken().events == [.acked(id, through: InputSeq(2))])
    #expect(script.client.unacknowledged(id) == 1)
  }

  @Test func inputsBeforeAttachedWaitForIt() {
    var script = ClientScript()
    script.client.start(at: 0, into: &script.actions)
    let id = script.client.join(module: "tally", key: "a", at: 0, into: &script.actions)
    script.send(1, to: id)
    #expect(script.taken() == (requests: [], events: [.connect]))
    script.client.connected(at: 0, into: &script.actions)
    #expect(script.taken().requests == [.hello(version: 1, name: "ada", resume: [])])
    script.receive(script.welcome())
    #expect(script.taken().requests == [.join(id, module: "tally", key: "a", parameters: [])])
    // A page that was reloaded: the room knows this join and four of its inputs.
    script.receive(script.attach(id, next: 5))
    let taken = script.taken()
    #expect(taken.requests == [input(id, 5, 1)])
    #expect(taken.events.contains(.renumbered(id, from: InputSeq(1), to: InputSeq(5), firstLost: nil)))
  }

  @Test func expectedGoesBack() {
    var (script, id) = ClientScript.attached()
    script.send(1, 2, 3, to: id)
    _ = script.taken()
    script.receive(.expected(id, InputSeq(2)))
    #expect(script.taken().requests == [input(id, 2, 2), input(id, 3, 3)])
  }

  @Test func busyHoldsUntilItsTime() {
    var (script, id) = ClientScript.attached()
    script.send(1, 2, to: id)
    _ = script.taken()
    script.receive(.busy(id, InputSeq(2), retryMilliseconds: 50, reason: "queue"), .ack(id, InputSeq(1)))
    script.send(3, to: id)
    script.client.tick(at: script.now + 49_999, into: &script.actions)
    #expect(script.taken().requests == [])
    #expect(script.client.nextWake == script.now + 50_000)
    script.client.tick(at: script.now + 50_000, into: &script.actions)
    #expect(script.taken().requests == [input(id, 2, 2), input(id, 3, 3)])
  }

  @Test func theWindowBoundsWhatIsInFlight() {
    var settings = ClientSettings()
    settings.window = 2
    settings.queueMax = 3
    var (script, id) = ClientScript.attached(settings: settings)
    script.send(1, 2, 3, to: id)
    #expect(script.taken().requests == [input(id, 1, 1), input(id, 2, 2)])
    #expect(throws: SendRefusal.full) { try script.client.send([4], to: id, into: &script.actions) }
    script.receive(.ack(id, InputSeq(1)))
    #expect(script.taken().requests == [input(id, 3, 3)])
  }

  @Test func aVerdictComesBeforeItsAcknowledgement() {
    var (script, id) = ClientScript.attached()
    script.send(1, to: id)
    _ = script.taken()
    let verdict = Verdict(seq: InputSeq(1), kind: .refused, reason: "no")
    script.receive(script.output(id, 1, prev: 0, result: verdict), .ack(id, InputSeq(1)))
    #expect(script.taken().events == [.verdict(id, verdict), .acked(id, through: InputSeq(1))])
  }

  @Test func leaveIsNumberedAndEndsTheMembership() throws {
    var (script, id) = ClientScript.attached()
    script.send(1, to: id)
    #expect(try script.client.leave(id, into: &script.actions) == InputSeq(2))
    #expect(throws: SendRefusal.notAMember) { try script.client.send([4], to: id, into: &script.actions) }
    #expect(script.taken().requests == [input(id, 1, 1), .leave(id, InputSeq(2))])
    script.receive(.ack(id, InputSeq(2)))
    #expect(script.taken().events.last == .ended(id, last: InputSeq(2), known: true, reason: "left"))
  }

  @Test func goneSettlesWhatIsBelowIt() {
    var (script, id) = ClientScript.attached()
    script.send(1, 2, 3, to: id)
    _ = script.taken()
    script.receive(.gone(id, last: InputSeq(2), known: true, reason: "kicked"))
    #expect(
      script.taken().events == [
        .verdictsUnknown(id, InputSeq(1)...InputSeq(2)), .acked(id, through: InputSeq(2)),
        .ended(id, last: InputSeq(2), known: true, reason: "kicked"),
      ])
    script.receive(.ack(id, InputSeq(3)))
    #expect(script.taken().events == [])
  }

  @Test func unnumberedInputsAreSentOnceOrNotAtAll() {
    var (script, id) = ClientScript.attached()
    script.client.sendUnnumbered([1], stamp: 4, to: id, into: &script.actions)
    #expect(script.taken().requests == [.input(id, InputSeq(0), payload: [1], stamp: 4)])
    script.client.disconnected(at: script.now, random: 0, into: &script.actions)
    _ = script.taken()
    script.client.sendUnnumbered([2], stamp: 5, to: id, into: &script.actions)
    #expect(script.taken().requests == [])
  }

  @Test func anAcknowledgementOfTheUnsentIsAViolation() {
    var (script, id) = ClientScript.attached()
    script.send(1, to: id)
    _ = script.taken()
    script.receive(.ack(id, InputSeq(2)))
    #expect(script.taken().events == [.violation(id, .unsent(InputSeq(2)))])
    #expect(script.client.unacknowledged(id) == 1)
  }
}
