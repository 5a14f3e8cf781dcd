// What happens to supervision, and what it wants done.
import Core
package import Wire

package enum SupervisionEvent: Sendable, Hashable {
  case start
  /// Answers to `spawn`.
  case spawned(Instance, pid: Int32)
  case message(Instance, ToSupervisor)
  /// It closed its channel or sent what nobody understands; it may still live.
  case broken(Instance, String)
  /// The kernel says so: collected. Also the answer to a `spawn` that failed. `jitter`: any number, drawn now.
  case died(Instance, Death, jitter: UInt32)
  /// At `nextWake`, or sooner.
  case tick
  /// The operator's wish to stop; the second one means at once.
  case stop
}

package enum SupervisionAction: Sendable, Hashable {
  case spawn(Instance, ChildRole)
  case send(Instance, FromSupervisor)
  /// To gateway and control: who can be connected to.
  case announce(to: Instance, workers: [Instance])
  case signal(Instance, ChildSignal)
  /// All roles work and all shards are served; said once.
  case serving
  case log(LogLevel, String)
  /// Kill every child and this process, as a power cut would.
  case perish
  /// Stop supervising; children that still live are killed.
  case exit(status: Int32, String)
}

package enum ChildSignal: Sendable, Hashable {
  case kill
  /// Stand still without dying: what a hang looks like.
  case stop
  /// Write a crash report and die.
  case dump
}

package enum LogLevel: String, Sendable, Hashable {
  case info
  case warning
  case error

  /// Of what a child tells of itself: what somebody should look at is a warning.
  init(ofEvent kind: String) {
    switch kind {
    case "disk-failed": self = .error
    case "disk-full", "log-unreadable", "module-refused", "quarantined", "version-failed", "twin-failed", "frozen",
      "room-failed",
      "member-removed", "link-broken", "differs", "no-descriptors":
      self = .warning
    default: self = .info
    }
  }
}

/// A fault that somebody asks for, to see it repaired.
package enum Fault: String, Sendable, Hashable, CaseIterable {
  case workerKill = "worker-kill"
  case workerStop = "worker-stop"
  case gatewayKill = "gateway-kill"
  case spareKill = "spare-kill"
  case controlKill = "control-kill"
  case allKill = "all-kill"
}
