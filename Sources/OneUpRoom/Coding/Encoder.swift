// Values to bytes: number and kind, then the value, field after field.

public struct Encoder: Coder {
  let buffer: Buffer
  /// Hidden fields too, and everything exactly: for saving. Else what clients see.
  let all: Bool

  init(_ buffer: Buffer, all: Bool) {
    self.buffer = buffer
    self.all = all
  }

  public mutating func visible<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V) {
    buffer.key(number, V.kind)
    value.put(self)
  }
  public mutating func hidden<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V) {
    if all { visible(number, name, &value) }
  }
  public mutating func scaled(_ number: UInt32, _ name: StaticString, _ value: inout Float, _ scale: UInt32) {
    if all { return visible(number, name, &value) }
    buffer.key(number, .varint)
    buffer.varint(zigzag(steps(value, scale)))
  }
}

extension Buffer {
  @inline(__always) func key(_ number: UInt32, _ kind: Kind) { varint(UInt64(number) << 2 | UInt64(kind.rawValue)) }
}

/// A fixed-point number; what is beyond all bounds is held at the bound.
func steps(_ value: Float, _ scale: UInt32) -> Int64 {
  let scaled = (value * Float(scale)).rounded()
  if scaled.isNaN { return 0 }
  return Int64(max(-9.0e15, min(9.0e15, scaled)))
}

/// What differs from bytes that the same list of fields was written to before, walked side by side.
struct ChangeCoder: Coder {
  let out: Buffer
  var base: Cursor

  init(_ out: Buffer, from base: Cursor) {
    self.out = out
    self.base = base
  }

  mutating func visible<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V) {
    let start = out.count
    out.key(number, V.kind)
    if stepOverKey(start) {
      if !value.putChange(out, from: &base) { out.cut(to: start) }
    } else {
      value.put(Encoder(out, all: false))
    }
  }
  mutating func hidden<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V) {}
  mutating func scaled(_ number: UInt32, _ name: StaticString, _ value: inout Float, _ scale: UInt32) {
    var whole = steps(value, scale)
    visible(number, name, &whole)
  }

  /// Whether the base goes on with the key that was written at `start`.
  @inline(__always) private mutating func stepOverKey(_ start: Int) -> Bool {
    let count = out.count &- start
    guard base.begins(with: out.start + start, count: count) else { return false }
    base.at += count
    return true
  }
}
