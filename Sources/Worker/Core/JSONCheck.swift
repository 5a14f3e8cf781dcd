// Whether a room's readable state is JSON: what goes into an answer unquoted must be.

package struct JSONCheck {
  private static let depthMax = 64
  private let bytes: [UInt8]
  private var i = 0

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Never traps, whatever the bytes are.
  package static func isJSON(_ bytes: [UInt8]) -> Bool {
    guard String(validating: bytes, as: UTF8.self) != nil else { return false }
    var check = JSONCheck(bytes)
    guard check.value(depth: 0) else { return false }
    check.skipSpace()
    return check.i == bytes.count
  }

  private mutating func skipSpace() {
    while i < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[i]) { i += 1 }
  }
  private mutating func take(_ byte: UInt8) -> Bool {
    guard i < bytes.count, bytes[i] == byte else { return false }
    i += 1
    return true
  }
  private mutating func take(_ word: StaticString) -> Bool {
    let word = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    guard bytes.count - i >= word.count, bytes[i..<i + word.count].elementsEqual(word) else { return false }
    i += word.count
    return true
  }

  private mutating func value(depth: Int) -> Bool {
    skipSpace()
    guard i < bytes.count, depth < Self.depthMax else { return false }
    switch bytes[i] {
    case UInt8(ascii: "{"): return list(UInt8(ascii: "}"), depth: depth, hasKeys: true)
    case UInt8(ascii: "["): return list(UInt8(ascii: "]"), depth: depth, hasKeys: false)
    case UInt8(ascii: "\""): return text()
    case UInt8(ascii: "t"): return take("true")
    case UInt8(ascii: "f"): return take("false")
    case UInt8(ascii: "n"): return take("null")
    default: return number()
    }
  }
  private mutating func list(_ end: UInt8, depth: Int, hasKeys: Bool) -> Bool {
    i += 1
    skipSpace()
    if take(end) { return true }
    while true {
      if hasKeys {
        skipSpace()
        guard text() else { return false }
        skipSpace()
        guard take(UInt8(ascii: ":")) else { return false }
      }
      guard value(depth: depth + 1) else { return false }
      skipSpace()
      if take(end) { return true }
      guard take(UInt8(ascii: ",")) else { return false }
    }
  }
  private mutating func text() -> Bool {
    guard take(UInt8(ascii: "\"")) else { return false }
    while i < bytes.count {
      let byte = bytes[i]
      i += 1
      if byte == UInt8(ascii: "\"") { return true }
      if byte < 0x20 { return false }
      if byte == UInt8(ascii: "\\"), !escape() { return false }
    }
    return false
  }
  private mutating func escape() -> Bool {
    guard i < bytes.count else { return false }
    let byte = bytes[i]
    i += 1
    guard byte == UInt8(ascii: "u") else { return "\"\\/bfnrt".utf8.contains(byte) }
    guard bytes.count - i >= 4 else { return false }
    let isHex = bytes[i..<i + 4].allSatisfy { "0123456789abcdefABCDEF".utf8.contains($0) }
    i += 4
    return isHex
  }
  private mutating func digits() -> Bool {
    let start = i
    while i < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[i]) { i += 1 }
    return i > start
  }
  private mutating func number() -> Bool {
    _ = take(UInt8(ascii: "-"))
    if !take(UInt8(ascii: "0")), !digits() { return false }
    if take(UInt8(ascii: ".")), !digits() { return false }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      return digits()
    }
    return true
  }
}
