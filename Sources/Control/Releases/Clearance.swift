// Builds that nothing needs any more are let go of: at start, after each rollout, and every hour, because logs and crash
// bundles forget with time. In doubt all stay.
import Artifacts
import Core
import FoundationEssentials
import ReleaseCore

struct Clearance: Sendable {
  /// Logs are read for it: not more often than so.
  static let leastMilliseconds: Int64 = 60_000
  static let everyMilliseconds: Int64 = 3_600_000
  /// Where not all workers answer, which may be so just after the start.
  static let againMilliseconds: Int64 = 2_000
  /// A reader of all logs in a part of a core may take so long.
  static let readSecondsMax = 600

  /// Monotonic milliseconds; the first is due at once.
  private var next: Int64 = 0
  private var earliest: Int64 = 0

  /// A rollout has ended.
  mutating func soon() { next = min(next, earliest) }
  mutating func again(_ milliseconds: Int64) { next = milliseconds + Self.againMilliseconds }
  mutating func isDue(_ milliseconds: Int64) -> Bool {
    guard milliseconds >= next else { return false }
    next = milliseconds + Self.everyMilliseconds
    earliest = milliseconds + Self.leastMilliseconds
    return true
  }
}

extension ReleaseRunner {
  /// Goes on beside the loop, where it is time and something could go.
  func clearBuilds() {
    guard clearing == nil, core.running.isEmpty, clearance.isDue(Self.now().monotonic / 1_000) else { return }
    guard let standing = try? standingBuilds(), let some = try? options.files.unneeded(standing), !some.isEmpty else {
      return
    }
    clearing = Task {
      await clear()
      clearing = nil
    }
  }

  private func clear() async {
    // Asked before the logs are read: what a room of the list runs is in its log by then.
    let all = await pool.inspect("rooms")
    guard all.served.count == options.shards else { return clearance.again(Self.now().monotonic / 1_000) }
    guard let inRooms = Self.builds(all) else { return }
    let outcome = await OwnProgram.run(
      ["needed-builds", "--data", options.files.data], seconds: Clearance.readSecondsMax)
    struct Needed: Decodable {
      var builds: [String]?
      var error: String?
    }
    let said = outcome.output.split(separator: UInt8(ascii: "\n")).last.flatMap {
      try? JSONDecoder().decode(Needed.self, from: Data($0))
    }
    guard case .exited(0) = outcome.end, let builds = said?.builds else {
      return note("no build is let go of: \(said?.error ?? "what logs need could not be found out")")
    }
    // From here on nothing else happens in between: what was pushed meanwhile stands.
    guard !Task.isCancelled, core.running.isEmpty, !isDiskFailing else { return clearance.soon() }
    do throws(ArtifactError) {
      let needed = try standingBuilds().union(inRooms).union(builds.compactMap { ModuleHash(hex: $0) })
      for hash in try options.files.unneeded(needed) {
        let name = options.files.manifest(hash).map { "\($0.name) \($0.version)" } ?? "a part of one"
        try options.files.remove(hash)
        note("the build \(name) (\(hash.description.prefix(12))) is let go of: nothing needs it any more")
      }
    } catch { note("a build that nothing needs cannot be removed: \(error)") }
  }

  /// What rooms in memory or asleep run; nil where that is not known of all.
  private static func builds(_ all: WorkerPool.Answers) -> Set<ModuleHash>? {
    struct Room: Decodable { var sha256: String? }
    var builds: Set<ModuleHash> = []
    for answer in all.answers {
      guard let rooms = try? JSONDecoder().decode([Room].self, from: Data(answer.json)) else { return nil }
      for room in rooms {
        guard let hash = room.sha256.flatMap({ ModuleHash(hex: $0) }) else { return nil }
        builds.insert(hash)
      }
    }
    return builds
  }

  /// What releases, the files beside them and the watched directory need.
  private func standingBuilds() throws(ArtifactError) -> Set<ModuleHash> {
    var needed = core.needed.union(try options.files.current().values)
    for directory in [modules, modules + "/shelf"] {
      for pair in OfferedArtifact.pairs(in: directory) {
        if let manifest = OfferedArtifact.manifest(at: pair) { needed.insert(manifest.hash) }
      }
    }
    return needed
  }
}
