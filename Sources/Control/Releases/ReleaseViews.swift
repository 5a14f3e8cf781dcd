// Releases as people and scripts see them over HTTP.
import Artifacts
import Core
import FoundationEssentials
import ReleaseCore

/// A rollout, and where it went back what that cost.
struct RolloutView: Encodable, Sendable {
  let rollout: Rollout
  let cost: RolloutCost?
  var state: RolloutState { rollout.state }
  var why: String { rollout.why }

  init(_ rollout: Rollout, _ cost: RolloutCost?) {
    self.rollout = rollout
    self.cost = rollout.state == .rolledBack ? cost : nil
  }
  private enum Key: String, CodingKey { case cost }
  func encode(to encoder: any Encoder) throws {
    try rollout.encode(to: encoder)
    if let cost {
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(cost, forKey: .cost)
    }
  }
}

/// From a bad version's first failure to the last room's way back, in milliseconds since 1970.
struct RolloutCost: Encodable, Sendable {
  var firstTrapAt: Int64?
  var lastBackAt: Int64?

  /// What the workers say of its build, as far as it is of this rollout.
  mutating func look(_ workers: [WorkerStatistics], at rollout: Rollout) {
    let name = rollout.to.hash.description
    for build in workers.lazy.flatMap(\.builds) where build.sha256 == name {
      if let at = build.firstTrapAt.map({ $0 / 1_000 }), at >= rollout.startedAt {
        firstTrapAt = min(firstTrapAt ?? at, at)
      }
      if let at = build.lastBackAt.map({ $0 / 1_000 }), at >= rollout.startedAt {
        lastBackAt = max(lastBackAt ?? at, at)
      }
    }
  }
}

struct ReleasesView: Encodable, Sendable {
  struct Module: Encodable, Sendable {
    var name: String
    var current: Build?
    var rollout: RolloutView?
    var versions: [Version]
    private enum Key: String, CodingKey { case name, current, rollout, versions }
    /// With `null` for what is not there, so that readers find every name.
    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(name, forKey: .name)
      try container.encode(current, forKey: .current)
      try container.encode(rollout, forKey: .rollout)
      try container.encode(versions, forKey: .versions)
    }
  }
  struct Version: Encodable, Sendable {
    var version: String
    var sha256: String
    var state: String
    /// Milliseconds since 1970.
    var at: Int64
    /// Why it was refused or banned.
    var why: String
  }
  /// A build that lies ready in the modules directory's `shelf`.
  struct Shelved: Encodable, Sendable {
    var file: String
    var name: String
    var version: String
    var reason: String
  }
  var modules: [Module]
  var shelf: [Shelved]

  /// By their files' names; what is no pair of files is left out.
  static func shelf(in directory: String) -> [Shelved] {
    OfferedArtifact.pairs(in: directory + "/shelf").compactMap { pair in
      guard let manifest = OfferedArtifact.manifest(at: pair), let file = pair.split(separator: "/").last else {
        return nil
      }
      return Shelved(
        file: String(file), name: manifest.name, version: manifest.version, reason: manifest.reason ?? "")
    }
  }
}
