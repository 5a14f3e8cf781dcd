// Which segments make up the log: the line from the newest valid one back over the predecessors. Everything else in the
// directory is void: attempts at adoption that did not finish, and what a finished one left behind.
package import Core

package struct LogLine<FS: FileSystem> {
  /// In the order of the log. Each one counts up to where the next one starts.
  var segments: [Segment<FS>]
  /// Valid segments that are no part of the log.
  var void: [UInt64]
  /// The newest durable mark; nil if none was ever made (or the log is empty).
  var mark: LogPoint?
  /// The record that ends at the mark is `closed`.
  var isClosedAtMark = false
  /// Below the mark.
  var lastCheckpoint: LogPosition?

  /// Reads the copies of an adoption that is not known to be durable; nothing else.
  init(_ survey: Survey<FS>, _ window: ReadWindow<FS>) throws(FileError) {
    var candidates = survey.segments
    (segments, void) = ([], [])
    while true {
      segments = LogLine.line(through: candidates, survey)
      findMark(survey)
      guard let index = try unfinishedAdoption(window) else { break }
      // It and whatever was built on it never happened: the predecessor decides again.
      for segment in segments[index...] { candidates[segment.number] = nil }
    }
    let kept = Set(segments.map(\.number))
    void = survey.segments.keys.filter { !kept.contains($0) }.sorted()
  }

  /// From the newest back over the predecessors. A predecessor that is not there was cleaned if nothing older is there;
  /// lost, if it was durable; and else a power loss took it, and whatever was built on it with it.
  private static func line(through candidates: [UInt64: Segment<FS>], _ survey: Survey<FS>) -> [Segment<FS>] {
    var candidates = candidates
    while let newest = candidates.keys.max() {
      var line: [Segment<FS>] = []
      var durable = LogPosition(0)
      var next: UInt64? = newest
      var isWhole = true
      while let number = next, let segment = candidates[number] {
        line.append(segment)
        durable = max(durable, survey.marks[number]?.point.position ?? durable)
        guard let before = segment.header.predecessor else { break }
        durable = max(durable, before.base.position)
        if let named = candidates[before.number], named.start <= segment.start {
          next = before.number
        } else {
          next = candidates.keys.filter { $0 < before.number && candidates[$0]!.start <= segment.start }.max()
          isWhole = next == nil || durable >= segment.start
        }
        if !isWhole { break }
      }
      if isWhole { return line.reversed() }
      for segment in line { candidates[segment.number] = nil }
    }
    return []
  }

  private mutating func findMark(_ survey: Survey<FS>) {
    mark = nil
    isClosedAtMark = false
    lastCheckpoint = nil
    for (index, segment) in segments.enumerated() {
      if let base = segment.header.predecessor?.base, base.position >= (mark?.position ?? LogPosition(0)) {
        // An adoption right behind `closed` does not make it less closed.
        if base.position != mark?.position { isClosedAtMark = false }
        mark = base
      }
      if let checkpoint = segment.header.lastCheckpoint {
        lastCheckpoint = max(lastCheckpoint ?? checkpoint, checkpoint)
      }
      let end = index + 1 < segments.count ? segments[index + 1].start : segment.capacityEnd
      guard let own = survey.marks[segment.number], own.point.position >= segment.start, own.point.position <= end
      else { continue }
      if own.point.position >= (mark?.position ?? LogPosition(0)) {
        mark = own.point
        isClosedAtMark = own.isClosed
      }
      if let checkpoint = own.lastCheckpoint { lastCheckpoint = max(lastCheckpoint ?? checkpoint, checkpoint) }
    }
  }

  /// The segments that hold a part of the range which a record fits into.
  func held(_ range: Range<LogPosition>) -> [(segment: Segment<FS>, part: Range<LogPosition>)] {
    var found: [(segment: Segment<FS>, part: Range<LogPosition>)] = []
    for (index, segment) in segments.enumerated() {
      let end = index + 1 < segments.count ? min(segments[index + 1].start, segment.capacityEnd) : segment.capacityEnd
      let (lower, upper) = (max(range.lowerBound, segment.start), min(range.upperBound, end))
      guard lower < upper, lower.distance(to: upper) >= Record.frameBytes else { continue }
      found.append((segment, lower..<upper))
    }
    return found
  }

  /// What a recovery starts from: the mark, or the start of what is kept.
  var base: LogPoint {
    guard let first = segments.first else { return LogPoint(position: LogPosition(0), check: 0) }
    let position = max(mark?.position ?? first.start, first.start)
    guard let holder = segments.last(where: { $0.start <= position }) else { preconditionFailure("it is not below") }
    // At a segment's start, what follows is chained to the header.
    return LogPoint(position: position, check: holder.start == position ? holder.check : mark?.check ?? 0)
  }

  /// The cut counter of the newest segment that is durable with certainty. The first one always is.
  var durableCutCounter: UInt32 {
    let durable = segments.last { segment in mark.map { segment.start < $0.position } ?? false }
    return (durable ?? segments.first)?.header.cutCounter ?? 0
  }

  /// The newest adoption, if it is not finished. Older ones do not matter: what is below its base was durable, and what
  /// is above is in its copies.
  private func unfinishedAdoption(_ window: ReadWindow<FS>) throws(FileError) -> Int? {
    guard let index = segments.lastIndex(where: { $0.header.isAdoption }) else { return nil }
    let segment = segments[index]
    let end = segment.header.predecessor?.end.position ?? LogPosition(0)
    if let mark, mark.position > end { return nil }
    return try isFinished(segment, end: end, window) ? nil : index
  }

  /// Copies up to `end`, all whole, then `adopted`.
  private func isFinished(
    _ segment: Segment<FS>, end: LogPosition, _ window: ReadWindow<FS>
  ) throws(FileError) -> Bool {
    var cursor = LogCursor([segment], window: window, at: segment.start, check: nil)
    while true {
      guard case .record(let position, let frame, _) = try cursor.next() else { return false }
      if position == end && frame.kind == RecordKind.adopted { return true }
      if position >= end { return false }
    }
  }
}
