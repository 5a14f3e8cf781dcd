// The bounds of artifacts, with unit and reason, and the error that names one.

package enum ArtifactLimits {
  /// A module's bytes.
  package static let moduleBytesMax = 32 * 1_048_576
  /// A manifest, its schema and signature included.
  package static let manifestBytesMax = 65_536
  /// Room key prefixes that a release may be confined to.
  package static let scopeMax = 64
  /// A key file: one key, or a list of public ones, with comments.
  package static let keyFileBytesMax = 65_536
  /// One line of the audit log.
  package static let auditLineBytesMax = 65_536
}

/// Something about an artifact, a key or the log that is not as it must be, with what helps.
package struct ArtifactError: Error, Hashable, Sendable, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}
