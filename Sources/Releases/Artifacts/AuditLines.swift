// Reads the audit log from its beginning, line by line, also while somebody appends to it.
package import Core

package enum AuditLines {
  static let newline = UInt8(ascii: "\n")
  /// What the first line names as the one before it.
  package static let beginning = String(repeating: "0", count: 64)

  /// Checks every line's form, number and link.
  package static func verify<System: FileSystem>(_ system: System, path: String) throws(ArtifactError) -> AuditReport {
    var report = AuditReport()
    report.restBytes = try each(system, path) { line in
      if let reason = fault(line, report) {
        report.bad = AuditReport.Bad(line: report.lines + 1, reason: reason)
        return false
      }
      report.lines += 1
      report.lastHash = ModuleHash(of: line).description
      return true
    }
    return report
  }

  private static func fault(_ line: [UInt8], _ report: AuditReport) -> String? {
    let json: JSON
    do throws(JSONError) { json = try JSON(line) } catch { return "it is no JSON: \(error)" }
    guard let entry = AuditEntry(json), let previous = json["prev"]?.text else { return "it is no entry" }
    guard entry.number == report.lines + 1 else {
      return "it is entry \(entry.number) and should be \(report.lines + 1): entries before it were removed or added"
    }
    guard previous == report.lastHash else {
      return report.lines == 0
        ? "it does not begin the log"
        : "line \(report.lines) before it was changed after it was written, or this one was put in"
    }
    return nil
  }

  /// The entries after number `after`, at most `max`, oldest first. Lines that are none are passed over.
  package static func entries<System: FileSystem>(
    _ system: System, path: String, after: UInt64, max: Int
  ) throws(ArtifactError) -> [AuditEntry] {
    var entries: [AuditEntry] = []
    _ = try each(system, path) { line in
      if let entry = (try? JSON(line)).flatMap({ AuditEntry($0) }), entry.number > after { entries.append(entry) }
      return entries.count < max
    }
    return entries
  }

  /// Calls `body` with each whole line until it says false; returns how many bytes follow the last newline. No file: no
  /// lines.
  private static func each<System: FileSystem>(
    _ system: System, _ path: String, _ body: ([UInt8]) -> Bool
  ) throws(ArtifactError) -> Int {
    do throws(FileError) {
      let file = try system.open(path, .read)
      var pending: [UInt8] = []
      var offset = 0
      while true {
        let chunk = try system.readBytes(file, at: offset, count: 1 << 16)
        guard !chunk.isEmpty else { return pending.count }
        offset += chunk.count
        var rest = chunk[...]
        while let end = rest.firstIndex(of: newline) {
          pending += rest[..<end]
          rest = rest[(end + 1)...]
          guard body(pending) else { return 0 }
          pending.removeAll(keepingCapacity: true)
        }
        pending += rest
        guard pending.count <= 4 * ArtifactLimits.auditLineBytesMax else {
          _ = body(pending)
          return 0
        }
      }
    } catch {
      if error.code == 2 { return 0 }
      throw ArtifactError(error)
    }
  }
}
