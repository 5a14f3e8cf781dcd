// Numbers, text and lists as fields.

extension Bool: Value {
  public static var kind: Kind { .varint }
  public mutating func put(_ out: Encoder) { out.buffer.varint(self ? 1 : 0) }
  public mutating func take(_ input: inout Decoder) {
    guard let value = input.varint() else { return }
    if value > 1 { input.fail() } else { self = value == 1 }
  }
  public mutating func json(_ out: Buffer) { out.text(self ? "true" : "false") }
  public static func schema(_ out: SchemaWriter) { out.text("\"bool\"") }
}

/// The integers: signed ones zigzag, so that small numbers below zero are short too.
public protocol IntegerValue: Value, FixedWidthInteger {}

extension IntegerValue {
  public static var kind: Kind { .varint }
  @inline(__always) public mutating func put(_ out: Encoder) {
    out.buffer.varint(Self.isSigned ? zigzag(Int64(truncatingIfNeeded: self)) : UInt64(truncatingIfNeeded: self))
  }
  public mutating func take(_ input: inout Decoder) {
    guard let value = input.varint() else { return }
    guard let exact = Self.isSigned ? Self(exactly: unzigzag(value)) : Self(exactly: value) else { return input.fail() }
    self = exact
  }
  public mutating func json(_ out: Buffer) {
    if Self.isSigned {
      out.decimal(Int64(truncatingIfNeeded: self))
    } else {
      out.decimal(UInt64(truncatingIfNeeded: self))
    }
  }
}
extension UInt16: IntegerValue {
  public static func schema(_ out: SchemaWriter) { out.text("\"u16\"") }
}
extension UInt32: IntegerValue {
  public static func schema(_ out: SchemaWriter) { out.text("\"u32\"") }
}
extension UInt64: IntegerValue {
  public static func schema(_ out: SchemaWriter) { out.text("\"u64\"") }
}
extension Int8: IntegerValue {
  public static func schema(_ out: SchemaWriter) { out.text("\"i8\"") }
}
extension Int16: IntegerValue {
  public static func schema(_ out: SchemaWriter) { out.text("\"i16\"") }
}
extension Int32: IntegerValue {
  public static func schema(_ out: SchemaWriter) { out.text("\"i32\"") }
}
extension Int64: IntegerValue {
  public static func schema(_ out: SchemaWriter) { out.text("\"i64\"") }
}
/// As wide as the machine, 32 bits in the sandbox; travels as 64.
extension Int: IntegerValue {
  public static func schema(_ out: SchemaWriter) { out.text("\"i64\"") }
}
extension UInt8: IntegerValue {
  public static func schema(_ out: SchemaWriter) { out.text("\"u8\"") }
  public static func putList(_ list: inout [UInt8], _ out: Encoder) { list.withUnsafeBytes { out.buffer.raw($0) } }
  public static func takeList(_ list: inout [UInt8], _ input: inout Decoder) { list = Array(input.takeRest()) }
  public static func listSchema(_ out: SchemaWriter) { out.text("\"bytes\"") }
}

extension Float: Value {
  public static var kind: Kind { .four }
  @inline(__always) public mutating func put(_ out: Encoder) { out.buffer.four(bitPattern) }
  public mutating func take(_ input: inout Decoder) {
    guard let bits = input.four() else { return }
    self = input.finite(Float(bitPattern: bits))
  }
  public mutating func json(_ out: Buffer) { out.decimal(Double(self)) }
  public static func schema(_ out: SchemaWriter) { out.text("\"f32\"") }
}
extension Double: Value {
  public static var kind: Kind { .eight }
  @inline(__always) public mutating func put(_ out: Encoder) { out.buffer.eight(bitPattern) }
  public mutating func take(_ input: inout Decoder) {
    guard let bits = input.eight() else { return }
    self = input.finite(Double(bitPattern: bits))
  }
  public mutating func json(_ out: Buffer) { out.decimal(self) }
  public static func schema(_ out: SchemaWriter) { out.text("\"f64\"") }
}
extension Decoder {
  /// From a client, a number that is not one would spread through the room.
  @inline(__always) mutating func finite<F: BinaryFloatingPoint>(_ value: F) -> F {
    if source == .client, !value.isFinite {
      fail()
      return 0
    }
    return value
  }
}

extension String: Value {
  public static var kind: Kind { .counted }
  public mutating func put(_ out: Encoder) {
    withUTF8 { text in
      out.buffer.varint(UInt64(text.count))
      out.buffer.raw(UnsafeRawBufferPointer(text))
    }
  }
  public mutating func take(_ input: inout Decoder) {
    guard let bytes = input.counted() else { return }
    self = String(decoding: bytes.rest, as: UTF8.self)
  }
  public mutating func json(_ out: Buffer) { out.quoted(self) }
  public static func schema(_ out: SchemaWriter) { out.text("\"string\"") }
}

extension Array: Value where Element: Value {
  public static var kind: Kind { .counted }
  public mutating func put(_ out: Encoder) {
    let opened = out.buffer.open()
    Element.putList(&self, out)
    out.buffer.close(opened)
  }
  public mutating func take(_ input: inout Decoder) {
    guard var inner = input.inner() else { return }
    Element.takeList(&self, &inner)
    if inner.failed { input.fail() }
  }
  public mutating func json(_ out: Buffer) {
    out.byte(UInt8(ascii: "["))
    for index in indices {
      if index > 0 { out.byte(UInt8(ascii: ",")) }
      self[index].json(out)
    }
    out.byte(UInt8(ascii: "]"))
  }
  public static func schema(_ out: SchemaWriter) { Element.listSchema(out) }
  public mutating func forget(_ slot: Slot) { for index in indices { self[index].forget(slot) } }
}

/// An enumeration as a field, by its raw value; the first case is what it is before anything is known.
///
///     enum Phase: UInt8, Choice { case lobby, playing, over }
public protocol Choice: Value, RawRepresentable, CaseIterable where RawValue: IntegerValue {}

extension Choice {
  public init() {
    guard let first = Self.allCases.first else { preconditionFailure("a Choice needs a case") }
    self = first
  }
  public static var kind: Kind { .varint }
  public mutating func put(_ out: Encoder) {
    var raw = rawValue
    raw.put(out)
  }
  public mutating func take(_ input: inout Decoder) {
    var raw = RawValue()
    raw.take(&input)
    if input.failed { return }
    guard let value = Self(rawValue: raw) else { return input.fail() }
    self = value
  }
  public mutating func json(_ out: Buffer) {
    var raw = rawValue
    raw.json(out)
  }
  public static func schema(_ out: SchemaWriter) { RawValue.schema(out) }
}

extension Slot: Value {
  public static var kind: Kind { .varint }
  public mutating func put(_ out: Encoder) { number.put(out) }
  public mutating func take(_ input: inout Decoder) { number.take(&input) }
  public mutating func json(_ out: Buffer) { number.json(out) }
  public static func schema(_ out: SchemaWriter) { out.text("\"slot\"") }
}
