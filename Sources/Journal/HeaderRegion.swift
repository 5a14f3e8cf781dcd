// The first pages of a segment's file, as far as the disk gives them. The header has a twin, and of two marks the other one
// is older, never wrong: so one sector that cannot be read takes nothing from anybody.
internal import Core

struct HeaderRegion {
  /// Zeros where the disk gave nothing, which is neither a header nor a mark.
  private(set) var bytes: [UInt8] = []
  /// The pages that it did not give, by their offsets.
  private(set) var unread: [Int] = []
  private var failure: FileError?

  init<FS: FileSystem>(_ fileSystem: FS, _ file: FS.File) throws(FileError) {
    do throws(FileError) {
      bytes = try fileSystem.readBytes(file, at: 0, count: SegmentHeader.regionBytes)
    } catch {
      guard error.code == FileError.inputOutput else { throw error }
      failure = error
      try readByPages(fileSystem, file)
    }
  }

  private mutating func readByPages<FS: FileSystem>(_ fileSystem: FS, _ file: FS.File) throws(FileError) {
    let size = min(SegmentHeader.regionBytes, try fileSystem.size(file))
    for offset in stride(from: 0, to: size, by: SegmentHeader.pageBytes) {
      let count = min(SegmentHeader.pageBytes, size - offset)
      do throws(FileError) { bytes += try fileSystem.readBytes(file, at: offset, count: count) } catch {
        guard error.code == FileError.inputOutput else { throw error }
        bytes += repeatElement(0, count: count)
        unread.append(offset)
      }
    }
  }

  /// Why one copy of the header, or both, is not known.
  var headerFailure: FileError? {
    unread.contains(0) || unread.contains(SegmentHeader.twinOffset) ? failure : nil
  }
}
