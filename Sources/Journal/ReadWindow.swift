// Reads records out of one segment's file, many per system call.
internal import Core

/// What is at an offset of a segment.
enum Examined {
  case record(Record.Frame)
  /// The length is zero: nothing was written here.
  case nothing
  /// Something is here that is not a whole record; its length field, if that is possible at all.
  case bad(claimed: Int?)
}

/// A part of a file in memory. Used by one thread.
final class ReadWindow<FS: FileSystem> {
  private static var chunkBytes: Int { 256 << 10 }
  private let fileSystem: FS
  private var file: FS.File?
  private var storage: UnsafeMutableRawBufferPointer
  private var offset = 0
  private var count = 0
  /// Nothing is behind what was read last.
  private var metEnd = false
  /// What the disk does not give reads as bytes that are no record, so it is damage like any other.
  private let takesUnreadable: Bool
  private(set) var hasTakenUnreadable = false

  init(_ fileSystem: FS, takesUnreadable: Bool = false) {
    self.fileSystem = fileSystem
    self.takesUnreadable = takesUnreadable
    storage = .allocate(byteCount: ReadWindow.chunkBytes, alignment: 16)
  }
  deinit { storage.deallocate() }

  /// From now on, of this file.
  func open(_ file: FS.File) {
    self.file = file
    count = 0
    // A window that stays does not stay as large as the largest record.
    if storage.count > ReadWindow.chunkBytes { allocate(ReadWindow.chunkBytes) }
  }
  private func allocate(_ bytes: Int) {
    storage.deallocate()
    storage = .allocate(byteCount: bytes, alignment: 16)
  }

  /// Up to `wanted` bytes at `at`, fewer at the end of the file; valid until the next call.
  func bytes(at start: Int, _ wanted: Int) throws(FileError) -> UnsafeRawBufferPointer {
    guard let file else { preconditionFailure("a window reads after it was opened") }
    let isAtEnd = count > 0 && metEnd && start <= offset + count
    if start < offset || (start + wanted > offset + count && !isAtEnd) {
      if wanted > storage.count { allocate(wanted) }
      try fill(from: file, at: start, wanted)
    }
    let first = start - offset
    return UnsafeRawBufferPointer(rebasing: storage[first..<max(first, min(first + wanted, count))])
  }

  private func fill(from file: FS.File, at start: Int, _ wanted: Int) throws(FileError) {
    count = 0
    offset = start
    do throws(FileError) {
      let read = try fileSystem.read(file, into: storage, at: start)
      (count, metEnd) = (read, read < storage.count)
    } catch {
      guard error.code == FileError.inputOutput else { throw error }
      try fillByPages(from: file, at: start, wanted, error)
    }
  }

  /// What cannot be read may lie outside of what is wanted.
  private func fillByPages(
    from file: FS.File, at start: Int, _ wanted: Int, _ failure: FileError
  ) throws(FileError) {
    metEnd = false
    let size = try fileSystem.size(file)
    var filled = 0
    while filled < storage.count {
      // Up to the next page of the file.
      let piece = min(SegmentHeader.pageBytes - (start + filled) % SegmentHeader.pageBytes, storage.count - filled)
      let page = UnsafeMutableRawBufferPointer(rebasing: storage[filled..<filled + piece])
      do throws(FileError) {
        let read = try fileSystem.read(file, into: page, at: start + filled)
        filled += read
        metEnd = read < piece
        if metEnd { break }
      } catch {
        guard takesUnreadable, error.code == FileError.inputOutput else {
          if filled < wanted { throw failure }
          break
        }
        hasTakenUnreadable = true
        for i in page.indices { page[i] = 0xff }
        filled += min(piece, max(0, size - start - filled))
        metEnd = start + filled >= size
        if metEnd { break }
      }
    }
    count = filled
  }

  /// The whole record at `offset`; call right after `examine` said that there is one.
  func record(at offset: Int, _ frame: Record.Frame) throws(FileError) -> UnsafeRawBufferPointer {
    try bytes(at: offset, frame.length)
  }

  /// Judges what is at `offset` on its own, with nothing read at or above `limit`. Whether it is chained to what is
  /// before it is the caller's to compare.
  func examine(at offset: Int, position: LogPosition, limit: Int) throws(FileError) -> Examined {
    let head = try bytes(at: offset, min(Record.payloadOffset, limit - offset))
    guard head.count == Record.payloadOffset else {
      return head.allSatisfy { $0 == 0 } ? .nothing : .bad(claimed: nil)
    }
    let length = Int(UInt32(littleEndian: head.loadUnaligned(fromByteOffset: 0, as: UInt32.self)))
    let frame = Record.Frame(
      length: length,
      chain: UInt32(littleEndian: head.loadUnaligned(fromByteOffset: 4, as: UInt32.self)),
      check: UInt32(littleEndian: head.loadUnaligned(fromByteOffset: 8, as: UInt32.self)),
      kind: head[Record.kindOffset])
    if length == 0 { return .nothing }
    guard length >= Record.frameBytes, length <= limit - offset else { return .bad(claimed: nil) }
    guard frame.kind != 0 else { return .bad(claimed: length) }
    // Before the whole is read: a search through damage asks at every byte.
    let last = try bytes(at: offset + length - 1, 1)
    guard last.count == 1, last[0] == Record.endByte else { return .bad(claimed: length) }
    let whole = try bytes(at: offset, length)
    guard whole.count == length, Record.check(whole, at: position) == frame.check else { return .bad(claimed: length) }
    return .record(frame)
  }

  /// The offset behind the last byte that is not zero in `range`, or the range's start. `passingUnreadable`: pages that
  /// the disk does not give are not looked at, and are no error.
  func endOfContent(in range: Range<Int>, passingUnreadable: Bool = false) throws(FileError) -> Int {
    var end = range.lowerBound
    var at = range.lowerBound
    while at < range.upperBound {
      let held: Int
      do throws(FileError) { held = try bytes(at: at, 1).isEmpty ? 0 : offset + count - at } catch {
        guard passingUnreadable, error.code == FileError.inputOutput else { throw error }
        at += SegmentHeader.pageBytes - at % SegmentHeader.pageBytes
        continue
      }
      if held == 0 { break }
      let chunk = try bytes(at: at, min(held, range.upperBound - at))
      if let last = chunk.lastIndex(where: { $0 != 0 }) { end = at + last + 1 }
      at += chunk.count
    }
    return end
  }
}
