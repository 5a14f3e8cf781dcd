// Repairs what can be repaired in a journal that nobody owns, and says first what it would do.
package import Core

/// One change that a repair makes; nothing is lost by it, what it overwrites is kept in a file.
package enum JournalRepair: Sendable, Hashable, CustomStringConvertible {
  /// The other copy of the header is damaged: write it anew.
  case restoreHeader(segment: UInt64)
  /// Put a `damaged` record in the place of what cannot be read, so that readers pass over it at once; the bytes go to
  /// a file first.
  case markDamaged(segment: UInt64, Range<LogPosition>, savedTo: String)
  /// No copy of the segment's header is whole: rename it out of the log. Where one could only not be read now, this is done
  /// below the durable mark alone.
  case setAside(file: String, to: String)
  /// Remove the note that the last owner left of it: what could not be read is marked now, and nothing is in doubt.
  case forgetUnread(note: String)

  package var description: String {
    switch self {
    case .restoreHeader(let segment): "write the header of segment \(segment) anew from its twin"
    case .markDamaged(let segment, let range, let file):
      "mark \(range.lowerBound) to \(range.upperBound) in segment \(segment) as damaged; its bytes go to \(file)"
    case .setAside(let file, let to): "rename \(file), of which nothing can be read, to \(to)"
    case .forgetUnread(let note): "remove \(note), the last owner's note that something could not be read"
    }
  }
}

extension JournalInspector {
  /// What a repair does, in order; with `apply`, after doing it. Takes the directory's lock: the owner must be stopped.
  /// Rooms with a snapshot behind the damage lose nothing; the others stay stopped until a backup is restored.
  package func repair(_ directory: String, apply: Bool) throws(JournalError) -> [JournalRepair] {
    let lock: FS.Lock
    do throws(FileError) { lock = try fileSystem.lock(directory: directory) } catch {
      throw error.code == 11 ? .locked(directory: directory) : .file(error)
    }
    defer { withExtendedLifetime(lock) {} }
    let look = try look(directory, isDeep: true)
    let steps = plan(look)
    guard apply else { return steps.map(\.repair) }
    do throws(FileError) {
      for step in steps { try perform(step, look, directory) }
    } catch { throw .file(error) }
    return steps.map(\.repair)
  }

  private struct Step {
    var repair: JournalRepair
    var segment: Segment<FS>?
    var range: Range<Int> = 0..<0
    /// Of the file, up to here it counts.
    var logEnd = 0
  }

  private func plan(_ look: Look) -> [Step] {
    var steps: [Step] = []
    for number in look.survey.headerFromTwin.sorted() {
      steps.append(Step(repair: .restoreHeader(segment: number), segment: look.survey.segments[number]))
    }
    for number in look.survey.unreadable.keys.sorted() where !Look.waits(for: number, look.survey, look.line) {
      let name = SegmentHeader.fileName(number)
      steps.append(Step(repair: .setAside(file: name, to: name + SegmentHeader.setAsideSuffix)))
    }
    let waiting = look.report.unread.filter(\.isAboveMark).compactMap(\.positions)
    // What is marked already is left alone: the file beside it holds the bytes that were there before. So is what shares
    // a page with something above the durable mark that cannot be read.
    for damage in look.report.damaged
    where !look.report.lost.contains(damage) && !waiting.contains(where: damage.overlaps) {
      for (segment, part) in look.line.held(damage) {
        let file = "damaged-\(part.lowerBound.rawValue)-segment-\(segment.number)"
        steps.append(
          Step(
            repair: .markDamaged(segment: segment.number, part, savedTo: file), segment: segment,
            range: segment.offset(of: part.lowerBound)..<segment.offset(of: part.upperBound),
            logEnd: segment.offset(of: look.line.segments.first { $0.start > segment.start }?.start ?? look.report.end))
        )
      }
    }
    if look.survey.lastOwnerCouldNotRead, !look.report.waits {
      steps.append(Step(repair: .forgetUnread(note: Survey<FS>.unreadFile)))
    }
    return steps
  }

  private func perform(_ step: Step, _ look: Look, _ directory: String) throws(FileError) {
    switch step.repair {
    case .setAside(let file, let to):
      try fileSystem.rename(directory + "/" + file, to: directory + "/" + to)
      try fileSystem.syncDirectory(directory)
    case .forgetUnread(let note):
      try fileSystem.removeIfPresent(directory + "/" + note)
      try fileSystem.syncDirectory(directory)
    case .restoreHeader(let number):
      let file = try fileSystem.open(directory + "/" + SegmentHeader.fileName(number), .readWrite)
      // The whole page: a part of it cannot be written while the disk does not give the rest.
      let header = step.segment!.header.encoded()
      let rest = repeatElement(UInt8(0), count: SegmentHeader.pageBytes - header.count)
      try fileSystem.writeBytes(file, header + rest, at: 0)
      try fileSystem.sync(file)
    case .markDamaged(let number, let range, let name):
      let file = try fileSystem.open(directory + "/" + SegmentHeader.fileName(number), .readWrite)
      try mark(range, step, of: file, directory, savedTo: name)
    }
  }

  /// In whole pages, as above; the disk takes another place for a sector that it cannot read when it is written.
  private func mark(
    _ positions: Range<LogPosition>, _ step: Step, of file: FS.File, _ directory: String, savedTo name: String
  ) throws(FileError) {
    let range = step.range
    let page = SegmentHeader.pageBytes
    let start = range.lowerBound / page * page
    let end = max(range.upperBound, min(try fileSystem.size(file), (range.upperBound + page - 1) / page * page))
    var bytes: [UInt8] = []
    bytes.reserveCapacity(end - start)
    for at in stride(from: start, to: end, by: page) {
      let part = at..<min(at + page, end)
      do throws(FileError) {
        let read = try fileSystem.readBytes(file, at: at, count: part.count)
        bytes += read + repeatElement(0, count: part.count - read.count)
      } catch {
        // It could be read when the damage was looked for: whole records beside that are in this page. Behind the log's
        // part of the segment there is nothing that counts.
        let isBeside = part.lowerBound < range.lowerBound || range.upperBound < min(part.upperBound, step.logEnd)
        guard error.code == FileError.inputOutput, !isBeside else { throw error }
        for offset in part { bytes.append(range.contains(offset) ? 0xff : 0) }
      }
    }
    try fileSystem.replaceContents(
      of: name, in: directory, with: Array(bytes.dropFirst(range.lowerBound - start).prefix(range.count)))
    // Chained to nothing: a reader does not compare a `damaged` record, nor the one after it, with its neighbour.
    var record: [UInt8] = []
    Record.open(RecordKind.damaged, in: &record)
    record.append(contentsOf: repeatElement(0, count: range.count - Record.frameBytes))
    _ = Record.close(in: &record, from: 0, at: positions.lowerBound, chain: 0)
    bytes.replaceSubrange(range.lowerBound - start..<range.upperBound - start, with: record)
    try fileSystem.writeBytes(file, bytes, at: start)
    try fileSystem.sync(file)
  }
}
