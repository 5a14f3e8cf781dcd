// Where the log ends, and what is wrong between its durable mark and there (protocol §6.4).
package import Core

package struct LogEnd<FS: FileSystem> {
  /// The end: the next record's position and what it would be chained to.
  var point: LogPoint
  /// The last record is `closed`.
  var isClosed = false
  /// Ranges that were written and cannot be read.
  var damaged: [Range<LogPosition>] = []
  /// The segment, and the range of its file, that is cut off; the range may be empty.
  var cut: (segment: Segment<FS>, range: Range<Int>)?
  /// Segments of the line that lie wholly behind a cut.
  var segmentsBehindCut: [UInt64] = []
  var lastCheckpoint: LogPosition?
  /// Between mark and end.
  var records = 0

  /// So many bytes behind the end must be zero, or it is none.
  static var zerosBytes: Int { 1 << 20 }

  /// `mayBeTorn`: after another boot, or after an owner that failed: what is above the mark may be there in parts, and
  /// the log ends at the first bad record. Otherwise only an incomplete last record is cut; anything else is damage.
  init(_ line: LogLine<FS>, _ window: ReadWindow<FS>, mayBeTorn: Bool) throws(FileError) {
    precondition(!line.segments.isEmpty, "an empty log has no end to look for")
    point = line.base
    isClosed = line.isClosedAtMark
    var cursor = LogCursor(line.segments, window: window, at: point.position, check: point.check)
    while true {
      switch try cursor.next() {
      case .record(let position, let frame, _):
        records += 1
        if frame.kind == RecordKind.checkpoint { lastCheckpoint = position }
        isClosed = frame.kind == RecordKind.closed
        point = LogPoint(position: cursor.position, check: frame.check)
      case .stopped(let stop):
        if try ends(&cursor, stop, mayBeTorn) { return }
      }
    }
  }

  /// Decides about a stop; true if the log ends there.
  private mutating func ends(
    _ cursor: inout LogCursor<FS>, _ stop: LogCursor<FS>.Stop, _ mayBeTorn: Bool
  ) throws(FileError) -> Bool {
    let segment = cursor.segments[cursor.index]
    let start = segment.offset(of: cursor.position)
    let capacity = max(start, segment.header.capacity)
    var claimed: Int?
    if case .bad(let length) = stop { claimed = length }
    if mayBeTorn {
      // The log ends here whatever is behind: zeros that nobody ever wrote over must not keep it from being served.
      let content = try cursor.window.endOfContent(in: start..<capacity, passingUnreadable: true)
      segmentsBehindCut = cursor.segments[(cursor.index + 1)...].map(\.number)
      if content > start || !segmentsBehindCut.isEmpty { cut = (segment, start..<content) }
      return true
    }
    if cursor.isInLastSegment {
      // What one interrupted write can have left, and some more: the whole segment would take milliseconds.
      let window = start..<min(capacity, start + (claimed ?? 0) + LogEnd.zerosBytes)
      let content = try cursor.window.endOfContent(in: window)
      if content == start { return true }
      if isIncomplete(stop, contentBytes: content - start) {
        cut = (segment, start..<content)
        return true
      }
    }
    let range = try cursor.skipDamage(claimed: claimed)
    if !range.isEmpty { damaged.append(range) }
    isClosed = false
    point = LogPoint(position: cursor.position, check: 0)
    return false
  }

  /// A killed process leaves a prefix of its last write: the end byte is missing, and all is zero behind.
  private func isIncomplete(_ stop: LogCursor<FS>.Stop, contentBytes: Int) -> Bool {
    guard case .bad(let claimed) = stop else { return false }
    if let claimed { return contentBytes < claimed }
    return contentBytes <= 4
  }
}
