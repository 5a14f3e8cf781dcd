// Which line of which source file each instruction of a module came from: the file NAME.lines beside NAME.wasm. It is
// made by `oneup build`, read when something failed, and never needed to run.
internal import Artifacts
package import Core

/// Format 1: "1UPLINES" · u8 version · SHA-256 of the module (32 bytes) · names · files (each a u32 count and texts) ·
/// u32 count of places, each four varints: 1 + the place it was inlined into (0: none), name, 1 + file (0: none), line ·
/// u32 count of rows, each two varints: bytes since the row before, place. A row holds until the next.
package struct SourceLines: Sendable {
  package static let fileExtension = "lines"
  static let magic = Array("1UPLINES".utf8)
  static let version: UInt8 = 1
  /// Of a file; far above what the largest module has.
  package static let bytesMax = 32 * 1_048_576
  /// How the compiler calls the place of a check that failed.
  private static let reasonPrefix = "Swift runtime failure: "

  /// Something inlined into something else, or a function by itself.
  package struct Place: Sendable, Hashable {
    /// Of an earlier place.
    package var parent: UInt32?
    package var name: UInt32
    package var file: UInt32?
    /// 0: not known.
    package var line: UInt32
    package init(parent: UInt32?, name: UInt32, file: UInt32?, line: UInt32) {
      self.parent = parent
      self.name = name
      self.file = file
      self.line = line
    }
  }
  package struct Row: Sendable, Hashable {
    /// From the start of the module's file.
    package var offset: UInt32
    package var place: UInt32
    package init(offset: UInt32, place: UInt32) {
      self.offset = offset
      self.place = place
    }
  }

  /// The module that this is about.
  package var module: ModuleHash
  package var names: [String] = []
  package var files: [String] = []
  package var places: [Place] = []
  /// By rising offset.
  package var rows: [Row] = []

  package init(module: ModuleHash) { self.module = module }

  /// Where the instruction at that offset of the module's file came from, innermost first: functions with their lines.
  /// nil: nothing is known of it. `reason`: which check failed there, if it is one.
  package func look(at offset: UInt32) -> (frames: [String], reason: String?)? {
    guard let row = row(at: offset) else { return nil }
    var frames: [String] = []
    var reason: String?
    var next: UInt32? = row.place
    while let index = next {
      let place = places[Int(index)]
      let name = names[Int(place.name)]
      if name.hasPrefix(Self.reasonPrefix) {
        reason = String(name.dropFirst(Self.reasonPrefix.count))
      } else {
        frames.append(place.file.flatMap { place.line > 0 ? "\(name) (\(files[Int($0)]):\(place.line))" : nil } ?? name)
      }
      next = place.parent
    }
    return frames.isEmpty ? nil : (frames, reason)
  }

  private func row(at offset: UInt32) -> Row? {
    var low = 0
    var high = rows.count
    while low < high {
      let middle = (low + high) / 2
      if rows[middle].offset <= offset { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? rows[low - 1] : nil
  }

  // MARK: Backtraces

  /// A frame that nobody could look up when it was written down: its name, and where it is in the module.
  static func frame(_ name: String, at offset: UInt32) -> String { "\(name) [0x\(String(offset, radix: 16))]" }

  /// A backtrace of this module with source lines where it has none yet; such frames are left as they are.
  package func lines(for backtrace: [String]) -> [String] {
    backtrace.flatMap { frame -> [String] in
      guard frame.hasSuffix("]"), let start = frame.lastIndex(of: "["),
        let offset = UInt32(frame[start...].dropFirst(3).dropLast(), radix: 16), let found = look(at: offset)
      else { return [frame] }
      return found.frames
    }
  }
}

extension SourceLines {
  /// nil: there is none, or it is another module's or damaged. What failed is told without lines then.
  package static func read(_ path: String, for module: ModuleHash) -> SourceLines? {
    guard let bytes = try? Files.read(path, bytesMax: bytesMax),
      let lines = bytes.withUnsafeBytes({ try? SourceLines($0) }), lines.module == module
    else { return nil }
    return lines
  }

  package func encode() -> [UInt8] {
    var out = Self.magic
    out.append(Self.version)
    out.append(contentsOf: module.bytes)
    for list in [names, files] {
      out.put(UInt32(list.count))
      for text in list { out.putText(text) }
    }
    out.put(UInt32(places.count))
    for place in places {
      out.putVarint(place.parent.map { $0 + 1 } ?? 0)
      out.putVarint(place.name)
      out.putVarint(place.file.map { $0 + 1 } ?? 0)
      out.putVarint(place.line)
    }
    out.put(UInt32(rows.count))
    var last: UInt32 = 0
    for row in rows {
      out.putVarint(row.offset - last)
      out.putVarint(row.place)
      last = row.offset
    }
    return out
  }

  /// Never traps, whatever the bytes are.
  package init(_ bytes: UnsafeRawBufferPointer) throws(DecodingError) {
    var reader = ByteReader(bytes)
    guard Array(try reader.take(bytes: Self.magic.count)) == Self.magic else {
      throw DecodingError("is no file of source lines")
    }
    guard try reader.take(UInt8.self) == Self.version else { throw DecodingError("is of another version") }
    self.init(module: ModuleHash(Array(try reader.take(bytes: 32))))
    names = try Self.texts(&reader)
    files = try Self.texts(&reader)
    for index in 0..<(try reader.take(UInt32.self)) {
      let parent = try reader.takeVarint()
      let name = try reader.takeVarint()
      let file = try reader.takeVarint()
      let line = try reader.takeVarint()
      guard parent <= index, Int(name) < names.count, Int(file) <= files.count else {
        throw DecodingError("has a place that leads nowhere")
      }
      places.append(
        Place(parent: parent == 0 ? nil : parent - 1, name: name, file: file == 0 ? nil : file - 1, line: line))
    }
    var offset: UInt32 = 0
    for _ in 0..<(try reader.take(UInt32.self)) {
      let (next, over) = offset.addingReportingOverflow(try reader.takeVarint())
      let place = try reader.takeVarint()
      guard !over, Int(place) < places.count else { throw DecodingError("has a row that leads nowhere") }
      offset = next
      rows.append(Row(offset: offset, place: place))
    }
    guard reader.isAtEnd else { throw DecodingError("has bytes after its end") }
  }

  private static func texts(_ reader: inout ByteReader) throws(DecodingError) -> [String] {
    var texts: [String] = []
    for _ in 0..<(try reader.take(UInt32.self)) { texts.append(try reader.takeText()) }
    return texts
  }
}

extension [UInt8] {
  fileprivate mutating func putVarint(_ value: UInt32) {
    var value = value
    while value >= 128 {
      append(UInt8(truncatingIfNeeded: value) | 128)
      value >>= 7
    }
    append(UInt8(truncatingIfNeeded: value))
  }
}
extension ByteReader {
  fileprivate mutating func takeVarint() throws(DecodingError) -> UInt32 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), through: 28, by: 7) {
      let byte: UInt8 = try take()
      value |= UInt64(byte & 127) << shift
      if byte < 128 {
        guard let exact = UInt32(exactly: value) else { break }
        return exact
      }
    }
    throw DecodingError("has a number over 32 bits")
  }
}
