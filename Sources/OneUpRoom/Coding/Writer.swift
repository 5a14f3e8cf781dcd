// Bytes to go out.

/// Builds a message of little-endian numbers and text.
public struct Writer {
  public private(set) var bytes: [UInt8] = []

  public init() {}
  public init(capacity: Int) { bytes.reserveCapacity(capacity) }

  public mutating func u8(_ value: UInt8) { bytes.append(value) }
  public mutating func u16(_ value: UInt16) { number(value) }
  public mutating func u32(_ value: UInt32) { number(value) }
  public mutating func u64(_ value: UInt64) { number(value) }
  public mutating func i32(_ value: Int32) { number(UInt32(bitPattern: value)) }
  public mutating func i64(_ value: Int64) { number(UInt64(bitPattern: value)) }
  public mutating func f32(_ value: Float) { number(value.bitPattern) }
  public mutating func f64(_ value: Double) { number(value.bitPattern) }

  /// A 32-bit count, then the UTF-8.
  public mutating func text(_ value: String) {
    let utf8 = value.utf8
    u32(UInt32(utf8.count))
    bytes.append(contentsOf: utf8)
  }

  public mutating func raw(_ value: UnsafeRawBufferPointer) { bytes.append(contentsOf: value) }
  public mutating func raw(_ value: [UInt8]) { bytes.append(contentsOf: value) }

  mutating func number<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }
}
