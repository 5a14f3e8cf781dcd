// Takes JSON apart into the pieces of its outermost array or object, as they stand, without decoding them: a list of ten
// thousand rooms is looked through in milliseconds. Never traps; what is no JSON ends early.

package struct JSONPieces {
  private let bytes: ArraySlice<UInt8>
  private var index: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    index = bytes.startIndex
  }

  /// The elements of an array.
  package static func elements(_ array: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    var pieces = JSONPieces(array)
    guard pieces.take(UInt8(ascii: "[")) else { return [] }
    var elements: [ArraySlice<UInt8>] = []
    while let value = pieces.value() {
      elements.append(value)
      guard pieces.take(UInt8(ascii: ",")) else { break }
    }
    return elements
  }

  /// Calls `body` with each member of an object: its name, as it stands between the quotes, and its value.
  package static func members(_ object: ArraySlice<UInt8>, _ body: (ArraySlice<UInt8>, ArraySlice<UInt8>) -> Void) {
    var pieces = JSONPieces(object)
    guard pieces.take(UInt8(ascii: "{")) else { return }
    while let name = pieces.value(), name.first == UInt8(ascii: "\""), name.count >= 2,
      pieces.take(UInt8(ascii: ":")), let value = pieces.value()
    {
      body(name.dropFirst().dropLast(), value)
      guard pieces.take(UInt8(ascii: ",")) else { break }
    }
  }

  /// What a string's piece says; nil where it is none.
  package static func text(_ piece: ArraySlice<UInt8>) -> String? {
    guard piece.count >= 2, piece.first == UInt8(ascii: "\""), piece.last == UInt8(ascii: "\"") else { return nil }
    let inner = piece.dropFirst().dropLast()
    guard inner.contains(UInt8(ascii: "\\")) else { return String(decoding: inner, as: UTF8.self) }
    return unescaped(inner)
  }

  private mutating func skipSpace() {
    while index < bytes.endIndex, bytes[index] <= UInt8(ascii: " ") { index += 1 }
  }
  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard index < bytes.endIndex, bytes[index] == byte else { return false }
    index += 1
    return true
  }

  private mutating func value() -> ArraySlice<UInt8>? {
    skipSpace()
    let start = index
    var depth = 0
    while index < bytes.endIndex {
      let byte = bytes[index]
      switch byte {
      case UInt8(ascii: "\""): skipString()
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        depth += 1
        index += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        // The end of what encloses this value.
        if depth == 0 { return index > start ? bytes[start..<index] : nil }
        depth -= 1
        index += 1
      case UInt8(ascii: ","), UInt8(ascii: ":"):
        if depth == 0 { return index > start ? bytes[start..<index] : nil }
        index += 1
      default: index += 1
      }
      if depth == 0, byte != UInt8(ascii: " "), index < bytes.endIndex, Self.ends(bytes[index]) {
        return bytes[start..<index]
      }
    }
    return nil
  }
  private static func ends(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ",") || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}")
      || byte <= UInt8(ascii: " ")
  }
  private mutating func skipString() {
    index += 1
    while index < bytes.endIndex, bytes[index] != UInt8(ascii: "\"") {
      index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    index = min(index + 1, bytes.endIndex)
  }

  private static func unescaped(_ inner: ArraySlice<UInt8>) -> String? {
    var units: [UInt16] = []
    var rest = Substring(decoding: inner, as: UTF8.self).utf16[...]
    while let unit = rest.popFirst() {
      guard unit == UInt16(UInt8(ascii: "\\")) else {
        units.append(unit)
        continue
      }
      guard let escape = rest.popFirst().flatMap({ UInt8(exactly: $0) }) else { return nil }
      switch escape {
      case UInt8(ascii: "n"): units.append(10)
      case UInt8(ascii: "t"): units.append(9)
      case UInt8(ascii: "r"): units.append(13)
      case UInt8(ascii: "b"): units.append(8)
      case UInt8(ascii: "f"): units.append(12)
      case UInt8(ascii: "u"):
        guard let code = UInt16(String(decoding: rest.prefix(4), as: UTF16.self), radix: 16), rest.count >= 4 else {
          return nil
        }
        units.append(code)
        rest = rest.dropFirst(4)
      default: units.append(UInt16(escape))
      }
    }
    return String(decoding: units, as: UTF16.self)
  }
}
