// Deaths in the middle of what the journal writes for itself, and damage.
import Core
import Journal
import SimulatedFiles
import WorkerCore
import WorkerStore

extension Scenario {
  /// Much is written: snapshots come often, logs are short.
  private static let busyLog: @Sendable (inout SimulationOptions) -> Void = { o in
    o.fuelPerCall = 40_000_000
    o.checkpointBytes = 4 << 10
    o.logKeptBytes = 64 << 10
  }

  package static let journal: [Scenario] = [
    Scenario("death-in-the-middle-of-a-snapshot", "a torn snapshot counts for nothing; the one before it does", busyLog)
    { s in
      s.everybodyJoins()
      s.everybodySends(40)
      s.settle()
      var sent = 80
      for _ in 1...4 {
        sent += s.dieInTheMiddle(of: WorkerCore.RecordKind.snapshot)
        s.expect("every operation once", s.operations().count == sent)
      }
    },
    Scenario("death-in-the-middle-of-a-checkpoint", "recovery begins at the one before it", busyLog) { s in
      s.everybodyJoins()
      s.everybodySends(40)
      s.settle()
      var sent = 80
      for _ in 1...4 {
        sent += s.dieInTheMiddle(of: Journal.RecordKind.checkpoint)
        s.expect("every operation once", s.operations().count == sent)
      }
    },
    Scenario(
      "death-at-a-segment-change", "before, in, and after the new segment's header",
      { o in
        busyLog(&o)
        o.durability = .disk
      }
    ) { s in
      s.everybodyJoins()
      s.everybodySends(40)
      s.settle()
      var sent = 80
      for round in 0..<6 where s.world.violation == nil {
        let fault: SimulatedDisk.Fault = round % 2 == 0 ? .death : .deathBeforeEnd(3_000)
        s.world.strike(0, fault, after: round / 2) { $0.isSegmentHeader }
        sent += s.sendUntilDeath(padding: 6_000)
        s.expect("every operation once", s.operations().count == sent)
      }
    },
    Scenario(
      "death-while-cleaning-then-power-loss", "what a removed segment held is durable elsewhere, at every durability",
      { o in
        busyLog(&o)
        o.rooms = 2
      }
    ) { s in
      s.everybodyJoins(0)
      s.everybodyJoins(1)
      // A room that is quiet from here on: before long, only the copies that cleaning makes hold it.
      s.everybodySends(10, to: 1)
      s.settle()
      s.wait(1_500)
      for round in 0..<6 where s.world.violation == nil {
        s.world.strike(0, .death, after: round % 3) { $0.kind == .remove && $0.path.hasSuffix(".segment") }
        _ = s.sendUntilDeath(padding: 6_000)
        s.world.powerLoss(downtime: 500_000, leaving: .nothing)
        s.settle()
        s.expect("the quiet room remembers", s.operations(1).count == 20)
      }
    },
    Scenario(
      "an-adopter-dies-between-its-copies-and-adopted", "its segment is void; the next adopter starts from the old one"
    ) { s in
      s.everybodyJoins()
      s.everybodySends(20)
      s.settle()
      // All copies are written; the last one or two are not whole.
      for (round, missing) in [(1, 0), (2, 1), (3, 80), (4, 0)] {
        s.everybodySends(5)
        s.settle()
        let before = s.deaths
        let epoch = s.epoch()
        s.world.killOwner(of: 0)
        s.world.strike(0, .deathBeforeEnd(AdoptedRecord.bytes + missing)) {
          $0.path.hasSuffix(".segment") && AdoptedRecord.ends($0.bytes)
        }
        s.until("the adopter dies") { s.deaths == before + 2 }
        s.settle()
        s.expect("an epoch for each of the two", s.epoch() == epoch + 2)
        s.expect("\(20 + 5 * round) operations each", s.operations().count == 2 * (20 + 5 * round))
        s.expect("one timeline", s.timeline() == 1)
      }
      s.world.powerLoss(downtime: 500_000)
      s.settle()
    },
    Scenario(
      "power-loss-with-a-clean-end-of-the-log",
      "before acknowledged inputs: no damage is seen, and the cut is told all the same"
    ) { s in
      s.everybodyJoins()
      s.everybodySends(3)
      s.settle()
      s.until("all is synced") { s.isSynced }
      s.everybodySends(10)
      s.settle()
      s.expect("something is not synced", !s.isSynced)
      let before = s.timeline()
      s.world.powerLoss(downtime: 1_000_000, leaving: .nothing)
      s.until("it is served again") { s.hasSettledOwner() }
      let adoption = s.world.adoption(of: 0)
      s.expect("the log ended cleanly", adoption?.cutBytes == 0 && adoption?.damaged.isEmpty == true)
      s.settle()
      s.expect("the timeline rose", s.timeline() > before)
      s.expect("what was acknowledged after the sync is gone", s.operations().count == 6)
    },
    Scenario(
      "a-flipped-byte-below-the-durable-mark", "is damage, not a torn tail: one room stops, its neighbour serves on",
      { $0.rooms = 2 }
    ) { s in
      s.everybodyJoins(0)
      s.everybodySends(5, to: 0)
      s.settle()
      let victim = s.client(0).send(.append, to: 0)
      s.settle()
      s.until("all is synced") { s.isSynced }
      s.everybodyJoins(1)
      s.everybodySends(5, to: 1)
      s.settle()
      s.until("all is synced") { s.isSynced }
      let before = s.timeline(1)
      s.world.killOwner(of: 0)
      s.world.flip(operation: victim ?? 0, of: 0)
      s.until("the neighbour is served") { s.hasSettledOwner(1) }
      s.everybodySends(5, to: 1)
      s.until("it takes inputs") { s.operations(1).count == 20 }
      s.expect("on the same timeline", s.timeline(1) == before)
      s.expect("the damaged room is not begun anew", !s.hasSettledOwner(0) && s.world.isStopped(0))
      s.expect("nothing was cut", s.world.adoption(of: 0)?.cutBytes == 0)
    },
  ]
}

/// How the end of an adoption looks in a file: a frame of 14 bytes around epoch and cut counter.
private enum AdoptedRecord {
  static let bytes = 22
  /// Whether whole records are written of which the last one is `adopted`.
  static func ends(_ write: [UInt8]) -> Bool {
    var at = 0
    while at + 14 <= write.count {
      let length = (0..<4).reduce(0) { $0 | Int(write[at + $1]) << (8 * $1) }
      guard length >= 14, at + length <= write.count else { return false }
      if at + length == write.count { return length == bytes && write[at + 12] == Journal.RecordKind.adopted }
      at += length
    }
    return false
  }
}

extension SimulatedOperation {
  /// A segment begins to be used: until then it is zeros.
  fileprivate var isSegmentHeader: Bool {
    kind == .write && path.hasSuffix(".segment") && offset == 0 && bytes.contains { $0 != 0 }
  }
}

extension Stage {
  /// Everybody sends until the owner of shard 0 has died within a record of that kind; returns how many were sent.
  fileprivate func dieInTheMiddle(of kind: UInt8) -> Int {
    world.fatalRecord = (0, kind)
    return sendUntilDeath()
  }
  /// The same, for a death that is arranged already.
  fileprivate func sendUntilDeath(padding: Int = 0) -> Int {
    let before = deaths
    var sent = 0
    while deaths == before, world.violation == nil, sent < 1_000 {
      for client in world.clients { if client.send(.append, to: 0, padding: padding) != nil { sent += 1 } }
      settle()
      wait(50)
    }
    expect("the death has come", deaths == before + 1)
    settle()
    return sent
  }
  var isSynced: Bool {
    guard let store = world.supervisor.owner(of: 0)?.stores[0]?.store else { return false }
    return store.durablePosition == store.end
  }
  fileprivate func epoch() -> UInt32 { world.supervisor.owner(of: 0)?.stores[0]?.epoch.rawValue ?? 0 }
}
