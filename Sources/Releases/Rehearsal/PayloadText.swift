// What a guest was given, for people: in the module's words where its schema has them, and in hexadecimal.
package import Artifacts
internal import Core

package enum PayloadText {
  /// In hexadecimal, with the length where it is cut.
  package static func hex(_ bytes: [UInt8], bytesMax: Int = 64) -> String {
    let digits = bytes.prefix(bytesMax).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    return bytes.count > bytesMax ? "\(digits) … (\(bytes.count) bytes)" : digits
  }

  /// `Collect{gem: 3}`; nil where the schema does not know it.
  package static func message(_ bytes: [UInt8], schema: JSON?) -> String? {
    guard let id = bytes.first, case .array(let messages)? = schema?["messages"],
      let message = messages.first(where: { $0["id"]?.integer(UInt8.self) == id }), let name = message["name"]?.text
    else { return nil }
    guard case .array(let fields)? = message["fields"] else { return name }
    var texts: [String] = []
    var reader = FieldReader(bytes: bytes, place: 1)
    while let (number, value) = reader.field() {
      guard let field = fields.first(where: { $0["n"]?.integer(UInt64.self) == number }) else { continue }
      texts.append("\(field["name"]?.text ?? "\(number)"): \(text(value, field["type"]))")
    }
    return texts.isEmpty ? name : "\(name){\(texts.joined(separator: ", "))}"
  }

  private static func text(_ value: FieldReader.Value, _ type: JSON?) -> String {
    let name = type?.text ?? ""
    switch value {
    case .integer(let bits):
      if name == "bool" { return bits == 0 ? "false" : "true" }
      return name.hasPrefix("i") ? "\(Int64(bitPattern: bits >> 1) ^ -Int64(bitPattern: bits & 1))" : "\(bits)"
    case .float(let value): return "\(value)"
    case .double(let value): return "\(value)"
    case .bytes(let bytes):
      switch name {
      case "string": return "\"\(String(decoding: bytes, as: UTF8.self))\""
      case "vec2", "vec3":
        let parts = stride(from: 0, through: bytes.count - 4, by: 4).map { start in
          "\(Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) }))"
        }
        return "(\(parts.joined(separator: ", ")))"
      default: return hex(bytes)
      }
    }
  }
}

/// Key and value after key and value; ends at what it does not understand.
private struct FieldReader {
  enum Value {
    case integer(UInt64)
    case float(Float)
    case double(Double)
    case bytes([UInt8])
  }
  let bytes: [UInt8]
  var place: Int

  mutating func field() -> (UInt64, Value)? {
    guard let key = varint() else { return nil }
    switch key & 3 {
    case 0: return varint().map { (key >> 2, .integer($0)) }
    case 1: return word(4).map { (key >> 2, .float(Float(bitPattern: UInt32(truncatingIfNeeded: $0)))) }
    case 3: return word(8).map { (key >> 2, .double(Double(bitPattern: $0))) }
    default:
      guard let count = varint(), let length = Int(exactly: count), length <= bytes.count - place else { return nil }
      defer { place += length }
      return (key >> 2, .bytes(Array(bytes[place..<place + length])))
    }
  }
  private mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard place < bytes.count else { return nil }
      let byte = bytes[place]
      place += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    return nil
  }
  private mutating func word(_ count: Int) -> UInt64? {
    guard bytes.count - place >= count else { return nil }
    defer { place += count }
    return (0..<count).reduce(UInt64(0)) { $0 | UInt64(bytes[place + $1]) << (8 * UInt64($1)) }
  }
}
