// Adds up what all workers counted of a rollout's versions since it began, over deaths of workers and of this process.
internal import Artifacts
internal import Core

/// Rising counts, or the difference of two.
struct Counts: Hashable, Codable, Sendable {
  var events: UInt64 = 0
  var traps: UInt64 = 0
  /// Of them, those that the other version had too.
  var sharedTraps: UInt64 = 0
  var refusals: UInt64 = 0
  var outputs: UInt64 = 0
  var outputBytes: UInt64 = 0
  var checkFailures: UInt64 = 0
  var microseconds: UInt64 = 0
  var outcomeDifferences: UInt64 = 0
  var outputDifferences: UInt64 = 0
  /// Rooms that left it for the version before.
  var backs: UInt64 = 0
  /// Events by the upper bound of their fuel.
  var fuel: [UInt64: UInt64] = [:]

  private static var fields: [WritableKeyPath<Counts, UInt64>] {
    [
      \.events, \.traps, \.sharedTraps, \.refusals, \.outputs, \.outputBytes, \.checkFailures, \.microseconds,
      \.outcomeDifferences, \.outputDifferences, \.backs,
    ]
  }

  init() {}
  /// As the speaking version.
  init(speaking build: BuildStatistics) {
    (events, traps, sharedTraps) = (build.events, build.traps, build.sharedTraps)
    (refusals, outputs, outputBytes) = (build.refusals, build.outputs, build.outputBytes)
    (checkFailures, microseconds, backs) = (build.checkFailures, build.microseconds, build.backs)
    add(buckets: build.fuel)
  }
  /// As the silent one.
  init(silent build: BuildStatistics) {
    let twin = build.twin
    (events, traps, refusals) = (twin.events, twin.traps, twin.refusals)
    (outputs, outputBytes) = (twin.outputs, twin.outputBytes)
    (checkFailures, microseconds) = (twin.checkFailures, twin.microseconds)
    (outcomeDifferences, outputDifferences) = (twin.outcomeDifferences, twin.outputDifferences)
    add(buckets: twin.fuel)
  }

  private mutating func add(buckets: [[UInt64]]) {
    for bucket in buckets where bucket.count == 2 {
      fuel[bucket[0]] = fuel[bucket[0], default: 0].addingReportingOverflow(bucket[1]).partialValue
    }
  }

  /// Counts come from other processes: they never overflow here.
  mutating func add(_ other: Counts) {
    for field in Counts.fields { self[keyPath: field] &+= other[keyPath: field] }
    for (bound, count) in other.fuel { fuel[bound] = fuel[bound, default: 0] &+ count }
  }

  /// What was counted after `earlier`; all of it where counting began anew.
  func since(_ earlier: Counts) -> Counts {
    guard Counts.fields.allSatisfy({ self[keyPath: $0] >= earlier[keyPath: $0] }) else { return self }
    var difference = self
    for field in Counts.fields { difference[keyPath: field] -= earlier[keyPath: field] }
    for (bound, count) in earlier.fuel {
      let now = fuel[bound] ?? 0
      difference.fuel[bound] = now > count ? now - count : nil
    }
    return difference
  }

  /// The bound that 99 of 100 events keep.
  var fuelP99: UInt64 {
    let total = fuel.values.reduce(0, &+)
    var sum: UInt64 = 0
    for (bound, count) in fuel.sorted(by: { $0.key < $1.key }) {
      sum &+= count
      if sum >= total - total / 100 { return bound }
    }
    return 0
  }

  func stats(memoryBytes: UInt64) -> Stats {
    var stats = Stats()
    (stats.events, stats.traps, stats.refusals) = (events, traps, refusals)
    (stats.outputs, stats.outputBytes, stats.checkFailures) = (outputs, outputBytes, checkFailures)
    (stats.fuelP99, stats.memoryBytes, stats.microseconds) = (fuelP99, memoryBytes, microseconds)
    return stats
  }
}

struct Ledger: Hashable, Codable, Sendable {
  private struct Seen: Hashable, Codable, Sendable {
    var new: Counts
    var old: Counts
  }
  /// By worker, as it counted last.
  private var seen: [String: Seen] = [:]
  private(set) var hasBegun = false
  /// The new version where it speaks.
  private(set) var new = Counts()
  /// The older ones beside it, on the same events.
  private(set) var old = Counts()
  private(set) var newMemoryBytes: UInt64 = 0
  /// The most that was seen of the old versions.
  private(set) var oldMemoryBytes: UInt64 = 0

  /// The first call is what is counted from.
  mutating func count(_ workers: [WorkerStatistics], module: String, to: Build) {
    let name = to.hash.description
    var memory: UInt64 = 0
    for worker in workers {
      var (new, old) = (Counts(), Counts())
      for build in worker.builds where build.module == module {
        if build.sha256 == name {
          new.add(Counts(speaking: build))
          memory = max(memory, build.memoryBytes)
        } else {
          old.add(Counts(silent: build))
          oldMemoryBytes = max(oldMemoryBytes, build.memoryBytes)
        }
      }
      let key = String(worker.worker)
      if hasBegun {
        self.new.add(new.since(seen[key]?.new ?? Counts()))
        self.old.add(old.since(seen[key]?.old ?? Counts()))
      }
      seen[key] = Seen(new: new, old: old)
    }
    newMemoryBytes = memory
    // A worker that is gone does not come back under its name.
    let alive = Set(workers.map { String($0.worker) })
    if seen.count > 2 * alive.count + 8 { seen = seen.filter { alive.contains($0.key) } }
    hasBegun = true
  }

  /// Failures of the new version that were its own.
  var unsharedTraps: UInt64 { new.traps - min(new.traps, new.sharedTraps) }

  /// What the old version would have shown, generously, in rooms where it has ended; `shown` is what it did show.
  func expectedAlone(_ shown: UInt64) -> UInt64 {
    guard new.events > old.events, old.events > 0, shown > 0 else { return 0 }
    let rate = Double(shown) / Double(old.events)
    return 1 + UInt64((2 * rate * Double(new.events - old.events)).rounded(.up))
  }

  var comparison: LiveComparison {
    LiveComparison(
      old: old.stats(memoryBytes: oldMemoryBytes), new: new.stats(memoryBytes: newMemoryBytes),
      outcomeDifferences: old.outcomeDifferences, outputDifferences: old.outputDifferences)
  }
}
