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
  /// Events by the upper bound of their fuel, and of their microseconds where those were measured.
  var fuel = Buckets()
  var time = Buckets()

  private static var fields: [WritableKeyPath<Counts, UInt64>] {
    [
      \.events, \.traps, \.sharedTraps, \.refusals, \.outputs, \.outputBytes, \.checkFailures, \.microseconds,
      \.outcomeDifferences, \.outputDifferences, \.backs,
    ]
  }

  private enum CodingKeys: String, CodingKey {
    case events, traps, sharedTraps, refusals, outputs, outputBytes, checkFailures, microseconds
    case outcomeDifferences, outputDifferences, backs, fuel, time
  }
  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func count(_ key: CodingKeys) throws -> UInt64 { try container.decode(UInt64.self, forKey: key) }
    (events, traps, sharedTraps) = (try count(.events), try count(.traps), try count(.sharedTraps))
    (refusals, outputs, outputBytes) = (try count(.refusals), try count(.outputs), try count(.outputBytes))
    (checkFailures, microseconds, backs) = (try count(.checkFailures), try count(.microseconds), try count(.backs))
    (outcomeDifferences, outputDifferences) = (try count(.outcomeDifferences), try count(.outputDifferences))
    fuel = try container.decode(Buckets.self, forKey: .fuel)
    // States of older programs have none.
    time = try container.decodeIfPresent(Buckets.self, forKey: .time) ?? Buckets()
  }

  init() {}
  /// As the speaking version.
  init(speaking build: BuildStatistics) {
    (events, traps, sharedTraps) = (build.events, build.traps, build.sharedTraps)
    (refusals, outputs, outputBytes) = (build.refusals, build.outputs, build.outputBytes)
    (checkFailures, microseconds, backs) = (build.checkFailures, build.microseconds, build.backs)
    (fuel, time) = (Buckets(build.fuel), Buckets(build.time))
  }
  /// As the silent one.
  init(silent build: BuildStatistics) {
    let twin = build.twin
    (events, traps, refusals) = (twin.events, twin.traps, twin.refusals)
    (outputs, outputBytes) = (twin.outputs, twin.outputBytes)
    (checkFailures, microseconds) = (twin.checkFailures, twin.microseconds)
    (outcomeDifferences, outputDifferences) = (twin.outcomeDifferences, twin.outputDifferences)
    (fuel, time) = (Buckets(twin.fuel), Buckets(twin.time))
  }

  /// Counts come from other processes: they never overflow here.
  mutating func add(_ other: Counts) {
    for field in Counts.fields { self[keyPath: field] &+= other[keyPath: field] }
    fuel.add(other.fuel)
    time.add(other.time)
  }

  /// What was counted after `earlier`; all of it where counting began anew.
  func since(_ earlier: Counts) -> Counts {
    guard Counts.fields.allSatisfy({ self[keyPath: $0] >= earlier[keyPath: $0] }) else { return self }
    var difference = self
    for field in Counts.fields { difference[keyPath: field] -= earlier[keyPath: field] }
    difference.fuel = fuel.since(earlier.fuel)
    difference.time = time.since(earlier.time)
    return difference
  }

  func stats(memoryBytes: UInt64) -> Stats {
    var stats = Stats()
    (stats.events, stats.traps, stats.refusals) = (events, traps, refusals)
    (stats.outputs, stats.outputBytes, stats.checkFailures) = (outputs, outputBytes, checkFailures)
    (stats.fuelP99, stats.memoryBytes) = (fuel.p99, memoryBytes)
    (stats.microseconds, stats.microsecondsP99) = (microseconds, time.p99)
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
