// A place in bytes that somebody else wrote.

/// How a value is laid out, so that a reader can step over a field that it does not know.
public enum Kind: UInt8 {
  case varint = 0
  case four = 1
  /// A count, then so many bytes.
  case counted = 2
  case eight = 3
}

/// Walks over bytes it does not trust: a step that does not fit gives nil and leaves the place where it was.
public struct Cursor {
  var at: UnsafeRawPointer
  let end: UnsafeRawPointer

  init(_ bytes: UnsafeRawBufferPointer) {
    // The address does not matter where there is nothing to read.
    at = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 16)!
    end = at + bytes.count
  }
  private init(at: UnsafeRawPointer, end: UnsafeRawPointer) {
    self.at = at
    self.end = end
  }

  var isAtEnd: Bool { at == end }
  var left: Int { end - at }

  @inline(__always) mutating func varint() -> UInt64? {
    if at < end {
      let first = at.load(as: UInt8.self)
      if first < 128 {
        at += 1
        return UInt64(first)
      }
    }
    return longVarint()
  }
  @inline(never) private mutating func longVarint() -> UInt64? {
    var place = at
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while place < end, shift < 64 {
      let byte = place.load(as: UInt8.self)
      place += 1
      // The tenth byte has room for one bit only.
      if shift == 63, byte > 1 { return nil }
      value |= UInt64(byte & 127) &<< shift
      if byte < 128 {
        at = place
        return value
      }
      shift += 7
    }
    return nil
  }
  @inline(__always) mutating func four() -> UInt32? {
    guard left >= 4 else { return nil }
    let value = at.loadUnaligned(as: UInt32.self)
    at += 4
    return UInt32(littleEndian: value)
  }
  @inline(__always) mutating func eight() -> UInt64? {
    guard left >= 8 else { return nil }
    let value = at.loadUnaligned(as: UInt64.self)
    at += 8
    return UInt64(littleEndian: value)
  }
  /// The bytes of a counted value.
  @inline(__always) mutating func counted() -> Cursor? {
    let before = at
    guard let count = varint() else { return nil }
    guard count <= UInt64(left) else {
      at = before
      return nil
    }
    let part = Cursor(at: at, end: at + Int(count))
    at = part.end
    return part
  }
  /// Steps over a value; false where it does not fit.
  mutating func skip(_ kind: Kind) -> Bool {
    switch kind {
    case .varint: varint() != nil
    case .four: four() != nil
    case .eight: eight() != nil
    case .counted: counted() != nil
    }
  }
  mutating func key() -> (number: UInt32, kind: Kind)? {
    let before = at
    guard let key = varint(), key >> 2 <= UInt64(UInt32.max), let kind = Kind(rawValue: UInt8(key & 3)) else {
      at = before
      return nil
    }
    return (UInt32(key >> 2), kind)
  }

  /// Whether the next bytes are these.
  @inline(__always) func begins(with other: UnsafeRawPointer, count: Int) -> Bool {
    guard count <= left else { return false }
    var index = 0
    while index &+ 4 <= count {
      let same =
        (at + index).loadUnaligned(as: UInt32.self) == (other + index).loadUnaligned(as: UInt32.self)
      if !same { return false }
      index &+= 4
    }
    while index < count {
      if (at + index).load(as: UInt8.self) != (other + index).load(as: UInt8.self) { return false }
      index &+= 1
    }
    return true
  }
  var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: at, count: left) }
}
