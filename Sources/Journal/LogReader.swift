// Reads a log: a snapshot of what the journal held when it was made, usable from any thread. Segments that are removed
// meanwhile can still be read through it.
package import Core

package struct LogReader<FS: FileSystem>: Sendable {
  let fileSystem: FS
  let segments: [Segment<FS>]
  package let end: LogPosition
  package var oldest: LogPosition { segments[0].start }

  /// The record that begins at `position`; throws if none does, or if it is damaged.
  package func read(at position: LogPosition) throws(JournalError) -> (kind: UInt8, payload: [UInt8]) {
    try read(at: position, through: ReadWindow(fileSystem))
  }
  func read(
    at position: LogPosition, through window: ReadWindow<FS>
  ) throws(JournalError) -> (kind: UInt8, payload: [UInt8]) {
    guard position >= oldest, position < end else { throw .notInLog(position) }
    let cursor = LogCursor(segments, window: window, at: position, check: nil)
    let segment = cursor.segments[cursor.index]
    let offset = segment.offset(of: position)
    let limit = segment.offset(of: min(cursor.limit, end))
    do throws(FileError) {
      if offset < limit,
        case .record(let frame) = try cursor.window.examine(at: offset, position: position, limit: limit)
      {
        let whole = try cursor.window.record(at: offset, frame)
        return (frame.kind, Array(whole[Record.payloadOffset..<frame.length - 1]))
      }
    } catch { throw .file(error) }
    throw .damaged(position..<max(position, min(cursor.limit, end)))
  }

  /// Every record from `position` (where one must begin) to the end, in order. Calls `damage` for each range that
  /// cannot be read, and goes on behind it; the payload is valid during the call only. Throws what the closures throw,
  /// and `JournalError`. `takesUnreadable`: what the disk does not give is damage, too, and no error; true if there was such.
  @_specialize(where FS == PosixFileSystem)
  @discardableResult
  package func scan(
    from position: LogPosition, takesUnreadable: Bool = false,
    damage: (Range<LogPosition>) throws -> Void = { throw JournalError.damaged($0) },
    _ body: (LogPosition, UInt8, UnsafeRawBufferPointer) throws -> Void
  ) throws -> Bool {
    guard position >= oldest, position <= end else { throw JournalError.notInLog(position) }
    var isUnread = false
    let window = ReadWindow(fileSystem, takesUnreadable: takesUnreadable)
    var cursor = LogCursor(segments, window: window, at: position, check: nil)
    while cursor.position < end {
      switch try step(&cursor) {
      case .record(let found, let frame, let whole):
        if frame.kind == RecordKind.damaged {
          try damage(found..<cursor.position)
        } else {
          try body(found, frame.kind, UnsafeRawBufferPointer(rebasing: whole[Record.payloadOffset..<frame.length - 1]))
        }
      case .stopped(let stop):
        var claimed: Int?
        if case .bad(let length) = stop { claimed = length }
        let from = cursor.position
        let range = try skip(&cursor, claimed: claimed)
        isUnread = window.hasTakenUnreadable
        try damage(from..<min(end, max(range.upperBound, from)))
        // Nothing whole behind: the rest up to the end is part of the damage.
        if range.isEmpty && cursor.isInLastSegment { return isUnread }
      }
    }
    return isUnread
  }

  private func step(_ cursor: inout LogCursor<FS>) throws(JournalError) -> LogCursor<FS>.Step {
    do throws(FileError) { return try cursor.next() } catch { throw .file(error) }
  }
  private func skip(_ cursor: inout LogCursor<FS>, claimed: Int?) throws(JournalError) -> Range<LogPosition> {
    do throws(FileError) { return try cursor.skipDamage(claimed: claimed) } catch { throw .file(error) }
  }
}
