// One child process as supervision sees it.
//
//   starting ──ready──▶ ready ──stop──▶ stopping ──▶ dead (forgotten)
//       └───────────────┴── hang, fault, limit ──▶ doomed ──▶ dead
import Core
import Wire

/// What a process is started as. A worker without shards is the spare.
package enum ChildRole: String, Sendable, Hashable, CaseIterable {
  case worker
  case gateway
  case control
}

/// Names a child; never given twice in one life of the supervisor, from 1.
package struct Instance: Identifier {
  package let rawValue: UInt32
  package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// How a process ended, as the kernel reported it.
package enum Death: Sendable, Hashable, CustomStringConvertible {
  case exited(Int32)
  case killed(signal: Int32)
  /// It never ran.
  case notStarted(String)

  package var description: String {
    switch self {
    case .exited(let code): "exited with status \(code)"
    case .killed(let signal): "was killed by signal \(signal)\(Self.name(signal))"
    case .notStarted(let reason): "could not be started: \(reason)"
    }
  }
  private static func name(_ signal: Int32) -> String {
    switch signal {
    case 3: " (QUIT)"
    case 4: " (ILL)"
    case 5: " (TRAP)"
    case 6: " (ABRT)"
    case 7: " (BUS)"
    case 8: " (FPE)"
    case 9: " (KILL)"
    case 11: " (SEGV)"
    case 15: " (TERM)"
    default: ""
    }
  }
}

/// Why a child is to die, and when at the latest.
struct Doom: Sendable {
  var cause: String
  var killAt: Int64
  var killed = false
  /// The cause stands even if the child dies before it is killed.
  var isSure: Bool
}

struct Child: Sendable {
  enum Phase: String, Sendable {
    case starting
    case ready
    case stopping
  }
  let instance: Instance
  let role: ChildRole
  let startedAt: Int64
  var pid: Int32 = 0
  var phase = Phase.starting
  /// Index of the place whose shards it owns; nil: a spare, or not a worker.
  var place: Int?
  /// Shards given to it and not yet reported as served.
  var awaited: [ShardID] = []
  var adoptAt: Int64 = 0
  var counters: [UInt64] = []
  /// When each counter last rose.
  var roseAt: [Int64] = []
  var beatAt: Int64
  /// As it last said.
  var vitals = Vitals()
  var doom: Doom?
  /// A fault asked for its death: it tells nothing about the process's health.
  var invited: String?

  init(_ instance: Instance, _ role: ChildRole, at time: Int64) {
    self.instance = instance
    self.role = role
    startedAt = time
    beatAt = time
  }

  var isSpare: Bool { role == .worker && place == nil && phase == .ready && doom == nil && invited == nil }
  /// The role as people see it.
  var roleName: String { role == .worker && place == nil ? "spare" : role.rawValue }
  var stateName: String {
    if doom != nil { return "dying" }
    if phase == .ready, role == .worker { return place == nil ? "spare" : awaited.isEmpty ? "serving" : "adopting" }
    return phase.rawValue
  }
  /// The loop that has been standing still the longest.
  var slowestRoseAt: Int64 { roseAt.min() ?? beatAt }

  mutating func beat(_ newer: [UInt64], _ vitals: Vitals, at time: Int64) {
    self.vitals = vitals
    beatAt = time
    if newer.count != counters.count {
      roseAt = newer.map { _ in time }
    } else {
      for i in newer.indices where newer[i] != counters[i] { roseAt[i] = time }
    }
    counters = newer
  }
  /// Starts all waiting anew: at `ready`, after an adoption, after an absence of the supervisor.
  mutating func forgive(at time: Int64) {
    beatAt = time
    for i in roseAt.indices { roseAt[i] = time }
  }
}
