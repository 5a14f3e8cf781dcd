// What a shard's directory holds, before anything is decided about it.
package import Core

package struct Survey<FS: FileSystem> {
  /// With a valid header (or its valid twin), by number.
  var segments: [UInt64: Segment<FS>] = [:]
  /// The newest mark that each holds.
  var marks: [UInt64: DurableMark] = [:]
  /// Zero-filled ahead and not begun: number and size; 0 for one that was begun in vain and cannot be used.
  var prepared: [UInt64: Int] = [:]
  /// With bytes in the place of a header that are none, and why.
  var unreadable: [UInt64: String] = [:]
  /// Whose header was read from the twin.
  var headerFromTwin: Set<UInt64> = []
  /// The pages of their header regions that the disk does not give.
  var unreadPages: [UInt64: [Int]] = [:]
  /// Of the unreadable: a copy of the header may be whole, and could not be read.
  var unknownHeaders: Set<UInt64> = []
  /// Left behind by an interrupted preparation.
  var temporaries: [String] = []
  var cutFiles: [String] = []
  /// Taken out of the log by a repair.
  var setAside: Set<UInt64> = []
  var lastOwnerFailed = false
  var lastOwnerCouldNotRead = false

  /// The last owner could not write or sync: what is above the mark is in doubt.
  static var failureFile: String { "failed" }
  /// The last owner could not read what it needed, and wrote nothing since.
  static var unreadFile: String { "unread" }

  /// A segment of whose header no copy is known because it cannot be read is an error that may pass, or, with
  /// `takesUnreadable`, unreadable like any other.
  init(
    _ fileSystem: FS, _ directory: String, shard: ShardID?, writable: Bool, takesUnreadable: Bool = false
  ) throws(JournalError) {
    do throws(FileError) {
      for name in try fileSystem.list(directory) {
        if name.hasSuffix(".tmp") {
          temporaries.append(name)
        } else if name.hasPrefix("cut-") {
          cutFiles.append(name)
        } else if name.hasSuffix(SegmentHeader.setAsideSuffix) {
          let file = String(name.dropLast(SegmentHeader.setAsideSuffix.count))
          if let number = SegmentHeader.number(ofFile: file) { setAside.insert(number) }
        } else if name == Self.failureFile {
          lastOwnerFailed = true
        } else if name == Self.unreadFile {
          lastOwnerCouldNotRead = true
        } else if let number = SegmentHeader.number(ofFile: name) {
          guard let file = try Self.open(fileSystem, directory + "/" + name, writable: writable) else { continue }
          let region = try HeaderRegion(fileSystem, file)
          let size = try fileSystem.size(file)
          if !region.unread.isEmpty { unreadPages[number] = region.unread }
          if let text = judge(number, file, region, size: size) {
            let window = ReadWindow(fileSystem, takesUnreadable: takesUnreadable)
            if try Self.isBegunInVain(file, window, region: region.bytes, size: size) {
              prepared[number] = 0
            } else if let failure = region.headerFailure, !takesUnreadable {
              throw failure
            } else {
              unreadable[number] = text + (region.headerFailure == nil ? "" : ", and a copy of it cannot be read")
              if region.headerFailure != nil { unknownHeaders.insert(number) }
            }
          }
        }
      }
    } catch { throw .file(error) }
    for segment in segments.values {
      if let shard, segment.header.shard != shard {
        throw .foreign("\(directory) holds the journal of shard \(segment.header.shard), not \(shard)")
      }
    }
    for (number, text) in unreadable where text.hasPrefix("version") {
      throw .foreign("\(directory)/\(SegmentHeader.fileName(number)) has format \(text)")
    }
  }

  /// nil: beside a living owner, who let go of it since it was listed.
  private static func open(_ fileSystem: FS, _ path: String, writable: Bool) throws(FileError) -> FS.File? {
    do throws(FileError) { return try fileSystem.open(path, writable ? .readWrite : .read) } catch {
      guard !writable, error.code == 2 else { throw error }
      return nil
    }
  }

  /// Files it under one of the kinds; returns why it is none, if so.
  private mutating func judge(
    _ number: UInt64, _ file: FS.File, _ headerRegion: HeaderRegion, size: Int
  ) -> String? {
    let region = headerRegion.bytes
    let sector = SegmentHeader.sectorBytes
    var reason = "it is shorter than a header"
    for (place, offset) in [0, SegmentHeader.twinOffset].enumerated() where region.count >= offset + sector {
      let decoded: Result<SegmentHeader, DecodingError> = region.withUnsafeBytes { bytes in
        let slice = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + sector])
        if let version = SegmentHeader.version(of: slice), version != SegmentHeader.formatVersion {
          return .failure(DecodingError("version \(version), this program reads \(SegmentHeader.formatVersion)"))
        }
        do throws(DecodingError) { return .success(try SegmentHeader(decoding: slice)) } catch {
          return .failure(error)
        }
      }
      switch decoded {
      case .success(let header) where header.number == number:
        segments[number] = Segment(header: header, check: header.check, file: file)
        if place == 1 { headerFromTwin.insert(number) }
        readMarks(number, region)
        return nil
      case .success(let header): reason = "its header names segment \(header.number)"
      case .failure(let error): reason = error.description
      }
    }
    let headers = region.prefix(sector) + region.dropFirst(SegmentHeader.twinOffset).prefix(sector)
    if headerRegion.headerFailure == nil, headers.allSatisfy({ $0 == 0 }) {
      prepared[number] = size
      return nil
    }
    return reason
  }

  /// Its first write was interrupted within the header: there is no twin and no record, so nothing ever counted on it.
  private static func isBegunInVain(
    _ file: FS.File, _ window: ReadWindow<FS>, region: [UInt8], size: Int
  ) throws(FileError) -> Bool {
    guard region.dropFirst(SegmentHeader.pageBytes).allSatisfy({ $0 == 0 }) else { return false }
    window.open(file)
    let records = SegmentHeader.regionBytes..<max(SegmentHeader.regionBytes, size)
    return try window.endOfContent(in: records) == SegmentHeader.regionBytes
  }

  private mutating func readMarks(_ number: UInt64, _ region: [UInt8]) {
    for turn in 0..<2 {
      let offset = DurableMark.offset(turn: turn)
      guard region.count >= offset + DurableMark.encodedBytes else { return }
      let mark = region.withUnsafeBytes {
        DurableMark(
          decoding: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + DurableMark.encodedBytes]), in: number)
      }
      if let mark, marks[number].map({ $0.point.position <= mark.point.position }) ?? true {
        marks[number] = mark
      }
    }
  }

  /// Every number that any file uses, or used before a repair: it may get its name back. A new segment takes one above.
  var numberMax: UInt64 {
    max(segments.keys.max() ?? 0, prepared.keys.max() ?? 0, unreadable.keys.max() ?? 0, setAside.max() ?? 0)
  }
  var epochMax: UInt32 { segments.values.map(\.header.epoch.rawValue).max() ?? 0 }
}
