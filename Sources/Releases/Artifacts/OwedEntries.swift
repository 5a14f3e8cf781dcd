// Entries of the audit log that belong to a state. They are saved with it in one step and appended afterwards: whoever
// dies between the two leaves them to its successor, which sees by their numbers which of them are missing.

package struct OwedEntries: Hashable, Codable, Sendable {
  /// The number of the log's newest entry when the state was saved.
  package let after: UInt64
  /// As the log has them, without their numbers and links.
  private let lines: [String]

  /// `entries`: in order; all that follows from the state and is not in the log yet.
  package init(after: UInt64, _ entries: [AuditEntry]) {
    self.after = after
    lines = entries.map { String(decoding: $0.json.canonical, as: UTF8.self) }
  }

  /// What a log whose newest entry has that number lacks, in order. Nothing where the log is older than the state: it was
  /// moved away, and what it had is not to be told again.
  package func missing(in number: UInt64) throws(ArtifactError) -> [AuditEntry] {
    guard number >= after else { return [] }
    var entries: [AuditEntry] = []
    for line in lines.dropFirst(Int(clamping: number - after)) {
      guard let entry = (try? JSON(Array(line.utf8))).flatMap({ AuditEntry($0) }) else {
        throw ArtifactError("an entry that the audit log still lacks is damaged: \(line)")
      }
      entries.append(entry)
    }
    return entries
  }
}
