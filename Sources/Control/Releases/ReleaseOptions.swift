// What control is told about releases at its start.
package import ReleaseCore

package struct ReleaseOptions: Sendable {
  package var files: ReleaseFiles
  package var trust: ReleaseTrust
  package var settings: ReleaseSettings
  package var rehearseSeconds: Int
  /// What else `oneup rehearse` is told: by what it judges.
  package var rehearsalArguments: [String]
  /// Shards of the server: a list of rooms is whole when it has them all.
  package var shards: Int

  package init(
    files: ReleaseFiles, trust: ReleaseTrust, settings: ReleaseSettings, rehearseSeconds: Int,
    rehearsalArguments: [String] = [], shards: Int
  ) {
    self.files = files
    self.trust = trust
    self.settings = settings
    self.rehearseSeconds = rehearseSeconds
    self.rehearsalArguments = rehearsalArguments
    self.shards = shards
  }
}
