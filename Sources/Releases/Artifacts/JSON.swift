// A JSON document as a value: numbers stay as they are written and names are unique, so that what was signed, read and
// written again is the same. The libraries' decoders round numbers and let one of two equal names win.

package enum JSON: Hashable, Sendable {
  case null
  case bool(Bool)
  /// As it is written.
  case number(String)
  case text(String)
  case array([JSON])
  case object([String: JSON])

  package static func number(_ value: some BinaryInteger) -> JSON { .number(String(value)) }

  /// nil where this is no object, or has no such member.
  package subscript(_ name: String) -> JSON? {
    if case .object(let members) = self { return members[name] }
    return nil
  }
  package var text: String? {
    if case .text(let text) = self { return text }
    return nil
  }
  /// Only of a number without fraction and exponent.
  package func integer<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) -> Number? {
    if case .number(let digits) = self { return Number(digits) }
    return nil
  }

  /// The one form that is signed and hashed: members sorted by their names' bytes, no spaces, only `"`, `\` and control
  /// characters escaped (in the short form where there is one), numbers as they are written.
  package var canonical: [UInt8] {
    var bytes: [UInt8] = []
    write(into: &bytes)
    return bytes
  }

  /// For people: the outermost object's members are a line each, sorted; with a newline at the end.
  package var lines: [UInt8] {
    guard case .object(let members) = self, !members.isEmpty else { return canonical + [UInt8(ascii: "\n")] }
    var bytes: [UInt8] = []
    for name in JSON.sorted(members) {
      bytes += Array((bytes.isEmpty ? "{\n  " : ",\n  ").utf8)
      JSON.write(name, into: &bytes)
      bytes += Array(": ".utf8)
      members[name]?.write(into: &bytes)
    }
    return bytes + Array("\n}\n".utf8)
  }

  private static func sorted(_ members: [String: JSON]) -> [String] {
    members.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private func write(into bytes: inout [UInt8]) {
    switch self {
    case .null: bytes += Array("null".utf8)
    case .bool(let value): bytes += Array((value ? "true" : "false").utf8)
    case .number(let digits): bytes += Array(digits.utf8)
    case .text(let text): JSON.write(text, into: &bytes)
    case .array(let items):
      bytes.append(UInt8(ascii: "["))
      for (index, item) in items.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        item.write(into: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let members):
      bytes.append(UInt8(ascii: "{"))
      for (index, name) in JSON.sorted(members).enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        JSON.write(name, into: &bytes)
        bytes.append(UInt8(ascii: ":"))
        members[name]?.write(into: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  private static func write(_ text: String, into bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): bytes += Array(#"\""#.utf8)
      case UInt8(ascii: "\\"): bytes += Array(#"\\"#.utf8)
      case 0x08: bytes += Array(#"\b"#.utf8)
      case 0x09: bytes += Array(#"\t"#.utf8)
      case 0x0A: bytes += Array(#"\n"#.utf8)
      case 0x0C: bytes += Array(#"\f"#.utf8)
      case 0x0D: bytes += Array(#"\r"#.utf8)
      case 0..<0x20:
        bytes += Array(#"\u00"#.utf8) + Array((byte < 16 ? "0" : "").utf8) + Array(String(byte, radix: 16).utf8)
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}

/// Where a text stops being JSON, and why.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  /// In bytes from the start.
  package var place: Int
  package var reason: String
  package var description: String { "\(reason) at byte \(place)" }
}
