// Reads what the server sends, without the generated code: for the simulator and for tests of the gateway, which link
// no protobuf library. Strict: exactly what the encoders of this target write, each field at most once, unknown ones
// are errors.
package import Core

package enum ServerFrame: Hashable, Sendable {
  case welcome(session: SessionID, resume: [UInt8], resumed: Bool, graceSeconds: UInt32)
  case attached(
    JoinID, room: RoomID, slot: Slot, nextSeq: InputSeq, timeline: Timeline, upTo: OutSeq, module: String)
  /// `seq` 0: unreliable.
  case output(JoinID, OutSeq, prev: OutSeq, payload: [UInt8], verdict: Verdict?)
  case state(JoinID, Timeline, asOf: OutSeq, payload: [UInt8])
  case ack(JoinID, InputSeq)
  case expected(JoinID, InputSeq)
  case busy(JoinID, InputSeq, retryMilliseconds: UInt32, reason: String)
  case gone(JoinID, last: InputSeq, known: Bool, reason: String)
  /// `code`: of `ClientErrorCode`, which an older reader may not know.
  case error(code: UInt8, JoinID, retryMilliseconds: UInt32, closing: Bool, text: String)
  case notice(JoinID, kind: UInt8, text: String)
  case pong(time: UInt64, serverMicroseconds: UInt64)

  package struct Verdict: Hashable, Sendable {
    package var seq: InputSeq
    /// Of `InputVerdict.Kind`.
    package var kind: UInt8
    package var reply: [UInt8]
    package var reason: String
    package init(seq: InputSeq, kind: UInt8, reply: [UInt8], reason: String) {
      self.seq = seq
      self.kind = kind
      self.reply = reply
      self.reason = reason
    }
  }

  /// One frame, without its length.
  package init(_ frame: UnsafeRawBufferPointer) throws(DecodingError) {
    let outer = try Fields(frame)
    guard outer.tags.count == 1, outer.tags[0] & 7 == Protobuf.WireType.bytes.rawValue else {
      throw DecodingError("not one message of a ServerFrame")
    }
    let f = try Fields(outer.bytes(outer.tags[0] >> 3))
    switch outer.tags[0] >> 3 {
    case 1:
      self = .welcome(
        session: SessionID(f.number(1)), resume: f.blob(2), resumed: f.number(3) != 0, graceSeconds: f.small(4))
    case 2:
      self = .attached(
        JoinID(f.small(1)), room: RoomID(f.number(2)), slot: Slot(f.small(3)), nextSeq: InputSeq(f.number(4)),
        timeline: Timeline(f.number(5)), upTo: OutSeq(f.number(6)), module: f.text(7))
    case 3:
      self = .output(
        JoinID(f.small(1)), OutSeq(f.number(2)), prev: OutSeq(f.number(15)), payload: f.blob(3),
        verdict: try f.has(4) ? Verdict(Fields(f.bytes(4))) : nil)
    case 4:
      self = .state(JoinID(f.small(1)), Timeline(f.number(2)), asOf: OutSeq(f.number(3)), payload: f.blob(4))
    case 5: self = .ack(JoinID(f.small(1)), InputSeq(f.number(2)))
    case 6: self = .expected(JoinID(f.small(1)), InputSeq(f.number(2)))
    case 7:
      self = .busy(JoinID(f.small(1)), InputSeq(f.number(2)), retryMilliseconds: f.small(3), reason: f.text(4))
    case 8: self = .gone(JoinID(f.small(1)), last: InputSeq(f.number(2)), known: f.number(3) != 0, reason: f.text(4))
    case 9:
      self = .error(
        code: UInt8(truncatingIfNeeded: f.number(1)), JoinID(f.small(4)), retryMilliseconds: f.small(3),
        closing: f.number(5) != 0, text: f.text(2))
    case 10: self = .notice(JoinID(f.small(1)), kind: UInt8(truncatingIfNeeded: f.number(2)), text: f.text(3))
    case 11: self = .pong(time: f.number(1), serverMicroseconds: f.number(2))
    default: throw DecodingError("a ServerFrame of an unknown kind")
    }
  }

  /// Frames behind their 4-byte big-endian lengths, as the gateway hands them out.
  package static func all(in stream: UnsafeRawBufferPointer) throws(DecodingError) -> [ServerFrame] {
    var reader = ByteReader(stream)
    var frames: [ServerFrame] = []
    while !reader.isAtEnd {
      let length: UInt32 = try reader.take()
      frames.append(try ServerFrame(try reader.take(bytes: Int(length.byteSwapped))))
    }
    return frames
  }
}

extension ServerFrame.Verdict {
  fileprivate init(_ f: Fields) {
    self.init(
      seq: InputSeq(f.number(1)), kind: UInt8(truncatingIfNeeded: f.number(2)), reply: f.blob(3), reason: f.text(4))
  }
}

/// The fields of one message; valid only while its bytes are.
private struct Fields {
  var tags: [UInt8] = []
  private var numbers = [UInt64](repeating: 0, count: 16)
  private var blobs = [UnsafeRawBufferPointer](repeating: UnsafeRawBufferPointer(start: nil, count: 0), count: 16)

  init(_ bytes: UnsafeRawBufferPointer) throws(DecodingError) {
    var i = 0
    while i < bytes.count {
      let tag = bytes[i]
      let field = tag >> 3
      i += 1
      guard tag < 0x80, field > 0, !has(field) else { throw DecodingError("field \(field) is unknown or comes twice") }
      tags.append(tag)
      var reader = ByteReader(bytes, at: i)
      switch tag & 7 {
      case Protobuf.WireType.varint.rawValue:
        guard let value = ClientScanner.varint(bytes, &reader.offset) else {
          throw DecodingError("a varint does not end")
        }
        numbers[Int(field)] = value
      case Protobuf.WireType.bytes.rawValue:
        guard let count = ClientScanner.varint(bytes, &reader.offset), count <= UInt64(reader.left) else {
          throw DecodingError("field \(field) is longer than its message")
        }
        blobs[Int(field)] = try reader.take(bytes: Int(count))
      case Protobuf.WireType.fixed64.rawValue: numbers[Int(field)] = try reader.take(UInt64.self)
      case Protobuf.WireType.fixed32.rawValue: numbers[Int(field)] = UInt64(try reader.take(UInt32.self))
      default: throw DecodingError("field \(field) has an unknown wire type")
      }
      i = reader.offset
    }
  }

  func has(_ field: UInt8) -> Bool { tags.contains { $0 >> 3 == field } }
  func number(_ field: UInt8) -> UInt64 { numbers[Int(field)] }
  func small(_ field: UInt8) -> UInt32 { UInt32(truncatingIfNeeded: number(field)) }
  func bytes(_ field: UInt8) -> UnsafeRawBufferPointer { blobs[Int(field)] }
  func blob(_ field: UInt8) -> [UInt8] { Array(bytes(field)) }
  func text(_ field: UInt8) -> String { String(decoding: bytes(field), as: UTF8.self) }
}
