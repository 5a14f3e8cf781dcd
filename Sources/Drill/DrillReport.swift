// What a drill found, and its form as JSON.
import FoundationEssentials

package struct DrillReport: Sendable {
  package struct Fault: Sendable {
    package var kind: FaultKind
    package var atSeconds: Double
    /// Players whose room or connection was hit.
    package var affected: Int
    package var pause: Spread
    package init(kind: FaultKind, atSeconds: Double, affected: Int, pause: Spread) {
      self.kind = kind
      self.atSeconds = atSeconds
      self.affected = affected
      self.pause = pause
    }
  }
  /// What came of a release. Times are milliseconds.
  package struct Release: Sendable {
    package var version: String
    package var atSeconds: Double
    /// `done`, `rolledBack`, `refused`; `running` or `paused`: not by the end of the drill.
    package var ended: String
    package var why: String
    package var rooms: Int
    /// So many ran it, at most.
    package var roomsReached: Int
    /// From the push to the first room that ran it, and from there to all of them.
    package var firstRoomMilliseconds: Double?
    package var allRoomsMilliseconds: Double?
    /// To the last room back, from what `backSince` says: its first trap, or else the first room that ran it.
    package var backMilliseconds: Double?
    package var backSince = ""
    package var traps: Int
    package var backs: Int
    package var disconnects: Int
    package var isAsExpected: Bool
    /// What its rehearsal saw, in sentences; empty where there was none.
    package var rehearsal: [String] = []
    package init(
      version: String, atSeconds: Double, ended: String, why: String, rooms: Int, roomsReached: Int,
      firstRoomMilliseconds: Double?, allRoomsMilliseconds: Double?, backMilliseconds: Double?, traps: Int, backs: Int,
      disconnects: Int, isAsExpected: Bool
    ) {
      (self.version, self.atSeconds, self.ended, self.why) = (version, atSeconds, ended, why)
      (self.rooms, self.roomsReached) = (rooms, roomsReached)
      (self.firstRoomMilliseconds, self.allRoomsMilliseconds) = (firstRoomMilliseconds, allRoomsMilliseconds)
      (self.backMilliseconds, self.traps, self.backs) = (backMilliseconds, traps, backs)
      (self.disconnects, self.isAsExpected) = (disconnects, isAsExpected)
    }
  }
  /// A stretch of the drill, for the charts.
  package struct Moment: Sendable {
    package var acked = 0
    package var p50 = 0.0
    package var p99 = 0.0
    package var max = 0.0
    package var disconnects = 0
    package init() {}
  }

  package var players = 0
  package var rooms = 0
  package var rate = 0.0
  package var seconds = 0
  /// "process", "disk", or "unknown" where the server was running before.
  package var durability = "unknown"
  package var verdict = OracleVerdict()
  package var disconnects = 0
  package var throughputPerSecond = 0.0
  package var latency = Spread()
  package var pause = Spread()
  package var faults: [Fault] = []
  package var releases: [Release] = []
  package var moments: [Moment] = []
  package static let momentMilliseconds = 200

  package init() {}

  /// Nothing that was acknowledged or shown is missing, doubled or out of order, nothing is open, and each release ended
  /// as it should.
  package var isClean: Bool { verdict.isClean && releases.allSatisfy(\.isAsExpected) }

  /// One object; the names are a promise. Ends with a newline.
  package var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(JSON(self)) else { preconditionFailure("a report of numbers can be encoded") }
    return String(decoding: data, as: UTF8.self) + "\n"
  }
}

private struct JSON: Encodable {
  struct Latency: Encodable { var mean, p50, p99, p999, max: Double }
  struct Pause: Encodable {
    var p50, p99, max: Double
    init(_ spread: Spread) { (p50, p99, max) = (spread.p50, spread.p99, spread.max) }
  }
  struct Fault: Encodable {
    var kind: String
    var at_s: Double
    var affected: Int
    var pause_ms: Pause
  }
  struct Release: Encodable {
    var version: String
    var at_s: Double
    var ended, why: String
    var rooms, rooms_reached: Int
    var first_room_ms, all_rooms_ms, back_ms: Double?
    var back_since: String?
    var traps, backs, disconnects: Int
    var as_expected: Bool
    var rehearsal: [String]
    init(_ r: DrillReport.Release) {
      (version, at_s, ended, why) = (r.version, rounded(r.atSeconds), r.ended, r.why)
      (rooms, rooms_reached) = (r.rooms, r.roomsReached)
      (first_room_ms, all_rooms_ms) = (r.firstRoomMilliseconds.map(rounded), r.allRoomsMilliseconds.map(rounded))
      back_since = r.backMilliseconds == nil ? nil : r.backSince
      (back_ms, traps, backs) = (r.backMilliseconds.map(rounded), r.traps, r.backs)
      (disconnects, as_expected, rehearsal) = (r.disconnects, r.isAsExpected, r.rehearsal)
    }
  }
  var players, rooms: Int
  var rate: Double
  var seconds: Int
  var durability: String
  var sent, acked, unacked, lost, duplicated, reordered, outputs_lost, outputs_doubled, resets, disconnects, errors: Int
  var throughput_per_s: Double
  var latency_ms: Latency
  var pause_ms: Pause
  var changed, untold: Int
  var faults: [Fault]
  var releases: [Release]
  var notes: [String]

  init(_ r: DrillReport) {
    (players, rooms, rate, seconds, durability) = (r.players, r.rooms, r.rate, r.seconds, r.durability)
    let v = r.verdict
    (sent, acked, unacked, lost, duplicated, reordered) =
      (v.sent, v.acked, v.unacked, v.lost, v.duplicated, v.reordered)
    (outputs_lost, outputs_doubled, resets, errors) = (v.outputsLost, v.outputsDoubled, v.resets, v.errors)
    (disconnects, throughput_per_s) = (r.disconnects, rounded(r.throughputPerSecond))
    latency_ms = Latency(
      mean: r.latency.mean, p50: r.latency.p50, p99: r.latency.p99, p999: r.latency.p999, max: r.latency.max)
    pause_ms = Pause(r.pause)
    faults = r.faults.map {
      Fault(kind: $0.kind.rawValue, at_s: rounded($0.atSeconds), affected: $0.affected, pause_ms: Pause($0.pause))
    }
    (changed, untold) = (v.changed, v.untold)
    releases = r.releases.map { Release($0) }
    notes = v.notes
  }
}

/// To three places: milliseconds to the microsecond.
func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }
