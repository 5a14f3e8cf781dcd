// One list of fields, many uses: what an author writes about a type, and what everything else is made from.

/// A type with a list of fields. From the list come save and restore, what clients see, the hash, the readable form and
/// the schema.
///
///     struct Gem: Fields {
///       var pos = Vec2(), weight: Float = 1
///       mutating func fields<C: Coder>(_ c: inout C) {
///         c(1, "pos", &pos)
///         c.hidden(2, "weight", &weight)
///       }
///     }
///
/// A field's number is its name for ever: a new field gets a new number, and the number of one that is gone is not used
/// again. Every property of a room's state must be in a list, else a room that is moved forgets it; the twin test finds
/// what was left out.
public protocol Fields: Value {
  init()
  /// Names every field, in ascending order of the numbers and always the same ones.
  mutating func fields<C: Coder>(_ c: inout C)
}

/// Goes through a list of fields for one of its uses. The SDK has all there are.
public protocol Coder {
  mutating func visible<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V)
  mutating func hidden<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V)
  mutating func scaled(_ number: UInt32, _ name: StaticString, _ value: inout Float, _ scale: UInt32)
}

extension Coder {
  /// A field that is saved, and that clients see. Numbers count from 1.
  @inline(__always)
  public mutating func callAsFunction<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V) {
    visible(number, name, &value)
  }
  /// The same; clients get it in steps of 1/`scale`, which takes fewer bytes. What is saved stays exact.
  @inline(__always)
  public mutating func callAsFunction(
    _ number: UInt32, _ name: StaticString, _ value: inout Float, scale: UInt32
  ) { scaled(number, name, &value, scale) }
}

/// What can be a field: numbers, `Bool`, `String`, `[UInt8]`, `Vec2`, `Vec3`, `Slot`, `RequestID`, `Choice`s, types with fields of
/// their own, lists and tables of them.
public protocol Value {
  init()
  static var kind: Kind { get }
  /// Writes the value without its key.
  mutating func put(_ out: Encoder)
  /// Reads the value; what does not fit marks `input` as failed.
  mutating func take(_ input: inout Decoder)
  /// Writes what differs from the value at `base`, which is stepped over. False: nothing does.
  mutating func putChange(_ out: Buffer, from base: inout Cursor) -> Bool
  mutating func json(_ out: Buffer)
  /// How the schema calls the type.
  static func schema(_ out: SchemaWriter)
  /// The member in `slot` is gone for good.
  mutating func forget(_ slot: Slot)

  // Lists are written by what is in them: bytes lie side by side.
  static func putList(_ list: inout [Self], _ out: Encoder)
  static func takeList(_ list: inout [Self], _ input: inout Decoder)
  static func listSchema(_ out: SchemaWriter)
}

extension Value {
  public mutating func putChange(_ out: Buffer, from base: inout Cursor) -> Bool {
    let start = out.count
    put(Encoder(out, all: false))
    let count = out.count &- start
    if base.begins(with: out.start + start, count: count) {
      base.at += count
      return false
    }
    _ = base.skip(Self.kind)
    return true
  }
  public mutating func forget(_ slot: Slot) {}

  public static func putList(_ list: inout [Self], _ out: Encoder) {
    for index in list.indices { list[index].put(out) }
  }
  public static func takeList(_ list: inout [Self], _ input: inout Decoder) {
    list.removeAll(keepingCapacity: true)
    while !input.isAtEnd, !input.failed {
      var element = Self()
      element.take(&input)
      list.append(element)
    }
  }
  public static func listSchema(_ out: SchemaWriter) {
    out.text("{\"list\":")
    schema(out)
    out.text("}")
  }
}

extension Fields {
  public static var kind: Kind { .counted }
  public mutating func put(_ out: Encoder) {
    let opened = out.buffer.open()
    var coder = out
    fields(&coder)
    out.buffer.close(opened)
  }
  public mutating func take(_ input: inout Decoder) {
    guard var inner = input.inner() else { return }
    fields(&inner)
    input.finish(inner)
  }
  public mutating func putChange(_ out: Buffer, from base: inout Cursor) -> Bool {
    guard let before = base.counted() else {
      put(Encoder(out, all: false))
      return true
    }
    let opened = out.open()
    var coder = ChangeCoder(out, from: before)
    fields(&coder)
    guard out.count > opened else { return false }
    out.close(opened)
    return true
  }
  public mutating func json(_ out: Buffer) {
    out.byte(UInt8(ascii: "{"))
    var coder = JSONCoder(out)
    fields(&coder)
    out.byte(UInt8(ascii: "}"))
  }
  public static func schema(_ out: SchemaWriter) {
    out.text("{\"fields\":")
    out.fields(of: Self.self, hiddenToo: out.hiddenToo)
    out.text("}")
  }
  public mutating func forget(_ slot: Slot) {
    var coder = ForgetCoder(slot: slot)
    fields(&coder)
  }
}

/// Tells every field that a member is gone for good.
struct ForgetCoder: Coder {
  let slot: Slot
  mutating func visible<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V) { value.forget(slot) }
  mutating func hidden<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V) { value.forget(slot) }
  mutating func scaled(_ number: UInt32, _ name: StaticString, _ value: inout Float, _ scale: UInt32) {}
}

/// Counts what clients can see.
struct CountingCoder: Coder {
  var count = 0
  mutating func visible<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V) { count += 1 }
  mutating func hidden<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V) {}
  mutating func scaled(_ number: UInt32, _ name: StaticString, _ value: inout Float, _ scale: UInt32) { count += 1 }
}
