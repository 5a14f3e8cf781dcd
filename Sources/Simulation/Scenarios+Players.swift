// Players who come, go and come back.
import Core
import WorkerCore

extension Scenario {
  package static let players: [Scenario] = [
    Scenario("a-page-reload-with-an-old-frame-in-flight", "the newest generation is heard; old frames harm nobody") {
      s in
      s.everybodyJoins()
      s.everybodySends(10)
      s.wait(2)
      s.client(0).reload()
      s.client(0).join(0)
      s.settle()
      s.everybodySends(10)
      s.settle()
      s.expect("one membership each", s.world.members(0) == 2)
    },
    Scenario("a-new-session-of-the-same-player", "it is not mistaken for the old one's numbers") { s in
      s.everybodyJoins()
      s.everybodySends(10)
      s.settle()
      s.client(0).reload(keepingToken: false)
      s.client(0).join(0)
      s.settle()
      s.expect("the old membership is there until its grace is over", s.world.members(0) == 3)
      s.until("it expires", within: 120_000_000) { s.world.members(0) == 2 }
    },
    Scenario("who-hangs-up-before-the-answer", "nobody is left in the room whose connection is no more") { s in
      s.client(1).join(0)
      s.settle()
      for i in 0..<24 {
        s.client(0).reload(keepingToken: false)
        s.settle()
        // A repair holds the answer back.
        if i % 8 == 7 { s.client(1).send(.trap, to: 0) }
        s.client(0).join(0)
        s.world.run(for: Int64(i % 12) * 100)
        s.client(0).goAway()
      }
      s.until("the others expire", within: 120_000_000) { s.world.members(0) == 1 }
    },
    Scenario("leave-resent-after-its-acknowledgement-was-lost", "the tombstone answers") { s in
      s.everybodyJoins()
      s.everybodySends(3)
      s.settle()
      s.client(0).leave(0)
      s.until("it has left") { s.world.members(0) == 1 }
      s.client(0).drop()
      s.settle()
      s.expect("it knows that it has left", s.client(0).joined == 0)
    },
    Scenario("joined-lost-and-join-resent", "Join is idempotent on its id") { s in
      for client in s.world.clients { client.join(0) }
      s.until("the room has them") { s.world.members(0) == 2 }
      for client in s.world.clients { client.drop() }
      s.settle()
      s.expect("one membership each", s.world.members(0) == 2)
    },
    Scenario("a-frame-for-a-membership-that-was-kicked", "is answered gone; nothing behind the kick is applied") { s in
      s.everybodyJoins()
      s.client(1).send(.append, to: 0)
      s.settle()
      s.client(0).send(.kick, to: 0, argument: s.client(1).slot(in: 0))
      for _ in 0..<20 { s.client(1).send(.append, to: 0) }
      s.until("it is gone") { s.client(1).joined == 0 }
      s.settle()
    },
    Scenario(
      "a-client-attaches-while-its-room-replays", "it waits for the room, and gets what it has not",
      { o in
        o.loops = 2
        o.fuelPerCall = 12_000_000
      }
    ) { s in
      s.spreadOverLoops()
      s.everybodyJoins()
      s.everybodySends(200)
      s.settle()
      s.client(0).drop()
      s.world.killOwner(of: 0)
      s.everybodySends(5)
      s.settle()
      s.expect("410 operations", s.operations().count == 410)
      // Beside a living worker's other work a replay takes many turns. One attach comes into its midst.
      var hasWaited = false
      for round in 0..<16 where !hasWaited {
        s.world.delayLinks(ofLoop: 0, by: 20_000)
        s.client(0).drop()
        s.until("the attach is on its way") { s.client(0).isUp && s.world.bytesToWorkers(ofLoop: 0) > 0 }
        let attached = s.client(0).heardCount.attached
        s.wait(Int64(8 + round))
        s.client(1).send(.trap, to: 0)
        _ = s.world.run(atMost: 100_000) {
          hasWaited =
            s.world.room(0)?.phase == .repairing && s.world.bytesToWorkers(ofLoop: 0) == 0
            && s.client(0).heardCount.attached == attached
          return hasWaited
        }
        s.world.delayLinks(ofLoop: 0, by: 100)
        s.settle()
        // Who fails too often in a minute is removed.
        s.wait(30_000)
      }
      s.expect("an attach waited for the replay", hasWaited)
      s.everybodySends(5)
      s.settle()
      s.expect("420 operations", s.operations().count == 420)
    },
    Scenario("settled-by-its-own-last-output", "the room's last output was for somebody else") { s in
      s.everybodyJoins()
      s.world.stallGateway(for: 300_000)
      s.killOwner(at: .executed) {
        s.client(0).send(.append, to: 0)
        s.client(1).send(.draw, to: 0)
      }
      s.settle()
    },
    Scenario("drops-and-returns", "connections break all the time while everybody plays", { $0.clients = 4 }) { s in
      s.everybodyJoins()
      for round in 0..<40 {
        s.everybodySends(3)
        s.client(round % 4).drop()
        s.wait(300)
      }
      s.settle()
      s.expect("480 operations", s.operations().count == 480)
    },
    Scenario("a-gateway-loop-stalls-past-the-claim-bound", "its members are suspended and come back, nothing is lost") {
      s in
      s.everybodyJoins()
      s.everybodySends(5)
      s.wait(3)
      s.world.stallGateway(for: 20_000_000)
      s.everybodySends(5)
      s.world.killOwner(of: 0)
      s.until("both are suspended", within: 18_000_000) {
        s.world.room(0)?.host?.members.compactMap { $0 }.allSatisfy(\.suspended) == true
      }
      s.settle()
      s.expect("20 operations", s.operations().count == 20)
      s.expect("both are members", s.world.members(0) == 2)
    },
    Scenario("a-member-over-its-ring-while-the-worker-dies", "it gets the full state instead of what is gone") { s in
      s.everybodyJoins()
      s.client(0).drop()
      for _ in 0..<40 { s.client(1).send(.shower, to: 0, argument: 30) }
      s.wait(200)
      let states = s.client(0).heardCount.states
      s.world.killOwner(of: 0)
      s.until("it gets the full state") { s.client(0).heardCount.states == states + 1 }
      s.settle()
      s.expect("40 operations", s.operations().count == 40)
    },
    Scenario("a-slow-client", "is disconnected past its bound and comes back", { $0.outboundBytesMax = 8 << 10 }) { s in
      s.everybodyJoins()
      for _ in 0..<100 { s.client(1).send(.shower, to: 0, argument: 60) }
      s.settle()
      s.expect("100 operations", s.operations().count == 100)
    },
    Scenario("unreliable-between-reliable", "conflated or dropped, never replayed, and the numbered ones are whole") {
      s in
      s.everybodyJoins()
      let (slow, quick) = (s.client(0), s.client(1))
      slow.windowBytes = 0
      for round in 0..<60 {
        s.everybodySends(1)
        for _ in 0..<3 { for client in s.world.clients { client.wave(in: 0) } }
        if round == 30 { s.world.killOwner(of: 0) }
        s.wait(5)
      }
      slow.windowBytes = SimulatedClient.windowBytesUsual
      s.settle()
      s.expect("120 operations", s.operations().count == 120)
      s.expect("the quick one heard most", quick.heardCount.unreliable > 60)
      s.expect("the slow one heard the newest only", slow.heardCount.unreliable < quick.heardCount.unreliable / 2)
    },
    Scenario("a-passivated-room-is-woken-during-adoption", "by a member who comes back to it") { s in
      s.everybodyJoins()
      s.everybodySends(5)
      s.settle()
      for client in s.world.clients { client.leave(0) }
      s.until("the room sleeps", within: 180_000_000) { s.world.isAsleep(0) }
      s.world.killOwner(of: 0)
      for client in s.world.clients { client.join(0) }
      s.settle()
      s.expect("it remembers", s.operations().count == 10)
    },
    Scenario("a-tick-and-a-timer-due-during-recovery", "fire once each, in due order", { $0.rooms = 3 }) { s in
      s.everybodyJoins(2)
      s.client(0).send(.later, to: 2, argument: 30)
      s.client(0).send(.later, to: 2, argument: 20)
      s.settle()
      s.world.killOwner(of: 0)
      s.until("both have fired") { s.operations(2).count == 2 }
      s.expect("the earlier first", s.operations(2).first.map { $0 & 0xffff } == 2)
    },
    Scenario("the-wall-clock-steps", "back and forth by an hour: time in the room does not go back", { $0.rooms = 3 }) {
      s in
      s.everybodyJoins(2)
      s.everybodySends(5, to: 2)
      s.world.stepClock(by: -3_600_000_000)
      s.everybodySends(5, to: 2)
      s.wait(500)
      s.world.killOwner(of: 0)
      s.world.stepClock(by: 7_200_000_000)
      s.everybodySends(5, .later, to: 2)
      s.settle()
      s.until("30 operations") { s.operations(2).count == 30 }
    },
  ]
}
