// Processes that die, at each point where it matters.
import Core
import SimulatedFiles

extension Scenario {
  package static let deaths: [Scenario] = [
    Scenario("death-between-journal-and-execution", "what was written is executed by the next owner, once") { s in
      s.everybodyJoins()
      s.everybodySends(5)
      s.killOwner(at: .written) { s.everybodySends(5) }
      s.settle()
      s.expect("20 operations", s.operations().count == 20)
    },
    Scenario("death-between-execution-and-output", "what was executed and not told is told by the next owner") { s in
      s.everybodyJoins()
      s.everybodySends(5)
      s.killOwner(at: .executed) { s.everybodySends(5) }
      s.settle()
      s.expect("20 operations", s.operations().count == 20)
    },
    Scenario(
      "death-with-outputs-half-sent", "a link cut in the middle of a record; the gateway's marks drop what it passed on"
    ) { s in
      s.everybodyJoins()
      s.killOwner(at: .outputsHalfSent) { s.everybodySends(20) }
      s.settle()
      s.expect("40 operations", s.operations().count == 40)
    },
    Scenario("stale-link-frames-after-adoption", "what a dead owner wrote is read after its successor was heard") { s in
      s.everybodyJoins()
      // What its last turn says takes longer than its successor needs to be heard.
      s.world.delayLinks(fromOwnerOf: 0, by: 40_000)
      s.killOwner(at: .outputsSent) { s.everybodySends(20) }
      s.settle()
      s.expect("some of it was read, and void", s.world.staleRecords > 0)
      s.expect("40 operations", s.operations().count == 40)
    },
    Scenario(
      "death-between-write-and-sync-then-power-loss", "the adopter's copies, not the page cache, are what counts",
      { $0.durability = .disk }
    ) { s in
      s.everybodyJoins()
      s.everybodySends(5)
      let disk = s.world.disks[0]
      s.world.faultedDisks.insert(0)
      // Write, then sync: the death strikes at the sync.
      disk.fail(at: disk.operations + 2, with: .death)
      let before = s.deaths
      s.everybodySends(5)
      s.until("the owner dies") { s.deaths > before }
      s.until("the spare has adopted") { s.hasSettledOwner() }
      s.world.powerLoss(downtime: 1_000_000)
      s.settle()
      s.expect("20 operations", s.operations().count == 20)
    },
    Scenario("death-of-gateway-and-worker-at-once", "one client never comes back: it is suspended, then expires") { s in
      s.everybodyJoins()
      s.everybodySends(5)
      s.wait(5)
      s.world.killGateway(restartAfter: 100_000)
      s.world.killOwner(of: 0)
      s.client(1).goAway()
      s.settle()
      s.until("the member that stayed away has expired", within: 120_000_000) { s.world.members(0) == 1 }
    },
    Scenario("death-of-the-spare-while-it-adopts", "between its copies and `adopted`: adoption starts again") { s in
      s.everybodyJoins()
      s.everybodySends(20)
      s.settle()
      for operation in 1...30 {
        s.everybodySends(1)
        s.wait(1)
        s.world.killOwner(of: 0)
        s.world.dieAtDiskOperation(0, after: operation, within: operation % 2 == 0)
        s.settle()
        // A fault that was not reached must not strike later.
        s.world.disks[0].heal()
      }
      s.expect("100 operations", s.operations().count == 100)
    },
    Scenario("an-hour-of-downtime", "nobody expires while nobody could come back") { s in
      s.everybodyJoins()
      s.everybodySends(5)
      s.settle()
      s.world.killEverything(downtime: 3_600_000_000)
      s.wait(3_600_500)
      s.settle()
      s.expect("both are still members", s.world.members(0) == 2)
      s.everybodySends(5)
      s.settle()
      s.expect("20 operations", s.operations().count == 20)
    },
    Scenario(
      "death-at-every-disk-operation", "snapshots, checkpoints, segment changes and cleaning among them",
      { o in
        o.fuelPerCall = 40_000_000
        o.checkpointBytes = 4 << 10
        o.logKeptBytes = 64 << 10
      }
    ) { s in
      s.everybodyJoins()
      var sent = 0
      for operation in 1...60 where s.world.violation == nil {
        let before = s.deaths
        s.world.dieAtDiskOperation(0, after: operation, within: operation % 3 == 0)
        while s.deaths == before, s.world.violation == nil {
          s.everybodySends(8)
          sent += 16
          s.settle()
        }
        s.settle()
      }
      s.expect("every operation once", s.operations().count == sent)
    },
    Scenario(
      "power-loss-while-cleaning", "copies are synced before a segment goes",
      { o in
        o.durability = .disk
        o.fuelPerCall = 40_000_000
        o.checkpointBytes = 4 << 10
        o.logKeptBytes = 64 << 10
      }
    ) { s in
      s.everybodyJoins()
      for round in 0..<30 {
        s.everybodySends(10)
        s.wait(Int64(20 + round * 3))
        s.world.powerLoss(downtime: 500_000)
        s.settle()
      }
      s.expect("600 operations", s.operations().count == 600)
    },
    Scenario("a-hung-worker-is-replaced", "it wakes again, and is not heard", { $0.clients = 3 }) { s in
      s.everybodyJoins()
      s.everybodySends(5)
      s.wait(3)
      s.world.hang(0)
      s.everybodySends(5)
      s.settle()
      s.expect("30 operations", s.operations().count == 30)
    },
    Scenario("an-orderly-stop-and-a-power-loss", "after `closed` nothing is in doubt, at `process` too") { s in
      s.everybodyJoins()
      s.everybodySends(20)
      s.settle()
      s.world.restart(losingPower: true)
      s.settle()
      s.expect("40 operations", s.operations().count == 40)
      s.expect("one timeline", s.timeline() == 1)
    },
    Scenario("two-supervisors-assign-the-same-epoch", "the lock decides, and the loser keeps waiting") { s in
      s.everybodyJoins()
      s.everybodySends(5)
      // An older supervisor's order to the spare, while the owner lives.
      if let spare = s.world.supervisor.spare { spare.adopt(0, assigned: 1) }
      s.everybodySends(5)
      s.settle()
      s.expect("20 operations", s.operations().count == 20)
      s.world.killOwner(of: 0)
      s.everybodySends(5)
      s.settle()
      s.expect("30 operations", s.operations().count == 30)
    },
  ]
}
