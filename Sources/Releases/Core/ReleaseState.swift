// What releases must not forget: written whole before anything is done that follows from it, and gone on with from
// any version of it that was ever written.
package import Artifacts
internal import Core

/// What became of a build.
package enum BuildStanding: String, Codable, Sendable {
  case current, candidate, previous, banned, refused
}

package struct KnownBuild: Hashable, Codable, Sendable {
  package internal(set) var build: Build
  package internal(set) var state: BuildStanding
  /// Since when, in milliseconds since 1970.
  package internal(set) var at: Int64
  package internal(set) var why = ""
}

/// All modules' releases. Codable for the file; `Rollouts` alone changes it.
package struct ReleaseState: Hashable, Codable, Sendable {
  /// By module; at most one is on its way.
  var courses: [String: Course] = [:]
  /// Ended rollouts, oldest first.
  var ended: [Rollout] = []
  /// By module, oldest first.
  var builds: [String: [KnownBuild]] = [:]
  var nextNumber = 1

  package init() {}

  static let endedMax = 100
  static let buildsMax = 200
}
