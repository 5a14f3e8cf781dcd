// What all workers count of each build, added up.
import ReleaseCore

extension BuildStatistics {
  /// By module and version.
  static func sum(_ workers: [WorkerStatistics]) -> [BuildStatistics] {
    var builds: [String: BuildStatistics] = [:]
    for build in workers.lazy.flatMap(\.builds) {
      builds[build.sha256] = builds[build.sha256].map { $0.added(build) } ?? build
    }
    return builds.values.sorted { ($0.module, $0.version, $0.sha256) < ($1.module, $1.version, $1.sha256) }
  }

  private func added(_ other: BuildStatistics) -> BuildStatistics {
    var sum = self
    sum.rooms &+= other.rooms
    sum.probation &+= other.probation
    sum.events &+= other.events
    sum.traps &+= other.traps
    sum.sharedTraps &+= other.sharedTraps
    sum.refusals &+= other.refusals
    sum.outputs &+= other.outputs
    sum.outputBytes &+= other.outputBytes
    sum.memoryBytes = max(memoryBytes, other.memoryBytes)
    sum.checkFailures &+= other.checkFailures
    sum.fuel = Self.added(fuel, other.fuel)
    sum.microseconds &+= other.microseconds
    sum.time = Self.added(time, other.time)
    sum.backs &+= other.backs
    sum.firstTrapAt = [firstTrapAt, other.firstTrapAt].compactMap(\.self).min()
    sum.lastBackAt = [lastBackAt, other.lastBackAt].compactMap(\.self).max()
    sum.twin.events &+= other.twin.events
    sum.twin.traps &+= other.twin.traps
    sum.twin.refusals &+= other.twin.refusals
    sum.twin.outputs &+= other.twin.outputs
    sum.twin.outputBytes &+= other.twin.outputBytes
    sum.twin.checkFailures &+= other.twin.checkFailures
    sum.twin.fuel = Self.added(twin.fuel, other.twin.fuel)
    sum.twin.microseconds &+= other.twin.microseconds
    sum.twin.time = Self.added(twin.time, other.twin.time)
    sum.twin.outcomeDifferences &+= other.twin.outcomeDifferences
    sum.twin.outputDifferences &+= other.twin.outputDifferences
    return sum
  }

  private static func added(_ a: [[UInt64]], _ b: [[UInt64]]) -> [[UInt64]] {
    var buckets: [UInt64: UInt64] = [:]
    for bucket in a + b where bucket.count == 2 { buckets[bucket[0], default: 0] &+= bucket[1] }
    return buckets.map { [$0.key, $0.value] }.sorted { $0[0] < $1[0] }
  }
}
