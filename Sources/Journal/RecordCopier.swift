// Writes copies of records into a new segment: same positions, chained anew.
internal import Core

struct RecordCopier<FS: FileSystem> {
  private static var chunkBytes: Int { 1 << 20 }
  let fileSystem: FS
  let segment: Segment<FS>
  let recordBytesMax: Int
  /// Of what was added.
  private(set) var end: LogPoint
  private var buffer: [UInt8] = []

  init(fileSystem: FS, segment: Segment<FS>, recordBytesMax: Int, end: LogPoint) {
    self.fileSystem = fileSystem
    self.segment = segment
    self.recordBytesMax = recordBytesMax
    self.end = end
  }

  /// A whole record that stands at `end.position`.
  mutating func copy(_ record: UnsafeRawBufferPointer) throws(FileError) {
    let start = buffer.count
    buffer.append(contentsOf: record)
    let (position, chain) = (end.position, end.check)
    end.check = buffer.withUnsafeMutableBytes {
      Record.seal(UnsafeMutableRawBufferPointer(rebasing: $0[start...]), at: position, chain: chain)
    }
    end.position = position.advanced(by: record.count)
    if buffer.count >= RecordCopier.chunkBytes { try flush() }
  }

  mutating func add(_ kind: UInt8, _ payload: [UInt8]) throws(FileError) {
    let start = buffer.count
    Record.open(kind, in: &buffer)
    buffer.append(contentsOf: payload)
    end.check = Record.close(in: &buffer, from: start, at: end.position, chain: end.check)
    end.position = end.position.advanced(by: buffer.count - start)
    if buffer.count >= RecordCopier.chunkBytes { try flush() }
  }

  /// Stands `damaged` records in the place of `count` bytes; false if that is less than a record's frame.
  mutating func fill(_ count: Int) throws(FileError) -> Bool {
    var left = count
    while left > 0 {
      guard left >= Record.frameBytes else { return false }
      var size = min(left, recordBytesMax)
      if left - size > 0 && left - size < Record.frameBytes { size -= Record.frameBytes }
      try add(RecordKind.damaged, [UInt8](repeating: 0, count: size - Record.frameBytes))
      left -= size
    }
    return true
  }

  mutating func flush() throws(FileError) {
    guard !buffer.isEmpty else { return }
    let position = LogPosition(end.position.rawValue - UInt64(buffer.count))
    try fileSystem.writeBytes(segment.file, buffer, at: segment.offset(of: position))
    buffer.removeAll(keepingCapacity: true)
  }
}
