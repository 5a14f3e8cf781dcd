// Releases as people, scripts and this program's own commands see them over HTTP.
package import Artifacts
import Core
import FoundationEssentials
package import ReleaseCore

/// A rollout, and where it went back what that cost.
package struct RolloutView: Codable, Sendable {
  package let rollout: Rollout
  package let cost: RolloutCost?
  var state: RolloutState { rollout.state }
  var why: String { rollout.why }

  init(_ rollout: Rollout, _ cost: RolloutCost?) {
    self.rollout = rollout
    self.cost = rollout.state == .rolledBack ? cost : nil
  }
  private enum Key: String, CodingKey { case cost }
  package init(from decoder: any Decoder) throws {
    rollout = try Rollout(from: decoder)
    cost = try decoder.container(keyedBy: Key.self).decodeIfPresent(RolloutCost.self, forKey: .cost)
  }
  package func encode(to encoder: any Encoder) throws {
    try rollout.encode(to: encoder)
    if let cost {
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(cost, forKey: .cost)
    }
  }
}

/// From a bad version's first failure to the last room's way back, in milliseconds since 1970.
package struct RolloutCost: Codable, Sendable {
  package var firstTrapAt: Int64?
  package var lastBackAt: Int64?

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

package struct ReleasesView: Codable, Sendable {
  package struct Module: Codable, Sendable {
    package var name: String
    package var current: Build?
    package var rollout: RolloutView?
    package var versions: [Version]
    private enum Key: String, CodingKey { case name, current, rollout, versions }
    /// With `null` for what is not there, so that readers find every name.
    package func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(name, forKey: .name)
      try container.encode(current, forKey: .current)
      try container.encode(rollout, forKey: .rollout)
      try container.encode(versions, forKey: .versions)
    }
  }
  package struct Version: Codable, Sendable {
    package var version: String
    package var sha256: String
    package var state: String
    /// Milliseconds since 1970.
    package var at: Int64
    /// Why it was refused or banned.
    package var why: String
  }
  /// A build that lies ready in the modules directory's `shelf`.
  package struct Shelved: Codable, Sendable {
    package var file: String
    package var name: String
    package var version: String
    package var reason: String
  }
  package var modules: [Module]
  package var shelf: [Shelved]

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
