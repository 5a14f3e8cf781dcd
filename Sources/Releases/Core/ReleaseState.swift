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
  /// Of the file; one that is newer than this program is not read.
  private var format = ReleaseState.newestFormat
  /// By module; at most one is on its way.
  var courses: [String: Course] = [:]
  /// Ended rollouts, oldest first.
  var ended: [Rollout] = []
  /// By module, oldest first.
  var builds: [String: [KnownBuild]] = [:]
  var nextNumber = 1

  package init() {}

  private enum CodingKeys: String, CodingKey { case format, courses, ended, builds, nextNumber }
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    format = try container.decode(Int.self, forKey: .format)
    guard format <= ReleaseState.newestFormat else {
      throw Swift.DecodingError.dataCorruptedError(
        forKey: .format, in: container,
        debugDescription: "written by a newer version of OneUp: start that one, or restore the file from a backup")
    }
    courses = try container.decode([String: Course].self, forKey: .courses)
    ended = try container.decode([Rollout].self, forKey: .ended)
    builds = try container.decode([String: [KnownBuild]].self, forKey: .builds)
    nextNumber = try container.decode(Int.self, forKey: .nextNumber)
  }

  private static let newestFormat = 1
  static let endedMax = 100
  static let buildsMax = 200
  /// Of each module's builds before the current one, so many are kept to go back to.
  static let previousKept = 5
}
