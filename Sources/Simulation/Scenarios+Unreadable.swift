// Parts of the log that the disk does not give (protocol §6.6): whose verdict that is, and whose end.
import Core
import Journal
import SimulatedFiles
import WorkerCore

extension Stage {
  /// Room 0 has 80 operations and a snapshot, behind which much was written for room 1, where there is one, with 200.
  fileprivate func makeSnapshots() {
    for room in 0..<world.options.rooms {
      everybodyJoins(room)
      everybodySends(room == 0 ? 40 : 100, to: room)
      settle()
    }
    until("all is synced") { self.isSynced }
  }
  /// The same, with a snapshot that cannot be read any more.
  fileprivate func ruinSnapshot() {
    makeSnapshots()
    world.ruinSnapshot(of: 0)
  }
  fileprivate func putToSleep() {
    makeSnapshots()
    for client in world.clients { client.leave(0) }
    until("it sleeps") { self.world.isAsleep(0) }
    everybodySends(50, to: 1)
    settle()
    until("all is synced") { self.isSynced }
  }
  /// The next owner reads what can be read again.
  fileprivate func mendAndReplace() {
    world.mend(0)
    let before = deaths
    world.killOwner(of: 0)
    until("another owner") { self.deaths > before }
    for room in 0..<world.options.rooms { everybodyJoins(room) }
  }
}

extension Scenario {
  /// Snapshots come often.
  private static let costly: @Sendable (inout SimulationOptions) -> Void = { o in
    o.rooms = 2
    o.fuelPerCall = 40_000_000
    o.checkpointBytes = 8 << 10
  }

  package static let unreadable: [Scenario] = [
    Scenario(
      "a-snapshot-that-cannot-be-read-for-a-rebuild",
      "its owner ends as after a failing write; the next one reads it, and the room goes on", costly
    ) { s in
      s.ruinSnapshot()
      let before = s.deaths
      s.client(0).send(.trap, to: 0)
      s.until("the owner ends") { s.deaths == before + 1 }
      s.world.mend(0)
      s.everybodySends(5)
      s.settle()
      s.expect("one death", s.deaths == before + 1)
      s.expect("90 operations, and 200 next door", s.operations(0).count == 90 && s.operations(1).count == 200)
    },
    Scenario(
      "a-snapshot-that-is-not-readable-for-the-next-owner-either",
      "its room stops, once; the others are served, and its record is whole", costly
    ) { s in
      s.ruinSnapshot()
      let before = s.deaths
      s.client(0).send(.trap, to: 0)
      s.until("the room stops") { s.world.isStopped(0) }
      s.everybodySends(5, to: 1)
      s.until("its neighbour is served") { s.operations(1).count == 210 }
      s.wait(30_000)
      s.expect("one death in all", s.deaths == before + 1)
      s.mendAndReplace()
      s.everybodySends(5)
      s.settle()
      s.expect("90 operations", s.operations(0).count == 90)
    },
    Scenario(
      "snapshots-that-cannot-be-read-in-two-shards",
      "each costs one owner: what the next one was told of one shard is not lost when it ends over the other",
      { o in
        costly(&o)
        o.rooms = 4
        o.shards = 2
        o.workers = 1
      }
    ) { s in
      s.makeSnapshots()
      let places = (0..<4).map { Int(s.world.map.shard(of: s.world.place($0).id).rawValue) }
      let first = places.firstIndex(of: 0) ?? 0
      let second = places.firstIndex(of: 1) ?? 0
      s.expect("a room in each", places[first] != places[second])
      let other = (0..<4).first { $0 != first && $0 != second } ?? 0
      for room in [first, second] { s.world.ruinSnapshot(of: room) }
      let (before, operations) = (s.deaths, (0..<4).map { s.operations($0).count })
      // Its shard is adopted before the other one.
      s.client(0).send(.trap, to: second)
      s.until("both rooms stop") { s.world.isStopped(first) && s.world.isStopped(second) }
      s.everybodySends(5, to: other)
      s.until("their neighbour is served") { s.operations(other).count == operations[other] + 10 }
      s.wait(60_000)
      s.expect("two deaths in all", s.deaths == before + 2)
      s.world.mend(1)
      s.mendAndReplace()
      s.everybodySends(5, to: first)
      s.everybodySends(5, to: second)
      s.settle()
      for room in [first, second] { s.expect("nothing is gone", s.operations(room).count == operations[room] + 10) }
    },
    Scenario(
      "a-sleeping-room-that-cannot-be-read", "whoever asks for it costs one owner; then it stops until it can be read",
      { o in
        costly(&o)
        o.passivateSeconds = 1
      }
    ) { s in
      s.putToSleep()
      s.world.ruinSnapshot(of: 0)
      let before = s.deaths
      s.client(0).join(0)
      s.until("the owner ends") { s.deaths == before + 1 }
      s.until("the room stops") { s.world.isStopped(0) }
      s.everybodySends(5, to: 1)
      s.until("its neighbour is served") { s.operations(1).count == 310 }
      s.wait(10_000)
      s.expect("one death", s.deaths == before + 1)
      s.mendAndReplace()
      s.expect("it has kept everything", s.operations(0).count == 80)
    },
    Scenario(
      "a-sleeping-room-that-cannot-be-copied-forward", "cleaning leaves it where it is; no owner after the next ends",
      { o in
        costly(&o)
        o.passivateSeconds = 1
        o.logKeptBytes = 64 << 10
      }
    ) { s in
      s.putToSleep()
      s.world.ruinSnapshot(of: 0)
      let before = s.deaths
      for _ in 0..<40 {
        for client in s.world.clients { client.send(.append, to: 1, padding: 6_000) }
        s.wait(200)
      }
      s.expect("cleaning came to it", s.deaths == before + 1 && s.world.isStopped(0))
      s.settle()
      s.mendAndReplace()
      s.expect("it has kept everything", s.operations(0).count == 80)
      s.expect("380 operations next door", s.operations(1).count == 380)
    },
    Scenario(
      "a-damaged-snapshot-found-by-cleaning", "concerns its room alone: no owner ends over it",
      { o in
        costly(&o)
        o.passivateSeconds = 1
        o.logKeptBytes = 64 << 10
      }
    ) { s in
      s.putToSleep()
      s.world.damageSnapshot(of: 0)
      let before = s.deaths
      for _ in 0..<40 {
        for client in s.world.clients { client.send(.append, to: 1, padding: 6_000) }
        s.wait(200)
      }
      s.until("it is found") { s.world.isStopped(0) }
      s.settle()
      s.expect("nobody died", s.deaths == before)
      s.expect("380 operations next door", s.operations(1).count == 380)
    },
    Scenario(
      "events-that-cannot-be-read-at-an-adoption", "the first adopter ends, the next one takes them for damage",
      { $0.rooms = 2 }
    ) { s in
      s.everybodyJoins(0)
      s.everybodySends(5, to: 0)
      s.settle()
      let victim = s.client(0).send(.append, to: 0, padding: 12_000)
      s.settle()
      s.until("all is synced") { s.isSynced }
      s.everybodyJoins(1)
      s.everybodySends(5, to: 1)
      s.settle()
      s.until("all is synced") { s.isSynced }
      let before = s.deaths
      s.world.ruin(operation: victim ?? 0, of: 0)
      s.world.killOwner(of: 0)
      s.until("the room stops") { s.world.isStopped(0) }
      s.everybodySends(5, to: 1)
      s.until("the neighbour is served") { s.operations(1).count == 20 }
      s.expect("two deaths", s.deaths == before + 2)
      s.expect("nothing was cut", s.world.adoption(of: 0)?.cutBytes == 0)
      s.mendAndReplace()
      s.everybodySends(5, to: 0)
      s.settle()
      s.expect("21 operations", s.operations(0).count == 21)
    },
    Scenario(
      "a-snapshot-that-cannot-be-read-to-play-the-room-again", "another one takes its place while the room lives",
      { o in
        costly(&o)
        o.rooms = 1
        o.samplePermille = 500
        o.sampleEveryMilliseconds = 20
      }
    ) { s in
      s.ruinSnapshot()
      let before = s.deaths
      let snapshots = s.world.log.snapshots(0)
      s.client(0).send(.append, to: 0)
      s.until("another snapshot is written") { s.world.log.snapshots(0) > snapshots }
      s.everybodySends(60)
      s.settle()
      s.expect("nobody died", s.deaths == before)
      // What cannot be read is not mended: nobody needs it.
      s.world.killOwner(of: 0)
      s.settle()
      s.expect("one death", s.deaths == before + 1)
      s.expect("201 operations", s.operations(0).count == 201)
    },
  ]
}
