// Rooms that left memory, and what is due in them.
import Core
import WorkerCore

extension Stage {
  /// Timers in room 0 that append what is sent, after so many milliseconds; everybody leaves, and it goes to sleep.
  func fallAsleep(_ delays: [UInt16]) {
    for client in world.clients { if client.membership(in: world.place(0).id) == nil { client.join(0) } }
    settle()
    for delay in delays { client(0).send(.later, to: 0, argument: delay) }
    settle()
    for client in world.clients { client.leave(0) }
    until("the room sleeps") { self.world.isAsleep(0) }
  }
  /// The low digits of what the room holds: the order in which it was sent.
  var order: [UInt64] { operations().map { $0 & 0xffff } }
}

extension Scenario {
  private static let sleepy: @Sendable (inout SimulationOptions) -> Void = { o in
    o.rooms = 2
    o.passivateSeconds = 2
    o.checkpointBytes = 4 << 10
  }

  package static let sleeping: [Scenario] = [
    Scenario("a-timer-wakes-a-passivated-room", "at its time, once; then the room sleeps again", sleepy) { s in
      s.fallAsleep([30_000, 20_000])
      let before = s.world.time
      s.until("the earlier has fired") { s.order == [2] }
      s.expect("not before its time", s.world.time - before > 15_000_000)
      s.until("it sleeps until the other", within: 5_000_000) { s.world.isAsleep(0) }
      s.until("that has fired, too") { s.order == [2, 1] }
      s.until("it sleeps for good") { s.world.isAsleep(0) }
      s.client(1).join(0)
      s.settle()
      s.expect("each fired once", s.order == [2, 1])
    },
    Scenario("a-timer-of-a-sleeping-room-and-a-death", "the next owner wakes it, by what the checkpoint says", sleepy) {
      s in
      s.fallAsleep([30_000])
      s.client(1).join(1)
      s.settle()
      for _ in 0..<120 { s.client(1).send(.append, to: 1) }
      s.settle()
      s.world.killOwner(of: 0)
      s.settle()
      s.expect("the next owner lets it sleep", s.world.isAsleep(0))
      s.until("it has fired") { s.order == [1] }
      s.until("it sleeps") { s.world.isAsleep(0) }
      s.world.killOwner(of: 0)
      s.settle()
      s.client(0).join(0)
      s.settle()
      s.expect("once", s.order == [1])
    },
    Scenario("a-timer-of-a-sleeping-room-and-a-death-before-the-checkpoint", "its snapshot alone wakes it", sleepy) {
      s in
      s.fallAsleep([30_000])
      s.world.killOwner(of: 0)
      s.until("it has fired") { s.order == [1] }
      s.client(0).join(0)
      s.settle()
      s.expect("once", s.order == [1])
    },
    Scenario(
      "a-timer-of-a-sleeping-room-and-an-hour-of-downtime", "what is overdue fires once each, in due order", sleepy
    ) {
      s in
      s.fallAsleep([60_000, 20_000, 40_000])
      s.world.restart(downtime: 3_600_000_000)
      s.until("all have fired") { s.order.count == 3 }
      s.expect("in due order", s.order == [2, 3, 1])
      s.client(0).join(0)
      s.settle()
      s.expect("once each", s.order == [2, 3, 1])
    },
    Scenario(
      "a-timer-of-a-sleeping-room-and-a-power-loss", "what is durable says that it is due",
      { o in
        sleepy(&o)
        o.durability = .disk
      }
    ) { s in
      s.fallAsleep([20_000, 60_000])
      s.world.powerLoss(downtime: 30_000_000)
      s.wait(30_500)
      s.until("the overdue one has fired") { s.order == [1] }
      s.world.powerLoss(downtime: 1_000_000)
      s.wait(1_500)
      s.until("the other fires in its time") { s.order == [1, 2] }
    },
    Scenario("a-timer-of-a-sleeping-room-is-due-during-adoption", "whoever comes out of it fires it", sleepy) { s in
      for round: UInt64 in 1...8 {
        s.fallAsleep([8_000])
        let due = s.world.firstTimer(0)
        s.world.run(until: due - 2_000)
        s.world.killOwner(of: 0)
        // The adopter dies, too, somewhat later each time.
        s.world.dieAtDiskOperation(0, after: Int(round) * 4, within: round % 2 == 0)
        s.until("round \(round): it has fired") { s.operations().count == Int(round) }
      }
      s.expect("once each", s.operations().count == 8)
    },
    Scenario("a-member-joins-a-sleeping-room-as-its-timer-is-due", "one waking, one firing, and a place for it", sleepy)
    {
      s in
      for round in 1...12 {
        s.fallAsleep([8_000])
        let due = s.world.firstTimer(0)
        // Where the join meets the worker: from before the turn of the timer until after it.
        s.world.run(until: due - 6_000 + Int64(round) * 600)
        s.client(1).join(0)
        s.until("round \(round): it has fired") { s.operations().count == round }
        s.settle()
        s.expect("it is a member", s.world.members(0) == 1)
      }
    },
    Scenario("the-wall-clock-is-set-while-a-room-sleeps", "its timer is due by the wall clock", sleepy) { s in
      s.fallAsleep([60_000])
      s.world.stepClock(by: 3_600_000_000)
      s.until("set forward, it fires", within: 2_000_000) { s.order == [1] }
      s.until("it sleeps") { s.world.isAsleep(0) }
      s.fallAsleep([20_000])
      s.world.stepClock(by: -30_000_000)
      s.wait(25_000)
      s.expect("set back, it sleeps on", s.world.isAsleep(0))
      s.until("it fires when its time has come") { s.operations().count == 2 }
    },
    Scenario("a-timer-of-the-silent-version-wakes-the-room", "each version has its own", sleepy) { s in
      let control = SimulatedControl(s.world)
      s.client(0).join(0)
      s.settle()
      s.upgrade(control, to: .odd)
      // The new version's is due after twice the time.
      s.fallAsleep([20_000])
      s.until("the silent version's has fired") { s.silentOperations().count == 1 }
      s.expect("the other one's has not", s.order.isEmpty)
      s.until("it sleeps on") { s.world.isAsleep(0) }
      s.world.killOwner(of: 0)
      s.until("the other one's has fired") { s.order == [1] }
      s.expect("once each", s.silentOperations().count == 1)
    },
  ]
}
