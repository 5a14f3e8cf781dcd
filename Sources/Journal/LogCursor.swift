// Walks over the records of a log, through its segments, and says where it cannot go on.
package import Core

/// A segment that belongs to a log, and its open file.
package struct Segment<FS: FileSystem>: Sendable {
  package let header: SegmentHeader
  /// The header's check.
  let check: UInt32
  let file: FS.File
  package var number: UInt64 { header.number }
  package var start: LogPosition { header.start }

  func offset(of position: LogPosition) -> Int { SegmentHeader.regionBytes + start.distance(to: position) }
  /// The position where its file ends.
  var capacityEnd: LogPosition { start.advanced(by: header.capacity - SegmentHeader.regionBytes) }
}

struct LogCursor<FS: FileSystem>: ~Copyable {
  enum Step {
    /// `whole` is valid until the next call.
    case record(LogPosition, Record.Frame, whole: UnsafeRawBufferPointer)
    case stopped(Stop)
  }
  enum Stop {
    /// Nothing was written at `position` although, if a segment follows, the log goes on behind it.
    case nothing
    /// What is at `position` is not the record that was written there.
    case bad(claimed: Int?)
  }

  /// In the order of the log; each one's records end where the next one starts.
  let segments: [Segment<FS>]
  let window: ReadWindow<FS>
  private(set) var index: Int
  private(set) var position: LogPosition
  /// What the next record must be chained to; nil: not known (after damage).
  private(set) var chain: UInt32?
  /// Where the records of the segment under the cursor end at the latest.
  private(set) var limit: LogPosition

  /// `point.position` must be in one of the segments; `check` nil if what is before is not known.
  init(_ segments: [Segment<FS>], window: ReadWindow<FS>, at position: LogPosition, check: UInt32?) {
    self.segments = segments
    self.window = window
    self.position = position
    index = segments.lastIndex { $0.start <= position } ?? 0
    precondition(segments.indices.contains(index), "a cursor needs a segment")
    let segment = segments[index]
    chain = segment.start == position ? segment.check : check
    limit = Self.limit(of: index, in: segments)
    window.open(segment.file)
  }

  private static func limit(of index: Int, in segments: [Segment<FS>]) -> LogPosition {
    let end = segments[index].capacityEnd
    return index == segments.count - 1 ? end : min(segments[index + 1].start, end)
  }
  var isInLastSegment: Bool { index == segments.count - 1 }

  mutating func next() throws(FileError) -> Step {
    while position == limit, !isInLastSegment, segments[index + 1].start == position {
      let before = segments[index + 1].header.predecessor
      let expected = before.map { segments[index + 1].header.isAdoption ? $0.base : $0.end }
      if let chain, let expected, before?.number == segments[index].number, expected.check != chain {
        // The segment ends as a whole record, but not as the one that its successor saw.
        return .stopped(.bad(claimed: nil))
      }
      enter(index + 1)
    }
    let offset = segments[index].offset(of: position)
    let end = segments[index].offset(of: limit)
    guard offset < end else { return .stopped(.nothing) }
    switch try window.examine(at: offset, position: position, limit: end) {
    case .nothing: return .stopped(.nothing)
    case .bad(let claimed): return .stopped(.bad(claimed: claimed))
    case .record(let frame):
      // A `damaged` record may have been put in a place whose neighbours it knows nothing of.
      if let chain, chain != frame.chain, frame.kind != RecordKind.damaged {
        return .stopped(.bad(claimed: frame.length))
      }
      let found = position
      position = position.advanced(by: frame.length)
      chain = frame.kind == RecordKind.damaged ? nil : frame.check
      return .record(found, frame, whole: try window.record(at: offset, frame))
    }
  }

  /// After a stop: goes to the next whole record or the next segment, and returns the range that was left out. In the
  /// last segment with nothing whole behind, goes to the end of what was written.
  mutating func skipDamage(claimed: Int?) throws(FileError) -> Range<LogPosition> {
    let from = position
    let segment = segments[index]
    let start = segment.offset(of: from)
    let end = segment.offset(of: limit)
    let content = isInLastSegment ? try window.endOfContent(in: start..<max(start, end)) : end
    var candidates = content
    if let claimed, claimed >= Record.frameBytes, try isRecord(at: start + claimed, of: segment, limit: end) {
      candidates = start + claimed
    } else {
      var at = start + Record.frameBytes
      while at + Record.frameBytes <= content {
        if try isRecord(at: at, of: segment, limit: end) {
          candidates = at
          break
        }
        at += 1
      }
    }
    if candidates == content && !isInLastSegment {
      let next = segments[index + 1].start
      // Equal if only the link to the next segment is wrong.
      enter(index + 1)
      position = next
    } else {
      // At least a frame, so that a `damaged` record fits into the range.
      let stop = max(candidates, min(start + Record.frameBytes, end))
      position = from.advanced(by: stop - start)
      chain = nil
    }
    return from..<position
  }

  private func isRecord(at offset: Int, of segment: Segment<FS>, limit: Int) throws(FileError) -> Bool {
    guard offset + Record.frameBytes <= limit else { return false }
    let position = segment.start.advanced(by: offset - SegmentHeader.regionBytes)
    if case .record = try window.examine(at: offset, position: position, limit: limit) { return true }
    return false
  }

  private mutating func enter(_ next: Int) {
    index = next
    limit = Self.limit(of: next, in: segments)
    chain = segments[next].check
    window.open(segments[next].file)
  }
}
