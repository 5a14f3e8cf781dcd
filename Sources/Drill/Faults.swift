// Which faults a drill makes, and when.

package enum FaultKind: String, Sendable, CaseIterable {
  case workerKill = "worker-kill"
  case workerStop = "worker-stop"
  case gatewayKill = "gateway-kill"
  case spareKill = "spare-kill"
  /// Everything, the supervisor too; then the drill starts the server again on the same ports and data.
  case allKill = "all-kill"
  /// A room of the module `faulty` traps; its neighbours on the same worker are judged.
  case trap
  /// A room of the module `faulty` loops without end; its neighbours are judged.
  case spin
  /// A room of `faulty`, built as machine code, fails and takes its worker with it, twice; then that input is set aside.
  case nativeCrash = "native-crash"
  /// The process that serves HTTP and runs rollouts.
  case controlKill = "control-kill"
  // Another build of `tally` is released: one to stay, and others to be taken back, for what each does wrong.
  case goodRelease = "good-release"
  /// Traps at some adds.
  case badRelease = "bad-release"
  /// Keeps another number than it tells: only `check()` sees it.
  case wrongRelease = "wrong-release"
  case slowRelease = "slow-release"
  case leakyRelease = "leaky-release"
  /// Refuses some adds that the build before it takes.
  case refusingRelease = "refusing-release"

  /// Every connection is hit, not just some rooms.
  var hitsConnections: Bool { self == .gatewayKill || self == .allKill }
  /// The byte that makes a room of `faulty` do it; nil: done otherwise.
  var command: UInt8? {
    switch self {
    case .trap, .nativeCrash: 0x01
    case .spin: 0x04
    default: nil
    }
  }
  /// What the fault releases; nil: it is no release.
  var build: ReleasedBuild? {
    switch self {
    case .goodRelease: ReleasedBuild(number: 1, stays: true)
    case .badRelease: ReleasedBuild(number: 2)
    case .wrongRelease: ReleasedBuild(number: 3)
    case .slowRelease: ReleasedBuild(number: 4)
    case .leakyRelease: ReleasedBuild(number: 5)
    case .refusingRelease: ReleasedBuild(number: 6, changesOutcomes: true)
    default: nil
    }
  }
}

/// One of tally's variants, as it lies on the server's shelf.
package struct ReleasedBuild: Sendable, Hashable {
  var number: Int
  /// It must become the one that all rooms run; else it must be gone from all of them.
  package var stays = false
  /// What it decides differs from what the build before it would have: going back changes what players were told.
  package var changesOutcomes = false
  package var version: String { "hotfix-1.0.0-v\(number)" }
  package var file: String { "tally-\(version)" }
}

/// A kind of fault, first after one period, then every period.
package struct FaultPlan: Sendable, Hashable {
  package var kind: FaultKind
  package var periodMilliseconds: Int64

  package init(kind: FaultKind, periodMilliseconds: Int64) {
    precondition(periodMilliseconds > 0, "a fault's period must be positive")
    self.kind = kind
    self.periodMilliseconds = periodMilliseconds
  }

  /// From `KIND=PERIOD`, such as `worker-kill=5s`, `trap=500ms` or `all-kill=2m`.
  package init(argument: String) throws(DrillError) {
    let parts = argument.split(separator: "=", maxSplits: 1)
    guard parts.count == 2 else {
      throw DrillError("--fault \(argument): write it as KIND=PERIOD, for example worker-kill=5s")
    }
    guard let kind = FaultKind(rawValue: String(parts[0])) else {
      let known = FaultKind.allCases.map(\.rawValue).joined(separator: ", ")
      throw DrillError("--fault \(argument): there is no fault \(parts[0]); there are \(known)")
    }
    let digits = parts[1].prefix(while: \.isNumber)
    let scale: Int64? =
      switch parts[1].dropFirst(digits.count) {
      case "ms": 1
      case "s": 1_000
      case "m": 60_000
      default: nil
      }
    guard let scale, let count = Int64(digits), count > 0, count <= 1_000_000 else {
      throw DrillError("--fault \(argument): the period is a whole number and ms, s or m, for example 500ms")
    }
    self.init(kind: kind, periodMilliseconds: count * scale)
  }

  /// No fault is made in so long before the end of the load: each is judged by the 5 s after it.
  package static let quietMilliseconds: Int64 = 5_000

  /// All faults of a drill of that length, in order of time.
  package static func schedule(
    _ plans: [FaultPlan], seconds: Int
  ) -> [(kind: FaultKind, atMilliseconds: Int64)] {
    let end = Int64(seconds) * 1_000 - quietMilliseconds
    var all: [(kind: FaultKind, atMilliseconds: Int64)] = []
    for plan in plans {
      var at = plan.periodMilliseconds
      while at <= end {
        all.append((plan.kind, at))
        // A build is released once.
        if plan.kind.build != nil { break }
        at += plan.periodMilliseconds
      }
    }
    return all.enumerated().sorted { ($0.element.atMilliseconds, $0.offset) < ($1.element.atMilliseconds, $1.offset) }
      .map(\.element)
  }
}
