// What `oneup doctor` sees of releases: what waits for a word, and what runs or is given out that should not be.
import Control
import Foundation
import ReleaseCore

enum DoctorReleases {
  static func findings(_ server: HTTPServer, _ rooms: [RoomLook]) throws(HTTPFailure) -> [Finding] {
    let releases = try server.get("/v1/releases", ReleaseTalk.Releases.self)
    let findings = releases.modules.flatMap { module in
      [withdrawn(module), waiting(module), banned(module, rooms)].compactMap(\.self)
    }
    return findings.isEmpty
      ? [Finding(.ok, "releases", "none waits for a word, and no room runs a banned build")] : findings
  }

  /// Nobody gets its build any more: whoever signed it is not trusted.
  private static func withdrawn(_ module: ReleaseTalk.Releases.Module) -> Finding? {
    guard module.current == nil, module.rollout == nil,
      let refused = module.versions.last(where: { $0.state == "refused" })
    else { return nil }
    return Finding(
      .bad, "builds", "new rooms of \(module.name) cannot be made: \(refused.why)",
      "Rooms that run it go on. Once it is signed with a trusted key: oneup release push FILE")
  }

  private static func waiting(_ module: ReleaseTalk.Releases.Module) -> Finding? {
    guard let rollout = module.rollout?.rollout, rollout.state == .paused else { return nil }
    if rollout.waitsForRoom == true {
      return Finding(
        .ok, "releases", "\(rollout.title) waits at \(rollout.gate.rawValue): \(rollout.why)")
    }
    return Finding(
      .warn, "releases", "\(rollout.title) waits at \(rollout.gate.rawValue): \(rollout.why)",
      "Say: oneup release resume \(module.name) (or promote, or rollback). `oneup release show \(module.name)` has its evidence."
    )
  }

  /// Rooms leave a banned build within seconds of its ban or of their waking.
  private static func banned(_ module: ReleaseTalk.Releases.Module, _ rooms: [RoomLook]) -> Finding? {
    let banned = Set(module.versions.filter { $0.state == "banned" }.map(\.version))
    let running = rooms.filter { $0.module == module.name && banned.contains($0.version) && $0.phase != "asleep" }
    guard let first = running.first, module.rollout?.rollout.state != .rolledBack else { return nil }
    return Finding(
      .warn, "banned builds",
      "\(Columns.count(running.count, "room")) of \(module.name) \(running.count == 1 ? "runs" : "run") \(first.version), "
        + "which is banned: \(running.prefix(3).map(\.name).joined(separator: ", "))\(running.count > 3 ? ", …" : "")",
      "They go back within seconds. Those that still run it then cannot be carried, and the log says why: release a fix."
    )
  }
}
