// What a worker answers to `inspect "versions"`: rising counts of each build that its rooms have run since it began.

/// Names as in the worker's JSON; what is missing there counts nothing.
package struct BuildStatistics: Hashable, Codable, Sendable {
  package var module = ""
  package var version = ""
  package var sha256 = ""
  /// Rooms that speak with it now.
  package var rooms: UInt64 = 0
  /// Of them, those whose old version goes on beside it.
  package var probation: UInt64 = 0
  package var events: UInt64 = 0
  package var traps: UInt64 = 0
  /// Of them, those that the twin had too.
  package var sharedTraps: UInt64 = 0
  package var refusals: UInt64 = 0
  package var outputs: UInt64 = 0
  package var outputBytes: UInt64 = 0
  /// Of the largest room now.
  package var memoryBytes: UInt64 = 0
  package var checkFailures: UInt64 = 0
  /// Pairs of a bucket's upper bound and how many events fell into it.
  package var fuel: [[UInt64]] = []
  package var microseconds: UInt64 = 0
  /// The same of microseconds: of the events whose time was measured.
  package var time: [[UInt64]] = []
  /// Rooms that left this build for the one they had before.
  package var backs: UInt64 = 0
  /// Microseconds since 1970.
  package var firstTrapAt: Int64?
  package var lastBackAt: Int64?
  /// What it did as the silent version of rooms.
  package var twin = Silent()

  package struct Silent: Hashable, Codable, Sendable {
    package var events: UInt64 = 0
    package var traps: UInt64 = 0
    package var refusals: UInt64 = 0
    package var outputs: UInt64 = 0
    package var outputBytes: UInt64 = 0
    package var checkFailures: UInt64 = 0
    package var fuel: [[UInt64]] = []
    package var microseconds: UInt64 = 0
    package var time: [[UInt64]] = []
    /// Events whose outcome (applied, refused, failed) was another than the speaker's.
    package var outcomeDifferences: UInt64 = 0
    package var outputDifferences: UInt64 = 0
    package init() {}

    private enum CodingKeys: String, CodingKey {
      case events, traps, refusals, outputs, outputBytes, checkFailures, fuel, microseconds, time
      case outcomeDifferences, outputDifferences
    }
    package init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      func count(_ key: CodingKeys) throws -> UInt64 { try container.decodeIfPresent(UInt64.self, forKey: key) ?? 0 }
      events = try count(.events)
      traps = try count(.traps)
      refusals = try count(.refusals)
      outputs = try count(.outputs)
      outputBytes = try count(.outputBytes)
      checkFailures = try count(.checkFailures)
      fuel = try container.decodeIfPresent([[UInt64]].self, forKey: .fuel) ?? []
      microseconds = try count(.microseconds)
      time = try container.decodeIfPresent([[UInt64]].self, forKey: .time) ?? []
      outcomeDifferences = try count(.outcomeDifferences)
      outputDifferences = try count(.outputDifferences)
    }
  }

  package init() {}

  private enum CodingKeys: String, CodingKey {
    case module, version, sha256, rooms, probation, events, traps, sharedTraps, refusals, outputs, outputBytes
    case memoryBytes, checkFailures, fuel, microseconds, time, backs, firstTrapAt, lastBackAt, twin
  }
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func count(_ key: CodingKeys) throws -> UInt64 { try container.decodeIfPresent(UInt64.self, forKey: key) ?? 0 }
    module = try container.decode(String.self, forKey: .module)
    version = try container.decode(String.self, forKey: .version)
    sha256 = try container.decode(String.self, forKey: .sha256)
    rooms = try count(.rooms)
    probation = try count(.probation)
    events = try count(.events)
    traps = try count(.traps)
    sharedTraps = try count(.sharedTraps)
    refusals = try count(.refusals)
    outputs = try count(.outputs)
    outputBytes = try count(.outputBytes)
    memoryBytes = try count(.memoryBytes)
    checkFailures = try count(.checkFailures)
    fuel = try container.decodeIfPresent([[UInt64]].self, forKey: .fuel) ?? []
    microseconds = try count(.microseconds)
    time = try container.decodeIfPresent([[UInt64]].self, forKey: .time) ?? []
    backs = try count(.backs)
    firstTrapAt = try container.decodeIfPresent(Int64.self, forKey: .firstTrapAt)
    lastBackAt = try container.decodeIfPresent(Int64.self, forKey: .lastBackAt)
    twin = try container.decodeIfPresent(Silent.self, forKey: .twin) ?? Silent()
  }
}

/// One worker's answer.
package struct WorkerStatistics: Hashable, Sendable {
  /// Names the process: after a worker's death its successor counts from nothing.
  package var worker: UInt64
  package var builds: [BuildStatistics]
  package init(worker: UInt64, builds: [BuildStatistics]) { (self.worker, self.builds) = (worker, builds) }
}
