// Reading a log that another process owns and goes on writing: without its lock, and changing nothing.
package import Core

extension LogReader {
  /// What is whole of the log in `directory` at this moment; nil: there is none yet. The owner may be in the midst of a
  /// record, which is the end then, and may let go of its oldest segments, which is a shorter log. So is one with a
  /// segment whose header is damaged; `mustBeWhole`: there it throws.
  package static func beside(
    _ fileSystem: FS, _ directory: String, mustBeWhole: Bool = false
  ) throws(JournalError) -> LogReader? {
    let survey = try Survey(fileSystem, directory, shard: nil, writable: false)
    if mustBeWhole, let (number, why) = survey.unreadable.min(by: { $0.key < $1.key }) {
      throw .unreadable("\(directory)/\(SegmentHeader.fileName(number)): \(why)")
    }
    do throws(FileError) {
      let window = ReadWindow(fileSystem)
      let line = try LogLine(survey, window)
      guard !line.segments.isEmpty else { return nil }
      let base = line.base
      var cursor = LogCursor(line.segments, window: window, at: base.position, check: base.check)
      var end = base.position
      while case .record = try cursor.next() { end = cursor.position }
      return LogReader(fileSystem: fileSystem, segments: line.segments, end: end)
    } catch { throw .file(error) }
  }

  /// Where its segments begin, the oldest first, and the last checkpoint that was written when each began.
  package var beginnings: [(start: LogPosition, checkpoint: LogPosition?)] {
    segments.map { segment in (segment.start, segment.header.lastCheckpoint.flatMap { $0 >= oldest ? $0 : nil }) }
  }
}
