// Reads the hot client frame, `ClientFrame{Input}`, straight from a stranger's bytes, without copying. It recognises
// exactly what the generated code writes (each field at most once, ascending); everything else, valid or not, is
// `other` and goes to the generated code, which decides. So it may be stricter than protobuf, never laxer: fuzzed
// against the generated code in GatewayTests.
package import Core

package enum ClientScanner {
  /// The payload is borrowed from the scanned bytes.
  package struct Input {
    package var joinID: JoinID
    package var seq: InputSeq
    package var stamp: UInt64
    package var payload: UnsafeRawBufferPointer
  }

  /// One whole frame (without its length): the input, or nil where the frame is not exactly the hot one.
  package static func scan(_ frame: UnsafeRawBufferPointer) -> Input? {
    var i = 0
    guard frame.count >= 2, frame[0] == Protobuf.tag(4, .bytes) else { return nil }
    i = 1
    guard let length = varint(frame, &i), length == UInt64(frame.count - i) else { return nil }
    var input = Input(
      joinID: JoinID(0), seq: InputSeq(0), stamp: 0, payload: UnsafeRawBufferPointer(start: nil, count: 0))
    var last: UInt8 = 0
    while i < frame.count {
      let tag = frame[i]
      i += 1
      // Ascending tags: the next one must be above the last.
      guard tag > last else { return nil }
      last = tag
      switch tag {
      case Protobuf.tag(1, .varint):
        guard let value = varint(frame, &i), let joinID = UInt32(exactly: value) else { return nil }
        input.joinID = JoinID(joinID)
      case Protobuf.tag(2, .varint):
        guard let value = varint(frame, &i) else { return nil }
        input.seq = InputSeq(value)
      case Protobuf.tag(3, .bytes):
        guard let count = varint(frame, &i), count <= UInt64(frame.count - i) else { return nil }
        input.payload = UnsafeRawBufferPointer(rebasing: frame[i..<i + Int(count)])
        i += Int(count)
      case Protobuf.tag(4, .varint):
        guard let value = varint(frame, &i) else { return nil }
        input.stamp = value
      default: return nil
      }
    }
    return input
  }

  /// A varint of at most ten bytes at `i`, which is moved behind it; nil where it does not end or overflows.
  static func varint(_ bytes: UnsafeRawBufferPointer, _ i: inout Int) -> UInt64? {
    guard i < bytes.count else { return nil }
    let first = bytes[i]
    i += 1
    if first < 0x80 { return UInt64(first) }
    var value = UInt64(first & 0x7f)
    var shift: UInt64 = 7
    while i < bytes.count {
      let byte = bytes[i]
      i += 1
      if shift == 63 { return byte <= 1 ? value | UInt64(byte) << 63 : nil }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    return nil
  }
}
