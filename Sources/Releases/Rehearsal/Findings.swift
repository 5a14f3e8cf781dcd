// What a rehearsal has seen so far: counts of both builds over the same events, and what was wrong, in words.
internal import Core
internal import ReleaseCore
internal import WorkerCore

/// What one build did.
struct Evidence {
  var stats = Stats()
  /// Of each event that called the guest.
  private var fuel: [UInt64] = []
  /// Of the same events: the processor's time.
  private var nanoseconds: [UInt64] = []
  private static let samplesMax = 1_000_000

  mutating func note(_ step: GuestReplay.Step) {
    stats.events += 1
    stats.outputs += UInt64(step.effects.outputs)
    stats.outputBytes += UInt64(step.effects.outputBytes)
    switch step.outcome {
    case .applied(let used)?: note(fuel: used)
    case .refused(let used)?:
      stats.refusals += 1
      note(fuel: used)
    case .failed?: stats.traps += 1
    case nil: break
    }
  }
  mutating func noteTrap() {
    stats.events += 1
    stats.traps += 1
  }
  mutating func note(memoryBytes: Int) { stats.memoryBytes = max(stats.memoryBytes, UInt64(memoryBytes)) }
  private mutating func note(fuel used: UInt64) { if fuel.count < Self.samplesMax { fuel.append(used) } }
  mutating func note(nanoseconds used: UInt64) { if nanoseconds.count < Self.samplesMax { nanoseconds.append(used) } }

  /// With what takes all samples.
  var finished: Stats {
    var stats = stats
    stats.fuelP99 = Self.p99(fuel)
    stats.microsecondsP99 = (Self.p99(nanoseconds) + 999) / 1_000
    stats.microseconds = nanoseconds.reduce(0, +) / 1_000
    return stats
  }
  private static func p99(_ samples: [UInt64]) -> UInt64 {
    samples.isEmpty ? 0 : samples.sorted()[min(samples.count - 1, samples.count * 99 / 100)]
  }
}

/// An outcome without its figures.
enum OutcomeKind { case nothing, applied, refused, failed }

extension GuestReplay.Step {
  var kindOfOutcome: OutcomeKind {
    switch outcome {
    case nil: .nothing
    case .applied?: .applied
    case .refused?: .refused
    case .failed?: .failed
    }
  }
}

struct Findings {
  var rooms = 0
  var old = Evidence()
  var new = Evidence()
  var failedRestores = 0
  /// Failures of the new build at events that the old one did not fail at.
  var ownTraps = 0
  /// Events that the old one failed at and the new one did not.
  var cured = 0
  /// Events that the old one applied and the new one refused.
  var refusedAnew = 0
  /// Of players' doing: messages, joins, signals.
  var requests = 0
  var outcomeDifferences = 0
  var outputDifferences = 0
  var stateDifferences: [StateDifference] = []
  var crashesFixed = 0
  var crashesLeft = 0
  /// Rooms that could not be replayed, for no fault of the new build.
  var skipped = 0
  /// Of each room, how much of its life was played, in microseconds.
  private(set) var histories: [Int64] = []
  /// One of the builds is machine code, which has no fuel.
  var isNative = false
  /// Of where the rooms came from. Sentences.
  var remarks: [String] = []
  /// The first words on each kind of thing that is wrong; later ones are counted only.
  private(set) var firsts: [Trouble: String] = [:]
  private(set) var counts: [Trouble: Int] = [:]

  enum Trouble: Int, CaseIterable {
    case restore, trap, twin, chance, check, skipped, crash
  }
  static let stateDifferencesMax = 20
  /// At each look at a room, so that more rooms than one are seen.
  static let stateDifferencesOfRoomMax = 5

  mutating func note(_ trouble: Trouble, _ words: @autoclosure () -> String) {
    counts[trouble, default: 0] += 1
    if firsts[trouble] == nil { firsts[trouble] = words() }
  }
  mutating func note(history microseconds: Int64) { histories.append(microseconds) }
  mutating func note(_ differences: [StateDifferences.One], room: String) {
    for one in differences where stateDifferences.count < Self.stateDifferencesMax {
      stateDifferences.append(StateDifference(room: room, path: one.path, old: one.old, new: one.new))
    }
  }
}
