// The little of protobuf's wire format that the hand-written encoders and scanners need.
import Core

package enum Protobuf {
  package enum WireType: UInt8, Sendable {
    case varint = 0
    case fixed64 = 1
    case bytes = 2
    case fixed32 = 5
  }
  /// The one-byte key of a field. `field`: 1…15.
  package static func tag(_ field: UInt8, _ type: WireType) -> UInt8 { field << 3 | type.rawValue }

  /// Bytes that `value` takes as a varint.
  package static func varint(_ value: UInt64) -> Int { (70 - (value | 1).leadingZeroBitCount) / 7 }
  /// Bytes that a varint field takes; none at its default.
  package static func varintField(_ value: UInt64) -> Int { value == 0 ? 0 : 1 + varint(value) }
  /// Bytes that a field of `count` bytes takes; none when empty.
  package static func bytesField(_ count: Int) -> Int { count == 0 ? 0 : 1 + varint(UInt64(count)) + count }
}

extension [UInt8] {
  package mutating func putVarint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }
  package mutating func putVarintField(_ field: UInt8, _ value: UInt64) {
    guard value != 0 else { return }
    append(Protobuf.tag(field, .varint))
    putVarint(value)
  }
  package mutating func putBytesField(_ field: UInt8, _ bytes: some Collection<UInt8>) {
    guard !bytes.isEmpty else { return }
    append(Protobuf.tag(field, .bytes))
    putVarint(UInt64(bytes.count))
    append(contentsOf: bytes)
  }
  package mutating func putFixed64Field(_ field: UInt8, _ value: UInt64) {
    guard value != 0 else { return }
    append(Protobuf.tag(field, .fixed64))
    put(value)
  }
}

extension UnsafeMutableRawPointer {
  /// As `[UInt8].putVarint` would; returns the offset behind it.
  func putVarint(_ value: UInt64, at offset: Int) -> Int {
    var rest = value
    var at = offset
    while rest >= 0x80 {
      put(UInt8(truncatingIfNeeded: rest) | 0x80, at: at)
      rest >>= 7
      at += 1
    }
    put(UInt8(rest), at: at)
    return at + 1
  }
}
