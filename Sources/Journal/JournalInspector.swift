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
  /// Pages of a segment's file that the disk does not give.
  package struct Unread: Sendable, Hashable {
    package var file: String
    package var bytes: Range<Int>
    /// What stands there; nil: of the header region.
    package var positions: Range<LogPosition>?
    /// No repair touches it, for that would make its loss final: its shard waits until it can be read. Of a header: the
    /// segment may hold what is above the mark.
    package var isAboveMark: Bool
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
  /// Where the disk gives an error. Of records below the durable mark that is damage, too; it is found by `verify`.
  package var unread: [Unread]
  /// Segments that the log names and that are not there.
  package var missing: [UInt64]
  /// The part of them that a repair has set aside.
  package var setAside: [UInt64]
  /// All records were read, not only those above the durable mark.
  package var isVerified: Bool

  package var isWhole: Bool { damaged.isEmpty && unreadable.isEmpty && missing.isEmpty && !waits }
  /// Something is damaged that no repair has dealt with, or cannot be read above the durable mark.
  package var needsRepair: Bool {
    !unreadable.isEmpty || damaged.contains { !lost.contains($0) } || missing.contains { !setAside.contains($0) }
      || waits
  }
  /// Something must be read before the shard can be served.
  var waits: Bool { unread.contains { $0.isAboveMark } }

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
    for place in unread {
      var line = "UNREADABLE: \(place.file), bytes \(place.bytes.lowerBound) to \(place.bytes.upperBound)"
      line += place.positions.map { ": \($0.lowerBound) to \($0.upperBound)" } ?? ", of the header region"
      let above = place.positions == nil ? ", and what it holds may be" : ","
      lines.append(line + (place.isAboveMark ? "\(above) above the durable mark" : ""))
    }
    lines.append(verdict)
    return lines.joined(separator: "\n")
  }

  private var verdict: String {
    if waits {
      return "what is above the durable mark must be read before the shard is served: check the disk; "
        + "no repair changes anything there"
    }
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

    /// No copy of its header is known because it cannot be read, and without it the log would not show a hole, but end or
    /// begin elsewhere: what was acknowledged would be forgotten, and nobody would know.
    static func waits(for number: UInt64, _ survey: Survey<FS>, _ line: LogLine<FS>) -> Bool {
      guard survey.unknownHeaders.contains(number) else { return false }
      guard let first = line.segments.first, let last = line.segments.last, number < last.number else { return true }
      if first.number < number { return false }
      // As if it had been cleaned: only where what follows was durable and has a checkpoint.
      guard let mark = line.mark, let checkpoint = line.lastCheckpoint else { return true }
      return mark.position < first.start || checkpoint < first.start
    }
  }

  func look(_ directory: String, isDeep: Bool) throws(JournalError) -> Look {
    let survey = try Survey(fileSystem, directory, shard: nil, writable: false, takesUnreadable: true)
    let window = ReadWindow(fileSystem)
    do throws(FileError) {
      let line = try LogLine(survey, window)
      let end = try end(of: line, window)
      var report = describe(directory, survey, line, end)
      if let last = line.segments.last {
        try findUnread(in: neededAboveMark(line, last, end), line, &report)
        if isDeep {
          try verify(&report, line)
          for range in report.damaged where !report.lost.contains(range) { try findUnread(in: range, line, &report) }
        }
      }
      return Look(report: report, survey: survey, line: line)
    } catch { throw .file(error) }
  }

  /// What an adoption may have to read there: behind the end it looks whether all is zero.
  private func neededAboveMark(
    _ line: LogLine<FS>, _ last: Segment<FS>, _ end: LogEnd<FS>?
  ) -> Range<LogPosition> {
    guard let end else { return line.base.position..<last.capacityEnd }
    let start = min(max(end.point.position, last.start), last.capacityEnd)
    return start..<min(start.advanced(by: LogEnd<FS>.zerosBytes), last.capacityEnd)
  }

  /// nil: something above the mark cannot be read, or there is no log.
  private func end(of line: LogLine<FS>, _ window: ReadWindow<FS>) throws(FileError) -> LogEnd<FS>? {
    guard !line.segments.isEmpty else { return nil }
    // The machine's present boot is not known here: a bad record above the mark counts as torn.
    do throws(FileError) { return try LogEnd(line, window, mayBeTorn: true) } catch {
      guard error.code == FileError.inputOutput else { throw error }
      return nil
    }
  }

  /// Asks for each page of a part of the log by itself.
  private func findUnread(
    in range: Range<LogPosition>, _ line: LogLine<FS>, _ report: inout JournalReport
  ) throws(FileError) {
    let mark = line.base.position
    let holder = line.segments.last { $0.start <= mark }
    for (segment, part) in line.held(range) {
      let bytes = segment.offset(of: part.lowerBound)..<segment.offset(of: part.upperBound)
      for place in try unreadPages(segment.file, bytes) {
        let start = segment.start.advanced(by: place.lowerBound - SegmentHeader.regionBytes)
        let positions = start..<start.advanced(by: place.count)
        let found = JournalReport.Unread(
          file: SegmentHeader.fileName(segment.number), bytes: place, positions: positions,
          isAboveMark: positions.upperBound > mark && segment.start >= holder?.start ?? mark)
        // A page in two ranges is one place.
        if !report.unread.contains(found) { report.unread.append(found) }
      }
    }
  }

  /// The pages around `bytes` that the disk does not give; those next to each other as one.
  func unreadPages(_ file: FS.File, _ bytes: Range<Int>) throws(FileError) -> [Range<Int>] {
    let page = SegmentHeader.pageBytes
    var found: [Range<Int>] = []
    for start in stride(from: bytes.lowerBound / page * page, to: bytes.upperBound, by: page) {
      do throws(FileError) { _ = try fileSystem.readBytes(file, at: start, count: page) } catch {
        guard error.code == FileError.inputOutput else { throw error }
        if let last = found.last, last.upperBound == start {
          found[found.count - 1] = last.lowerBound..<start + page
        } else {
          found.append(start..<start + page)
        }
      }
    }
    return found
  }

  private func describe(
    _ directory: String, _ survey: Survey<FS>, _ line: LogLine<FS>, _ end: LogEnd<FS>?
  ) -> JournalReport {
    let endPosition = end?.point.position ?? line.base.position
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
    var unread: [JournalReport.Unread] = []
    for number in line.segments.map(\.number) + survey.unknownHeaders.sorted() {
      for page in survey.unreadPages[number] ?? [] {
        unread.append(
          .init(
            file: SegmentHeader.fileName(number), bytes: page..<page + SegmentHeader.pageBytes, positions: nil,
            isAboveMark: Look.waits(for: number, survey, line)))
      }
    }
    return JournalReport(
      directory: directory, log: log, void: line.void.map { report(survey.segments[$0]!, to: nil) },
      prepared: survey.prepared.keys.sorted(),
      unreadable: survey.unreadable.sorted { $0.key < $1.key }.map { "\(SegmentHeader.fileName($0.key)): \($0.value)" },
      cutFiles: survey.cutFiles, end: endPosition, durable: line.mark?.position,
      lastCheckpoint: end?.lastCheckpoint ?? line.lastCheckpoint, isClosed: end?.isClosed ?? false,
      lastOwnerFailed: survey.lastOwnerFailed, tornBytes: end?.cut?.range.count ?? 0, damaged: end?.damaged ?? [],
      lost: [], unread: unread, missing: missing, setAside: missing.filter { survey.setAside.contains($0) },
      isVerified: false)
  }

  /// Up to the report's end, which is the mark where nothing above can be read.
  private func verify(_ report: inout JournalReport, _ line: LogLine<FS>) throws(FileError) {
    report.damaged = []
    report.isVerified = true
    let end = report.end
    let window = ReadWindow(fileSystem, takesUnreadable: true)
    var cursor = LogCursor(line.segments, window: window, at: line.segments[0].start, check: nil)
    while cursor.position < end {
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
        let damage = range.lowerBound..<min(max(range.lowerBound, end), range.upperBound)
        report.damaged.append(damage)
        // In no segment that is there: `missing` and `setAside` say whether a repair has seen to it.
        if line.held(damage).isEmpty { report.lost.append(damage) }
        if wasLast && range.isEmpty { return }
      }
    }
  }
}
