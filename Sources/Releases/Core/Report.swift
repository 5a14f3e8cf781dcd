// Evidence: what a version did with events.

/// Counted over events; `fuelP99` and `microsecondsP99` are of one event, `memoryBytes` of one room.
package struct Stats: Hashable, Codable, Sendable {
  package var events: UInt64 = 0
  package var traps: UInt64 = 0
  package var refusals: UInt64 = 0
  package var outputs: UInt64 = 0
  package var outputBytes: UInt64 = 0
  package var fuelP99: UInt64 = 0
  /// Of the largest room.
  package var memoryBytes: UInt64 = 0
  package var checkFailures: UInt64 = 0
  /// Running time; 0 where it was not measured.
  package var microseconds: UInt64 = 0
  /// What 99 of 100 events keep; 0 where it was not measured.
  package var microsecondsP99: UInt64 = 0
  package init() {}

  private enum CodingKeys: String, CodingKey {
    case events, traps, refusals, outputs, outputBytes, fuelP99, memoryBytes, checkFailures, microseconds
    case microsecondsP99
  }
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func count(_ key: CodingKeys) throws -> UInt64 { try container.decodeIfPresent(UInt64.self, forKey: key) ?? 0 }
    events = try count(.events)
    traps = try count(.traps)
    refusals = try count(.refusals)
    outputs = try count(.outputs)
    outputBytes = try count(.outputBytes)
    fuelP99 = try count(.fuelP99)
    memoryBytes = try count(.memoryBytes)
    checkFailures = try count(.checkFailures)
    microseconds = try count(.microseconds)
    microsecondsP99 = try count(.microsecondsP99)
  }
}

package struct StateDifference: Hashable, Codable, Sendable {
  package var room: String
  package var path: String
  package var old: String
  package var new: String
  package init(room: String, path: String, old: String, new: String) {
    (self.room, self.path, self.old, self.new) = (room, path, old, new)
  }
}

/// What a rehearsal found.
package struct Report: Hashable, Codable, Sendable {
  package enum Verdict: String, Codable, Sendable {
    case good, bad
    /// Nothing bad was seen, and too little was seen.
    case thin
  }
  package var rooms = 0
  package var events: UInt64 = 0
  package var crashes = 0
  package var seconds: Double = 0
  package var old = Stats()
  package var new = Stats()
  package var failedRestores = 0
  package var crashesFixed = 0
  package var crashesLeft = 0
  package var outcomeDifferences: UInt64 = 0
  package var outputDifferences: UInt64 = 0
  /// At most 20.
  package var stateDifferences: [StateDifference] = []
  /// How much of a room's life was played, of the room with least and in the median; nil: of none.
  package var historySecondsMin: Double?
  package var historySecondsMedian: Double?
  /// Sentences.
  package var problems: [String] = []
  /// Sentences about what is worth knowing and nobody's fault.
  package var notes: [String]?
  /// Nothing was replayed: why not.
  package var skipped: String?
  package var verdict: Verdict
  package init(verdict: Verdict) { self.verdict = verdict }
}
