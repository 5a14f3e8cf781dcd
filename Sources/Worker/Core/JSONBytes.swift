// JSON appended to bytes, for lists that are made between two events: no string is made where none is needed.

extension [UInt8] {
  mutating func add(_ text: StaticString) {
    append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
  mutating func add(_ number: some BinaryInteger) {
    guard number >= 0, let value = UInt64(exactly: number) else {
      append(contentsOf: String(number).utf8)
      return
    }
    var rest = value
    let start = count
    repeat {
      append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    self[start...].reverse()
  }
  mutating func add(_ flag: Bool) { add(flag ? "true" : "false" as StaticString) }
  /// Sixteen digits in quotes.
  mutating func addQuoted(hex value: UInt64) {
    append(UInt8(ascii: "\""))
    for shift in stride(from: UInt64(60), through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: value >> shift) & 15
      append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
    append(UInt8(ascii: "\""))
  }
  /// Text as a JSON string; what is no UTF-8 is repaired.
  mutating func addQuoted(_ text: some Collection<UInt8>) {
    let isPlain = text.allSatisfy {
      $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
    }
    guard isPlain else {
      append(contentsOf: quoted(String(decoding: text, as: UTF8.self)).utf8)
      return
    }
    append(UInt8(ascii: "\""))
    append(contentsOf: text)
    append(UInt8(ascii: "\""))
  }
}
