// What a module says of its messages and its state, so that clients speak names; and what is wrong with it.

/// Writes the schema's JSON, and remembers the first thing that cannot be.
public final class SchemaWriter {
  let out = Buffer(capacity: 4096)
  /// A sentence that names the place, or nil.
  private(set) var problem: String?
  /// Where the writer is: "message Steer", "state.ships".
  var path: String
  private(set) var hiddenToo = false
  private var depth = 0
  private static let depthMax = 16

  init(path: String) { self.path = path }

  @inline(never) func text(_ value: StaticString) { out.text(value) }
  @inline(never) func complain(_ what: String) { if problem == nil { problem = what } }

  /// `[{"n":1,"name":"to","type":"vec2"},…]`
  func fields<F: Fields>(of type: F.Type, hiddenToo: Bool) {
    guard depth < SchemaWriter.depthMax else {
      text("[]")
      return complain("\(path): types are nested in each other more than \(SchemaWriter.depthMax) deep")
    }
    depth += 1
    let before = self.hiddenToo
    self.hiddenToo = hiddenToo
    out.byte(UInt8(ascii: "["))
    var coder = SchemaCoder(self)
    var value = F()
    value.fields(&coder)
    out.byte(UInt8(ascii: "]"))
    self.hiddenToo = before
    depth -= 1
  }
}

struct SchemaCoder: Coder {
  let writer: SchemaWriter
  private var isFirst = true
  private var numbers: [UInt32] = []
  private var names: [String] = []

  init(_ writer: SchemaWriter) { self.writer = writer }

  @inline(never)
  mutating func visible<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V) {
    begin(number, name)
    let outside = writer.path
    writer.path = "\(outside).\(name)"
    V.schema(writer)
    writer.path = outside
    writer.text("}")
  }
  @inline(never)
  mutating func hidden<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V) {
    if writer.hiddenToo { visible(number, name, &value) } else { note(number, name) }
  }
  @inline(never)
  mutating func scaled(_ number: UInt32, _ name: StaticString, _ value: inout Float, _ scale: UInt32) {
    if scale == 0 { writer.complain("\(writer.path): \"\(name)\" has the scale 0; it should be how many steps make 1") }
    begin(number, name)
    writer.text("{\"fixed\":")
    writer.out.decimal(UInt64(scale))
    writer.text("}}")
  }

  @inline(never) private mutating func begin(_ number: UInt32, _ name: StaticString) {
    note(number, name)
    if !isFirst { writer.text(",") }
    isFirst = false
    writer.text("{\"n\":")
    writer.out.decimal(UInt64(number))
    writer.text(",\"name\":")
    writer.out.quoted(name)
    writer.text(",\"type\":")
  }
  @inline(never) private mutating func note(_ number: UInt32, _ name: StaticString) {
    let place = writer.path
    let name = "\(name)"
    if !isIdentifier(name) {
      writer.complain("\(place): field \(number) needs a name of letters, digits and _; \"\(name)\" is not")
    }
    if number == 0 || number > 536_870_911 {
      writer.complain("\(place): \"\(name)\" has the number \(number); numbers count from 1")
    }
    for (index, other) in numbers.enumerated() where other == number {
      writer.complain("\(place): \"\(names[index])\" and \"\(name)\" both have the number \(number)")
    }
    if let last = numbers.last, number < last {
      writer.complain(
        "\(place): \"\(name)\" has the number \(number) and comes after \(last): list them in ascending order")
    }
    for (index, other) in names.enumerated() where other == name && numbers[index] != number {
      writer.complain("\(place): the fields \(numbers[index]) and \(number) are both called \"\(name)\"")
    }
    numbers.append(number)
    names.append(name)
  }
}

/// The messages of a room, for the schema: `m("Steer", Steer.self)`.
public struct Messages {
  let writer: SchemaWriter
  private var isFirst = true
  private var seen: [(id: UInt8, name: String)] = []
  /// Ids from here on are the SDK's.
  static let idMax: UInt8 = 239

  init(_ writer: SchemaWriter) { self.writer = writer }

  public mutating func callAsFunction<M: Message>(_ name: StaticString, _ type: M.Type) {
    note(M.id, "\(name)")
    if !isFirst { writer.text(",") }
    isFirst = false
    writer.text("{\"id\":")
    writer.out.decimal(UInt64(M.id))
    writer.text(",\"name\":")
    writer.out.quoted(name)
    writer.text(",\"fields\":")
    writer.path = "message \(name)"
    writer.fields(of: M.self, hiddenToo: false)
    writer.text("}")
  }
  @inline(never) private mutating func note(_ id: UInt8, _ name: String) {
    if !isIdentifier(name) {
      writer.complain("message \(id) needs a name of letters, digits and _; \"\(name)\" is not")
    }
    if id == 0 || id > Messages.idMax {
      writer.complain("message \(name) has the id \(id); ids are 1 to \(Messages.idMax)")
    }
    for other in seen {
      if other.id == id { writer.complain("the messages \(other.name) and \(name) both have the id \(id)") }
      if other.name == name { writer.complain("two messages are called \(name)") }
    }
    seen.append((id, name))
  }
}

private func isIdentifier(_ name: String) -> Bool {
  guard let first = name.utf8.first, first < 48 || first > 57 else { return false }
  return name.utf8.allSatisfy { unit in
    (48...57).contains(unit) || (97...122).contains(unit | 0x20) || unit == UInt8(ascii: "_")
  }
}

extension Room {
  /// The schema's JSON; or, as `problem`, why there can be none.
  static func schema(into writer: SchemaWriter) {
    writer.text("{\"messages\":[")
    var messages = Messages(writer)
    Self.messages(&messages)
    writer.text("],\"state\":")
    writer.path = "state"
    writer.fields(of: Self.self, hiddenToo: false)
    writer.text(",\"saved\":")
    writer.fields(of: Self.self, hiddenToo: true)
    writer.text("}")
  }
}
