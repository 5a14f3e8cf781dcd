// The client's frames, written and read by hand, so that the generator costs as little with the product as with the
// echo server: protobuf behind a 4-byte big-endian length.

enum Frames {
  static let payloadBytes = 64
  static let ordinary: UInt8 = 0x2A
  /// The longest input frame of a generator: length, tags, numbers, payload.
  static let inputBytesMax = 4 + 2 + 6 + 11 + 2 + payloadBytes

  static func hello(name: String) -> [UInt8] {
    var body: [UInt8] = []
    body.field(1, 1)
    body.field(2, Array(name.utf8))
    return framed(1, body)
  }

  static func join(_ joinID: UInt32, module: String, key: String) -> [UInt8] {
    var body: [UInt8] = []
    body.field(1, UInt64(joinID))
    body.field(2, Array(module.utf8))
    body.field(3, Array(key.utf8))
    return framed(2, body)
  }

  private static func framed(_ kind: UInt8, _ body: [UInt8]) -> [UInt8] {
    var message: [UInt8] = [kind << 3 | 2]
    message.varint(UInt64(body.count))
    message += body
    let length = UInt32(message.count).bigEndian
    return withUnsafeBytes(of: length) { Array($0) } + message
  }

  /// Writes one numbered input of 64 bytes to `out`, which has room for `inputBytesMax`; returns its length. `first`: its
  /// first byte, by which the room is told to fail.
  static func putInput(_ joinID: UInt32, _ seq: UInt64, first: UInt8, to out: UnsafeMutableRawPointer) -> Int {
    let body = 1 + varintBytes(UInt64(joinID)) + 1 + varintBytes(seq) + 2 + payloadBytes
    let frame = 1 + varintBytes(UInt64(body)) + body
    out.storeBytes(of: UInt32(frame).bigEndian, as: UInt32.self)
    var i = 4
    func put(_ byte: UInt8) {
      out.storeBytes(of: byte, toByteOffset: i, as: UInt8.self)
      i += 1
    }
    func putVarint(_ value: UInt64) {
      var rest = value
      while rest >= 0x80 {
        put(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
      }
      put(UInt8(rest))
    }
    put(4 << 3 | 2)
    putVarint(UInt64(body))
    put(1 << 3)
    putVarint(UInt64(joinID))
    put(2 << 3)
    putVarint(seq)
    put(3 << 3 | 2)
    put(UInt8(payloadBytes))
    (out + i).initializeMemory(as: UInt8.self, repeating: ordinary, count: payloadBytes)
    (out + i).storeBytes(of: first, as: UInt8.self)
    return i + payloadBytes
  }

  private static func varintBytes(_ value: UInt64) -> Int { (70 - (value | 1).leadingZeroBitCount) / 7 }
}

/// The numbers in one message of the server; byte fields are skipped. A malformed message reads as what came before
/// the fault: the run then ends without its answers, which is reported.
struct Fields {
  private var rest: UnsafeRawBufferPointer
  init(_ message: UnsafeRawBufferPointer) { rest = message }

  /// The next field with a number, which is 0 for bytes.
  mutating func next() -> (field: UInt8, value: UInt64)? {
    guard let tag = byte() else { return nil }
    switch tag & 7 {
    case 0: return varint().map { (tag >> 3, $0) }
    case 1: return fixed(8).map { (tag >> 3, $0) }
    case 2:
      guard let count = varint(), count <= UInt64(rest.count) else { return nil }
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(Int(count)))
      return (tag >> 3, 0)
    case 5: return fixed(4).map { (tag >> 3, $0) }
    default: return nil
    }
  }

  /// What is left: the message itself, once its tag and length were taken.
  mutating func message() -> (kind: UInt8, body: Fields)? {
    guard let tag = byte(), tag & 7 == 2, let count = varint(), count == UInt64(rest.count) else { return nil }
    return (tag >> 3, self)
  }

  private mutating func byte() -> UInt8? {
    guard let first = rest.first else { return nil }
    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst())
    return first
  }
  private mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while let next = byte(), shift < 64 {
      value |= UInt64(next & 0x7F) << shift
      if next < 0x80 { return value }
      shift += 7
    }
    return nil
  }
  private mutating func fixed(_ bytes: Int) -> UInt64? {
    var value: UInt64 = 0
    for shift in 0..<bytes {
      guard let next = byte() else { return nil }
      value |= UInt64(next) << UInt64(8 * shift)
    }
    return value
  }
}

extension [UInt8] {
  fileprivate mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }
  fileprivate mutating func field(_ number: UInt8, _ value: UInt64) {
    append(number << 3)
    varint(value)
  }
  fileprivate mutating func field(_ number: UInt8, _ bytes: [UInt8]) {
    append(number << 3 | 2)
    varint(UInt64(bytes.count))
    append(contentsOf: bytes)
  }
}
