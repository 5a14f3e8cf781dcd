// Rooms that run something else than they should although no rollout is about them: they slept while it ended, and keep
// the build that they fell asleep with.
internal import Artifacts
package import Core

extension Rollouts {
  /// What a room is to be told; nil: nothing, or its module's rollout sees to it. Whatever other rollouts run, a room on
  /// probation leaves a banned build at once: its old version goes on beside it and has lost nothing.
  package func correction(of room: RoomSight, in module: String) -> RoomOrder? {
    guard room.isAwake, !room.isFrozen else { return nil }
    let rollout = rollout(of: module)
    guard rollout?.to.hash != room.build else { return nil }
    let known = builds(of: module).last { $0.build.hash == room.build }
    if room.isOnProbation {
      // Of a rollout that is over: as long as it lasts, the room can be given nothing else.
      guard let known, known.state == .banned else { return .settle }
      return .back(reason: "\(known.build) is banned: \(known.why)")
    }
    guard rollout == nil, let known, let current = current(of: module), current.hash != room.build,
      isReplaced(known, by: current)
    else {
      return nil
    }
    return .upgrade(to: current.hash, probationEvents: 0, probationSeconds: 0)
  }

  /// Whether rooms may be found that need a correction: with one build there are none.
  package var mayHaveStrays: Bool { modules.contains { builds(of: $0).count > 1 } }

  /// A release for some rooms only is newer than what all get, and stays.
  private func isReplaced(_ build: KnownBuild, by current: Build) -> Bool {
    switch build.state {
    case .banned, .previous: return true
    case .candidate:
      guard let old = ReleaseName(build.build.version), let new = ReleaseName(current.version) else { return false }
      return old < new
    default: return false
    }
  }

  /// nil: the build was never taken.
  package func module(of hash: ModuleHash) -> String? {
    state.builds.first { $0.value.contains { $0.build.hash == hash } }?.key
  }
}
