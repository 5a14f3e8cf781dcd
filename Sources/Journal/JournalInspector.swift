// Looks at a shard's journal from outside: what is there, whether it is whole, what could be repaired. `inspect` and
// `verify` change nothing and need no lock; beside a living owner they may see its last write in parts.
package import Core

/// What a shard's directory holds.
package struct JournalReport: Sendable, Hashable {
  package struct SegmentReport: Sendable, Hashable {
    package var header: SegmentHeader
    /// In the log: up to where the next one starts. Void: nil.
    package var end: LogPosition?
    package var mark: LogPosition?
    package var isHeaderFromTwin: Bool
    /// By kind; empty unless verified.
    package var records: [UInt8: Int]
  }
  package var directory: String
  /// In the order of the log.
  package var log: [SegmentReport]
  package var void: [SegmentReport]
  package var prepared: [UInt64]
  package var unreadable: [String]
  package var cutFiles: [String]
  package var end: LogPosition
  package var durable: LogPosition?
  package var lastCheckpoint: LogPosition?
  package var isClosed: Bool
  package var lastOwnerFailed: Bool
  /// Bytes behind the last whole record.
  package var tornBytes: Int
  /// What cannot be read; without `verify` only above the durable mark.
  package var damaged: [Range<LogPosition>]
  /// The part of it that a repair has marked, and what was in segments that one has set aside: nothing more can be done.
  package var lost: [Range<LogPosition>]
  /// Segments that the log names and that are not there.
  package var missing: [UInt64]
  /// The part of them that a repair has set aside.
  package var setAside: [UInt64]
  /// All records were read, not only those above the durable mark.
  package var isVerified: Bool

  package var isWhole: Bool { damaged.isEmpty && unreadable.isEmpty && missing.isEmpty }
  /// Something is damaged that no repair has dealt with.
  package var needsRepair: Bool {
    !unreadable.isEmpty || damaged.contains { !lost.contains($0) } || missing.contains { !setAside.contains($0) }
  }

  /// One fact a line.
  package var text: String {
    var lines = ["journal in \(directory)"]
    for segment in log { lines.append(Self.line(segment)) }
    for segment in void { lines.append(Self.line(segment) + "  void: not part of the log") }
    for number in prepared { lines.append("segment \(number)  prepared, not begun") }
    for name in unreadable { lines.append("unreadable: \(name)") }
    for number in missing {
      lines.append("segment \(number)  MISSING\(setAside.contains(number) ? ", set aside by a repair" : "")")
    }
    for name in cutFiles { lines.append("cut-off tail: \(name)") }
    lines.append(
      "end \(end), durable \(durable.map(\.description) ?? "nothing"), "
        + "last checkpoint \(lastCheckpoint.map(\.description) ?? "none"), \(isClosed ? "closed" : "not closed")")
    if lastOwnerFailed { lines.append("the last owner ended on an I/O error") }
    if tornBytes > 0 { lines.append("torn tail: \(tornBytes) bytes behind the end; an adoption cuts them off") }
    for range in damaged {
      let word = lost.contains(range) ? "LOST, marked by a repair" : "DAMAGED"
      lines.append("\(word): \(range.lowerBound) to \(range.upperBound)")
    }
    lines.append(verdict)
    return lines.joined(separator: "\n")
  }

  private var verdict: String {
    if needsRepair { return "damaged: `oneup journal repair \(directory)` says what can be done" }
    if isVerified { return isWhole ? "whole" : "repaired: what is lost stays lost, everything else can be read" }
    return "nothing damaged above the durable mark; `oneup journal verify \(directory)` reads what is below"
  }

  private static func line(_ segment: SegmentReport) -> String {
    let header = segment.header
    var line = "segment \(header.number)  epoch \(header.epoch)  from \(header.start)"
    if let end = segment.end { line += " to \(end)" }
    line += "  \(header.durability)  boot \(header.boot.description.prefix(8))"
    if header.isAdoption { line += "  adoption" }
    if let before = header.predecessor {
      line += "  after \(before.number) (\(before.base.position)…\(before.end.position))"
    }
    if let mark = segment.mark { line += "  mark \(mark)" }
    if segment.isHeaderFromTwin { line += "  HEADER READ FROM ITS TWIN" }
    for (kind, count) in segment.records.sorted(by: { $0.key < $1.key }) { line += "  kind \(kind): \(count)" }
    return line
  }
}

package struct JournalInspector<FS: FileSystem> {
  let fileSystem: FS
  package init(_ fileSystem: FS) { self.fileSystem = fileSystem }

  /// Headers, marks, and the records above the durable mark.
  package func inspect(_ directory: String) throws(JournalError) -> JournalReport {
    try look(directory, isDeep: false).report
  }

  /// Every record of the log.
  package func verify(_ directory: String) throws(JournalError) -> JournalReport {
    try look(directory, isDeep: true).report
  }

  struct Look {
    var report: JournalReport
    var survey: Survey<FS>
    var line: LogLine<FS>
  }

  func look(_ directory: String, isDeep: Bool) throws(JournalError) -> Look {
    let survey = try Survey(fileSystem, directory, shard: nil, writable: false)
    let window = ReadWindow(fileSystem)
    do throws(FileError) {
      let line = try LogLine(survey, window)
      var end: LogEnd<FS>?
      // The machine's present boot is not known here: a bad record above the mark counts as torn.
      if !line.segments.isEmpty { end = try LogEnd(line, window, mayBeTorn: true) }
      var report = describe(directory, survey, line, end)
      if isDeep, let end { try verify(&report, line, end, window) }
      return Look(report: report, survey: survey, line: line)
    } catch { throw .file(error) }
  }

  private func describe(
    _ directory: String, _ survey: Survey<FS>, _ line: LogLine<FS>, _ end: LogEnd<FS>?
  ) -> JournalReport {
    let endPosition = end?.point.position ?? LogPosition(0)
    func report(_ segment: Segment<FS>, to end: LogPosition?) -> JournalReport.SegmentReport {
      .init(
        header: segment.header, end: end, mark: survey.marks[segment.number]?.point.position,
        isHeaderFromTwin: survey.headerFromTwin.contains(segment.number), records: [:])
    }
    var log: [JournalReport.SegmentReport] = []
    var missing: [UInt64] = []
    for (index, segment) in line.segments.enumerated() {
      let isLast = index + 1 == line.segments.count
      log.append(report(segment, to: isLast ? max(segment.start, endPosition) : line.segments[index + 1].start))
      if index > 0, let before = segment.header.predecessor?.number, before != line.segments[index - 1].number {
        missing.append(before)
      }
    }
    return JournalReport(
      directory: directory, log: log, void: line.void.map { report(survey.segments[$0]!, to: nil) },
      prepared: survey.prepared.keys.sorted(),
      unreadable: survey.unreadable.sorted { $0.key < $1.key }.map { "\(SegmentHeader.fileName($0.key)): \($0.value)" },
      cutFiles: survey.cutFiles, end: endPosition, durable: line.mark?.position,
      lastCheckpoint: end?.lastCheckpoint ?? line.lastCheckpoint, isClosed: end?.isClosed ?? false,
      lastOwnerFailed: survey.lastOwnerFailed, tornBytes: end?.cut?.range.count ?? 0, damaged: end?.damaged ?? [],
      lost: [], missing: missing, setAside: missing.filter { survey.setAside.contains($0) }, isVerified: false)
  }

  private func verify(
    _ report: inout JournalReport, _ line: LogLine<FS>, _ end: LogEnd<FS>, _ window: ReadWindow<FS>
  ) throws(FileError) {
    report.damaged = []
    report.isVerified = true
    var cursor = LogCursor(line.segments, window: window, at: line.segments[0].start, check: nil)
    while cursor.position < end.point.position {
      switch try cursor.next() {
      case .record(let position, let frame, _):
        report.log[cursor.index].records[frame.kind, default: 0] += 1
        if frame.kind == RecordKind.damaged {
          report.damaged.append(position..<cursor.position)
          report.lost.append(position..<cursor.position)
        }
      case .stopped(let stop):
        var claimed: Int?
        if case .bad(let length) = stop { claimed = length }
        let wasLast = cursor.isInLastSegment
        let range = try cursor.skipDamage(claimed: claimed)
        let damage = range.lowerBound..<min(max(range.lowerBound, end.point.position), range.upperBound)
        report.damaged.append(damage)
        // In no segment that is there: `missing` and `setAside` say whether a repair has seen to it.
        if line.held(damage).isEmpty { report.lost.append(damage) }
        if wasLast && range.isEmpty { return }
      }
    }
  }
}
