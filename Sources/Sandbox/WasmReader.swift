// Reads the WebAssembly binary format from bytes that nobody vouches for.

/// Every read is checked; nothing traps on garbage.
struct WasmReader {
  let bytes: UnsafeRawBufferPointer
  private(set) var offset: Int
  let end: Int

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
    offset = 0
    end = bytes.count
  }
  private init(_ bytes: UnsafeRawBufferPointer, from offset: Int, to end: Int) {
    self.bytes = bytes
    self.offset = offset
    self.end = end
  }

  var isAtEnd: Bool { offset == end }
  var left: Int { end - offset }

  mutating func byte() throws(ModuleRefusal) -> UInt8 {
    guard offset < end else { throw .malformed("ends too early") }
    defer { offset += 1 }
    return bytes[offset]
  }
  mutating func skip(_ count: Int) throws(ModuleRefusal) {
    guard count >= 0, count <= left else { throw .malformed("ends too early") }
    offset += count
  }
  /// An unsigned LEB128 number of at most 32 bits.
  mutating func u32() throws(ModuleRefusal) -> UInt32 {
    var result: UInt32 = 0
    for shift in stride(from: UInt32(0), through: 28, by: 7) {
      let next = try byte()
      if shift == 28, next > 0x0F { throw .malformed("has a number over 32 bits") }
      result |= UInt32(next & 0x7F) << shift
      if next & 0x80 == 0 { return result }
    }
    throw .malformed("has a number over 32 bits")
  }
  /// Skips any LEB128 number of up to `bits` bits.
  mutating func skipLEB(bits: Int) throws(ModuleRefusal) {
    for _ in 0..<(bits + 6) / 7 where try byte() & 0x80 == 0 { return }
    throw .malformed("has a number over \(bits) bits")
  }
  /// A count of things of at least one byte each.
  mutating func count() throws(ModuleRefusal) -> Int {
    let count = Int(try u32())
    guard count <= left else { throw .malformed("counts more than it holds") }
    return count
  }
  mutating func name() throws(ModuleRefusal) -> String {
    let length = try count()
    defer { offset += length }
    return String(decoding: bytes[offset..<offset + length], as: UTF8.self)
  }
  /// A reader over the next `count` bytes, which this one skips.
  mutating func part(_ count: Int) throws(ModuleRefusal) -> WasmReader {
    let start = offset
    try skip(count)
    return WasmReader(bytes, from: start, to: offset)
  }
}
