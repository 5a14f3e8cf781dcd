// Bytes that came in.

/// Reads little-endian numbers and text out of a message. What does not fit is refused, so a stranger's bytes cannot
/// trap the room. Valid during the call it is given to only.
public struct Reader {
  let bytes: UnsafeRawBufferPointer
  var offset = 0

  public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Bytes not read yet.
  public var count: Int { bytes.count - offset }

  public mutating func u8() throws(Refused) -> UInt8 { try number() }
  public mutating func u16() throws(Refused) -> UInt16 { try number() }
  public mutating func u32() throws(Refused) -> UInt32 { try number() }
  public mutating func u64() throws(Refused) -> UInt64 { try number() }
  public mutating func i32() throws(Refused) -> Int32 { Int32(bitPattern: try number()) }
  public mutating func i64() throws(Refused) -> Int64 { Int64(bitPattern: try number()) }
  public mutating func f32() throws(Refused) -> Float { Float(bitPattern: try number()) }
  public mutating func f64() throws(Refused) -> Double { Double(bitPattern: try number()) }

  /// A 32-bit count, then that many bytes of UTF-8; what is not UTF-8 is repaired.
  public mutating func text() throws(Refused) -> String {
    let length = try u32()
    guard UInt64(length) <= UInt64(count) else { throw Refused("message too short") }
    return String(decoding: take(Int(length)), as: UTF8.self)
  }

  /// All that is left; valid during the call only.
  public mutating func rest() -> UnsafeRawBufferPointer { take(count) }

  mutating func number<T: FixedWidthInteger>() throws(Refused) -> T {
    let width = MemoryLayout<T>.size
    guard width <= count else { throw Refused("message too short") }
    let value = bytes.loadUnaligned(fromByteOffset: offset, as: T.self)
    offset += width
    return T(littleEndian: value)
  }

  mutating func take(_ length: Int) -> UnsafeRawBufferPointer {
    let part = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
    offset += length
    return part
  }
}
