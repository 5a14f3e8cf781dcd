// Rooms that fail, disks that fail, power that fails.
import Core
import Journal
import WorkerCore
import SimulatedFiles

extension Scenario {
  package static let failures: [Scenario] = [
    Scenario("trap-in-mid-batch-and-death-before-its-annotation", "the next owner decides the same") { s in
      s.everybodyJoins()
      s.everybodySends(3)
      s.settle()
      s.killOwner(at: .executed) {
        for _ in 0..<5 { s.client(0).send(.append, to: 0) }
        s.client(0).send(.trap, to: 0)
        for _ in 0..<5 { s.client(0).send(.append, to: 0) }
      }
      s.settle()
      s.expect("16 operations", s.operations().count == 16)
      s.expect("one timeline: nothing of the trap had left", s.timeline() == 1)
    },
    Scenario("poison-first-after-a-snapshot", "the rebuild starts from the snapshot", { $0.fuelPerCall = 700_000_000 })
    { s in
      s.everybodyJoins()
      s.everybodySends(3)
      s.settle()
      s.client(0).send(.trap, to: 0)
      s.settle()
      s.everybodySends(2)
      s.settle()
      s.expect("10 operations", s.operations().count == 10)
    },
    Scenario("poison-twice-in-a-row", "both are undone, what follows is applied") { s in
      s.everybodyJoins()
      s.everybodySends(3)
      s.client(0).send(.trap, to: 0)
      s.client(0).send(.burn, to: 0)
      s.everybodySends(3)
      s.settle()
      s.expect("12 operations", s.operations().count == 12)
    },
    Scenario("a-shower-of-poison-freezes-the-room", "not in the middle of its batch") { s in
      s.everybodyJoins()
      for client in s.world.clients {
        for _ in 0..<12 {
          client.send(.append, to: 0)
          client.send(.trap, to: 0)
        }
      }
      s.until("it is frozen") { s.world.counters.freezes > 0 }
      s.wait(1_000)
      s.world.killOwner(of: 0)
      s.wait(2_000)
    },
    Scenario("the-watchdog-and-a-decided-event", "replay of a decided event runs without it") { s in
      s.everybodyJoins()
      s.everybodySends(10, .slow)
      s.settle()
      s.world.watchdogChance = 255
      s.world.killOwner(of: 0)
      s.until("it is back") { s.hasSettledOwner() }
      s.world.watchdogChance = 0
      s.settle()
      s.expect("at least all but the last batch", s.operations().count >= 10)
    },
    Scenario("an-event-that-kills-is-quarantined-after-two-deaths", "and the third owner lives") { s in
      s.everybodyJoins()
      s.everybodySends(3)
      s.settle()
      s.world.deathChance = 256
      let before = s.deaths
      s.client(0).send(.crash, to: 0)
      s.until("two deaths") { s.deaths >= before + 2 }
      s.settle()
      s.expect("two deaths, no more", s.deaths == before + 2)
      s.expect("it is undone", s.operations().count == 6)
      s.expect("a new timeline: its outputs might have left", s.timeline() > 1)
    },
    Scenario(
      "events-that-kill-in-one-batch", "each costs two deaths, which count against nobody, and no more",
      { o in
        o.rooms = 4
        o.shards = 2
        o.deathsMax = 5
      }
    ) { s in
      for room in 0..<4 { s.everybodyJoins(room) }
      for room in 0..<4 { s.everybodySends(3, to: room) }
      s.settle()
      s.world.deathChance = 256
      let before = s.deaths
      s.world.stallGateway(for: 300_000)
      for room in 0..<4 { s.client(0).send(.crash, to: room) }
      s.until("eight deaths") { s.deaths >= before + 8 }
      s.settle()
      s.expect("eight deaths, no more", s.deaths == before + 8)
      s.expect("all are undone", (0..<4).allSatisfy { s.operations($0).count == 6 })
      for room in 0..<4 { s.everybodySends(2, to: room) }
      s.settle()
      s.expect("the rooms go on", (0..<4).allSatisfy { s.operations($0).count == 10 })
    },
    Scenario("an-undecided-event-quarantined-by-two-outside-kills", "its outputs had left: the timeline rises") { s in
      s.everybodyJoins()
      s.client(0).send(.append, to: 0)
      s.settle()
      s.world.doom(0, after: 0, .after)
      let before = s.deaths
      s.client(0).send(.append, to: 0)
      s.until("the first death") { s.deaths > before }
      s.until("an adopter") { s.world.doomOwner(0, .before) }
      s.settle()
      s.expect("two deaths", s.deaths == before + 2)
      s.expect("the event is undone", s.operations().count == 1)
      s.expect("the timeline rose", s.timeline() > 1)
    },
    Scenario("power-loss-at-process-with-clients-ahead", "what was acknowledged may go, and the senders are told") {
      s in
      s.everybodyJoins()
      s.wait(1_500)
      s.everybodySends(30)
      s.settle()
      let before = s.timeline()
      s.world.powerLoss(downtime: 1_000_000)
      s.settle()
      s.expect("the timeline rose", s.timeline() > before)
    },
    Scenario(
      "power-loss-at-disk", "what was acknowledged is there, on the same timeline", { $0.durability = .disk }
    ) { s in
      s.everybodyJoins()
      s.everybodySends(30)
      s.settle()
      s.world.powerLoss(downtime: 1_000_000)
      s.settle()
      s.expect("60 operations", s.operations().count == 60)
      s.expect("one timeline", s.timeline() == 1)
    },
    Scenario("a-torn-batch", "is cut, and was never acknowledged", { $0.durability = .disk }) { s in
      s.everybodyJoins()
      for round in 0..<10 {
        s.world.dieAtDiskOperation(0, after: 1, within: true)
        s.everybodySends(60 + round)
        s.settle()
        s.world.disks[0].heal()
      }
      s.expect("1290 operations", s.operations().count == 1_290)
      s.expect("ten deaths", s.deaths == 10)
    },
    Scenario("a-flipped-byte-above-the-durable-mark", "after a power loss it is a torn tail: cut, and told") { s in
      s.everybodyJoins()
      // The background sync of this second is over: what comes now is above the mark.
      s.wait(200)
      s.everybodySends(10)
      s.settle()
      let before = s.timeline()
      s.world.powerLoss(downtime: 1_000_000)
      s.world.flipLastByte(0)
      s.settle()
      s.expect("a torn tail was cut", (s.world.adoption(of: 0)?.cutBytes ?? 0) > 0)
      s.expect("the timeline rose", s.timeline() > before)
    },
    Scenario(
      "a-room-at-its-output-bound", "its inputs are busy and its ticks are skipped until outputs are taken",
      { o in
        o.rooms = 3
        o.loops = 2
        o.clients = 4
      }
    ) { s in
      s.everybodyJoins(2)
      for client in s.world.clients { for _ in 0..<30 { client.send(.shower, to: 2, argument: 60) } }
      s.until("the bound is reached") { s.unconfirmed(2) >= Limits.unconfirmedMax }
      // One loop takes nothing; the players of the other one go on sending.
      s.world.gateway?.loops[0].stalledUntil = s.world.time + 2_500_000
      s.wait(500)
      let ticks = s.ticks(2)
      s.wait(1_000)
      s.expect("its clock stands still", s.ticks(2) == ticks)
      for client in s.world.clients { for _ in 0..<30 { client.send(.append, to: 2) } }
      s.settle()
      s.expect("240 operations", s.operations(2).count == 240)
      s.expect(
        "inputs were told to come again for it",
        s.world.clients.contains { $0.busyReasons.contains { $0.contains("outputs") } })
      s.until("it ticks again") { s.ticks(2) > ticks + 4 }
    },
    Scenario(
      "a-failing-sync", "is never tried again: the owner exits, the next one starts anew", { $0.durability = .disk }
    ) { s in
      s.everybodyJoins()
      s.everybodySends(3)
      s.settle()
      s.world.failDisk(0, after: 2, .error(5))
      s.everybodySends(3)
      s.settle()
      s.expect("12 operations", s.operations().count == 12)
    },
    Scenario("a-short-write", "stops the owner", { $0.durability = .disk }) { s in
      s.everybodyJoins()
      s.world.failDisk(0, after: 1, .shortWrite)
      s.everybodySends(30)
      s.settle()
      s.expect("60 operations", s.operations().count == 60)
    },
    Scenario(
      "a-full-disk", "makes inputs busy; nothing exits, nothing is lost",
      { o in
        o.fuelPerCall = 40_000_000
        o.logKeptBytes = 64 << 10
      }
    ) { s in
      s.everybodyJoins()
      s.world.fillDisk(0, for: 20_000_000)
      for _ in 0..<60 {
        s.everybodySends(20)
        s.wait(200)
      }
      s.expect("nobody died", s.deaths == 0)
      s.expect("everybody was told to come again for it", s.world.clients.allSatisfy { $0.lacksSpace })
      s.settle()
      s.expect("2400 operations", s.operations().count == 2_400)
    },
    Scenario("a-full-disk-in-mid-batch", "stops the owner; no player is told of a cut, for nothing is in doubt") { s in
      s.everybodyJoins()
      s.everybodySends(10)
      s.settle()
      for round in 1...3 {
        let before = s.deaths
        s.world.strike(0, .error(FileError.noSpace)) { $0.kind == .write && $0.path.hasSuffix(".segment") }
        s.everybodySends(10)
        s.until("the owner ends") { s.deaths == before + 1 }
        s.settle()
        s.expect("\(10 + 10 * round) operations each", s.operations().count == 2 * (10 + 10 * round))
        s.expect("one timeline", s.timeline() == 1)
      }
    },
    Scenario(
      "no-space-while-leaves-arrive", "leaves use the reserve",
      { o in
        o.fuelPerCall = 40_000_000
        o.clients = 4
      }
    ) { s in
      s.everybodyJoins()
      let (senders, leavers) = (s.world.clients.prefix(2), s.world.clients.suffix(2))
      s.world.fillDisk(0, for: 30_000_000)
      while !senders.allSatisfy(\.lacksSpace), s.world.violation == nil {
        for client in senders { for _ in 0..<20 { client.send(.append, to: 0) } }
        s.wait(200)
      }
      for client in leavers { client.leave(0) }
      s.until("who has nothing open has left", within: 5_000_000) { leavers.allSatisfy { $0.joined == 0 } }
      s.expect("the others still wait", senders.allSatisfy { !$0.isSettled })
      s.expect("nobody died", s.deaths == 0)
      for client in senders { client.leave(0) }
      s.settle()
      s.expect("all have left", s.world.clients.allSatisfy { $0.joined == 0 })
    },
    Scenario("more-in-one-turn-than-a-segment-holds", "the rest is busy; nothing exits") { s in
      s.everybodyJoins()
      s.world.stallGateway(for: 500_000)
      for client in s.world.clients {
        for _ in 0..<20 { client.send(.append, to: 0, padding: 30_000) }
      }
      s.settle()
      s.expect("nobody died", s.deaths == 0)
      s.expect("40 operations", s.operations().count == 40)
    },
    Scenario("too-large-an-input", "is rejected, decided, and told; the next ones are applied") { s in
      s.everybodyJoins()
      s.client(0).send(.append, to: 0, padding: 40_000)
      s.client(0).send(.append, to: 0)
      s.settle()
      s.expect("one operation", s.operations().count == 1)
    },
    Scenario(
      "a-room-rebuilt-in-slices", "while its neighbours' batches are written",
      { o in
        o.rooms = 2
        o.fuelPerCall = 12_000_000
      }
    ) { s in
      s.everybodyJoins(0)
      s.everybodyJoins(1)
      s.everybodySends(20, to: 0)
      s.settle()
      let control = SimulatedControl(s.world)
      s.client(0).send(.trap, to: 0)
      s.until("it is being rebuilt") { s.world.room(0)?.phase == .repairing }
      for n: UInt64 in 1...3 {
        let answer = s.signal(control, n, key: "\(n)", room: 1)
        s.expect("what comes next door is written, applied and answered", answer == s.done(1, n))
        s.expect("while it is being rebuilt", s.world.room(0)?.phase == .repairing)
      }
      s.settle()
      s.expect("40 operations", s.operations(0).count == 40)
    },
    Scenario(
      "another-number-of-workers", "shards are spread anew; journals stay",
      { o in
        o.shards = 4
        o.workers = 2
        o.rooms = 4
      }
    ) { s in
      for room in 0..<4 { s.everybodyJoins(room) }
      for room in 0..<4 { s.everybodySends(5, to: room) }
      s.settle()
      s.world.restart(workers: 1)
      s.settle()
      s.world.restart(workers: 4)
      for room in 0..<4 { s.everybodySends(5, to: room) }
      s.settle()
      s.expect("20 operations each", (0..<4).allSatisfy { s.operations($0).count == 20 })
    },
    Scenario("another-engine", "the undecided are decided anew, and the decided are not") { s in
      s.everybodyJoins()
      s.everybodySends(10)
      s.client(0).send(.trap, to: 0)
      s.settle()
      s.world.engineIdentity = "scripted-2"
      s.world.restart(workers: 1)
      s.everybodySends(5)
      s.settle()
      s.expect("30 operations", s.operations().count == 30)
      s.expect("one timeline", s.timeline() == 1)
      // Its spare has yet another one, and adopts what the owner had written and not decided.
      s.world.engineIdentity = "scripted-3"
      s.world.killSpare()
      s.wait(2_000)
      s.killOwner(at: .written) {
        s.client(1).send(.trap, to: 0)
        s.client(1).send(.append, to: 0)
      }
      s.settle()
      s.expect("31 operations", s.operations().count == 31)
      s.expect("the timeline rose: under the old engine it might have come out otherwise", s.timeline() > 1)
    },
  ]

  package static let drifting: [Scenario] = [
    Scenario(
      "a-room-that-is-not-deterministic-is-found", "played again it comes out differently, which is told; it goes on",
      { o in
        o.rooms = 2
        o.samplePermille = 500
        o.sampleEveryMilliseconds = 20
        o.mayDrift = true
      }
    ) { s in
      s.everybodyJoins()
      s.everybodyJoins(1)
      for _ in 0..<20 {
        s.everybodySends(2)
        s.everybodySends(2, to: 1)
        s.wait(30)
      }
      s.until("both were played again") { s.samples >= 8 }
      s.expect("they came out the same", s.differences == 0)
      s.client(0).send(.drift, to: 1)
      s.until("it is found out") { s.differences == 1 }
      s.everybodySends(5)
      s.everybodySends(5, to: 1)
      s.settle()
      s.expect("90 operations, and 91", s.operations().count == 90 && s.operations(1).count == 91)
      s.wait(5_000)
      s.expect("the other one is well, and it is told once", s.differences == 1)
    }
  ]

  package static let all: [Scenario] =
    deaths + players + sleeping + failures + calls + drifting + journal + unreadable + overlaps + lifecycle
    + versions + requests
}
