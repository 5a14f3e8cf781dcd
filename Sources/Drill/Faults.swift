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

  /// Every connection is hit, not just some rooms.
  var hitsConnections: Bool { self == .gatewayKill || self == .allKill }
  /// The byte that makes a room of `faulty` do it; nil: done by the server's control.
  var command: UInt8? {
    switch self {
    case .trap: 0x01
    case .spin: 0x04
    case .workerKill, .workerStop, .gatewayKill, .spareKill, .allKill: nil
    }
  }
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
        at += plan.periodMilliseconds
      }
    }
    return all.enumerated().sorted { ($0.element.atMilliseconds, $0.offset) < ($1.element.atMilliseconds, $1.offset) }
      .map(\.element)
  }
}
