// Rooms that sleep keep the build that they fell asleep with. Where it was replaced meanwhile, they follow when they wake.
import Artifacts
import Core
import ReleaseCore

struct Sweep: Sendable {
  /// Rooms that could not be carried over, by the build that they were to get.
  var failed: [RoomID: ModuleHash] = [:]
  static let failedMax = 100_000
}

extension ReleaseRunner {
  /// Carries rooms that are awake with a replaced build over to the current one. Nobody is asked where none was replaced.
  func sweepRooms() async {
    var targets: [ModuleHash: ModuleHash] = [:]
    for module in core.modules {
      guard let current = core.current(of: module) else { continue }
      for build in core.builds(of: module) where isReplaced(build, by: current) {
        targets[build.build.hash] = current.hash
      }
    }
    guard !targets.isEmpty else { return }
    let running = Set(await statistics().flatMap(\.builds).filter { $0.rooms > 0 }.map(\.sha256))
    guard targets.keys.contains(where: { running.contains($0.description) }) else { return }
    var orders: [(worker: UInt32, command: OwnedCommand)] = []
    var rooms: [(RoomID, ModuleHash)] = []
    for look in RoomLook.list(await pool.inspect("rooms").answers) {
      guard let target = targets[look.sight.build], look.sight.isAwake, !look.sight.isFrozen,
        sweep.failed[look.sight.id] != target, core.rollout(of: look.module) == nil
      else { continue }
      orders.append((look.worker, .upgrade(look.sight.id, to: target, probationEvents: 0, probationSeconds: 0)))
      rooms.append((look.sight.id, target))
    }
    for ((room, target), answer) in zip(rooms, await pool.run(orders)) {
      switch RoomRefusal(answer) {
      case .cannotCarry(let why)?, .failed(let why)?:
        note("room \(room) stays on its build: \(why)")
        if sweep.failed.count < Sweep.failedMax { sweep.failed[room] = target }
      default: break
      }
    }
  }

  /// A release for some rooms only is newer than what all get, and stays.
  private func isReplaced(_ build: KnownBuild, by current: Build) -> Bool {
    switch build.state {
    case .banned: return true
    case .previous:
      guard let old = ReleaseName(build.build.version), let new = ReleaseName(current.version) else { return false }
      return old < new
    default: return false
    }
  }
}
