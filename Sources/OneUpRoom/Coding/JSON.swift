// The state for people's eyes: every field by name, hidden ones too.

struct JSONCoder: Coder {
  let out: Buffer
  var isFirst = true
  init(_ out: Buffer) { self.out = out }

  @inline(never)
  mutating func visible<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V) {
    if !isFirst { out.byte(UInt8(ascii: ",")) }
    isFirst = false
    out.quoted(name)
    out.byte(UInt8(ascii: ":"))
    value.json(out)
  }
  @inline(never)
  mutating func hidden<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V) {
    visible(number, name, &value)
  }
  @inline(never)
  mutating func scaled(_ number: UInt32, _ name: StaticString, _ value: inout Float, _ scale: UInt32) {
    visible(number, name, &value)
  }
}

extension Buffer {
  @inline(never) func quoted(_ text: StaticString) {
    byte(UInt8(ascii: "\""))
    self.text(text)
    byte(UInt8(ascii: "\""))
  }
  @inline(never) func quoted(_ text: String) {
    byte(UInt8(ascii: "\""))
    for unit in text.utf8 {
      switch unit {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        byte(UInt8(ascii: "\\"))
        byte(unit)
      case 0..<32:
        self.text("\\u00")
        hexadecimal(unit)
      default: byte(unit)
      }
    }
    byte(UInt8(ascii: "\""))
  }
  @inline(never) func hexadecimal(_ value: UInt8) {
    for digit in [value >> 4, value & 15] {
      byte(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
  }
  @inline(never) func decimal(_ value: UInt64) {
    if value >= 10 { decimal(value / 10) }
    byte(UInt8(ascii: "0") + UInt8(value % 10))
  }
  @inline(never) func decimal(_ value: Int64) {
    if value < 0 { byte(UInt8(ascii: "-")) }
    decimal(value.magnitude)
  }
  /// With at most six decimals, which is what a reader wants; JSON has no word for what is not a number.
  @inline(never) func decimal(_ value: Double) {
    guard value.isFinite else { return text("null") }
    if value < 0 { byte(UInt8(ascii: "-")) }
    var size = abs(value)
    var zeros = 0
    while size >= 1e15 {
      size /= 10
      zeros += 1
    }
    let whole = UInt64(size)
    var millionths = UInt64(((size - Double(whole)) * 1e6).rounded())
    decimal(whole + millionths / 1_000_000)
    millionths %= 1_000_000
    if millionths > 0, zeros == 0 {
      byte(UInt8(ascii: "."))
      var unit: UInt64 = 100_000
      while millionths > 0 {
        byte(UInt8(ascii: "0") + UInt8(millionths / unit))
        millionths %= unit
        unit /= 10
      }
    }
    if zeros > 0 {
      byte(UInt8(ascii: "e"))
      decimal(UInt64(zeros))
    }
  }
}
