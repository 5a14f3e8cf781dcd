// The server's frames, read by the drill's own decoder: cheap for the frequent ones, and no code of the server's.
package import ClientCore
import Core

/// A frame that is not what the protocol says.
package struct FrameError: Error, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
}

/// Walks the fields of one protobuf message in a buffer that it borrows.
package struct FieldReader {
  private var bytes: UnsafeRawBufferPointer
  private var at = 0
  /// The field last read: its number, and its value as a number or as bytes.
  package private(set) var field: UInt64 = 0
  package private(set) var number: UInt64 = 0
  package private(set) var content = UnsafeRawBufferPointer(start: nil, count: 0)

  package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Reads the next field; false at the end.
  package mutating func next() throws(FrameError) -> Bool {
    if at == bytes.count { return false }
    let tag = try varint()
    field = tag >> 3
    number = 0
    content = UnsafeRawBufferPointer(start: nil, count: 0)
    switch tag & 7 {
    case 0: number = try varint()
    case 1: number = UInt64(littleEndian: try fixed())
    case 2:
      let count = try varint()
      guard count <= UInt64(bytes.count - at) else { throw FrameError("a field is longer than its frame") }
      content = UnsafeRawBufferPointer(rebasing: bytes[at..<at + Int(count)])
      at += Int(count)
    case 5:
      let value: UInt32 = try fixed()
      number = UInt64(UInt32(littleEndian: value))
    default: throw FrameError("a field of wire type \(tag & 7)")
    }
    return true
  }

  private mutating func varint() throws(FrameError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while at < bytes.count, shift < 64 {
      let byte = bytes[at]
      at += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw FrameError("a number without end")
  }
  private mutating func fixed<T: FixedWidthInteger>() throws(FrameError) -> T {
    guard bytes.count - at >= MemoryLayout<T>.size else { throw FrameError("a number cut off") }
    defer { at += MemoryLayout<T>.size }
    return bytes.loadUnaligned(fromByteOffset: at, as: T.self)
  }
}

/// What the oracle and the client need of a frame. `payload` is borrowed from the frame, and not copied into `message`
/// for outputs and states: only replies are.
package struct ServerFrame {
  package var message: ServerMessage
  package var payload = UnsafeRawBufferPointer(start: nil, count: 0)

  /// Nil: a kind of frame that this version does not know.
  package static func read(_ bytes: UnsafeRawBufferPointer) throws(FrameError) -> ServerFrame? {
    var frame = FieldReader(bytes)
    guard try frame.next() else { return nil }
    let body = frame.content
    switch frame.field {
    case 3: return try output(body)
    case 5:
      let (id, seq, _, _) = try plain(body)
      return ServerFrame(message: .ack(id, InputSeq(seq)))
    case 1: return ServerFrame(message: try welcome(body))
    case 2: return ServerFrame(message: try attached(body))
    case 4: return try state(body)
    case 6:
      let (id, seq, _, _) = try plain(body)
      return ServerFrame(message: .expected(id, InputSeq(seq)))
    case 7:
      let (id, seq, third, text) = try plain(body)
      return ServerFrame(
        message: .busy(id, InputSeq(seq), retryMilliseconds: UInt32(truncatingIfNeeded: third), reason: text))
    case 8:
      let (id, seq, third, text) = try plain(body)
      return ServerFrame(message: .gone(id, last: InputSeq(seq), known: third != 0, reason: text))
    case 9: return ServerFrame(message: .error(try error(body)))
    case 10: return ServerFrame(message: try notice(body))
    default: return nil
    }
  }

  /// `{ join_id = 1; seq = 2; <a number> = 3; <a text> = 4 }`: Ack, Expected, Busy and Gone.
  private static func plain(
    _ body: UnsafeRawBufferPointer
  ) throws(FrameError) -> (JoinID, UInt64, UInt64, String) {
    var r = FieldReader(body)
    var values: (UInt64, UInt64, UInt64) = (0, 0, 0)
    var text = ""
    while try r.next() {
      switch r.field {
      case 1: values.0 = r.number
      case 2: values.1 = r.number
      case 3: values.2 = r.number
      case 4: text = String(decoding: r.content, as: UTF8.self)
      default: break
      }
    }
    return (JoinID(UInt32(truncatingIfNeeded: values.0)), values.1, values.2, text)
  }

  private static func output(_ body: UnsafeRawBufferPointer) throws(FrameError) -> ServerFrame {
    var r = FieldReader(body)
    var o = ServerMessage.Output(joinID: JoinID(0), seq: OutSeq(0), payload: [], prev: OutSeq(0))
    var payload = UnsafeRawBufferPointer(start: nil, count: 0)
    while try r.next() {
      switch r.field {
      case 1: o.joinID = JoinID(UInt32(truncatingIfNeeded: r.number))
      case 2: o.seq = OutSeq(r.number)
      case 3: payload = r.content
      case 4: o.result = try verdict(r.content)
      case 15: o.prev = OutSeq(r.number)
      default: break
      }
    }
    return ServerFrame(message: .output(o), payload: payload)
  }

  private static func verdict(_ body: UnsafeRawBufferPointer) throws(FrameError) -> Verdict {
    var r = FieldReader(body)
    var v = Verdict(seq: InputSeq(0), kind: .applied)
    while try r.next() {
      switch r.field {
      case 1: v.seq = InputSeq(r.number)
      case 2:
        guard let kind = UInt8(exactly: r.number).flatMap(Verdict.Kind.init) else {
          throw FrameError("an unknown verdict \(r.number)")
        }
        v.kind = kind
      case 3: v.reply = Array(r.content)
      case 4: v.reason = String(decoding: r.content, as: UTF8.self)
      default: break
      }
    }
    return v
  }

  private static func state(_ body: UnsafeRawBufferPointer) throws(FrameError) -> ServerFrame {
    var r = FieldReader(body)
    var s = ServerMessage.State(joinID: JoinID(0), timeline: Timeline(0), asOf: OutSeq(0), payload: [])
    var payload = UnsafeRawBufferPointer(start: nil, count: 0)
    while try r.next() {
      switch r.field {
      case 1: s.joinID = JoinID(UInt32(truncatingIfNeeded: r.number))
      case 2: s.timeline = Timeline(r.number)
      case 3: s.asOf = OutSeq(r.number)
      case 4: payload = r.content
      default: break
      }
    }
    return ServerFrame(message: .state(s), payload: payload)
  }

  private static func welcome(_ body: UnsafeRawBufferPointer) throws(FrameError) -> ServerMessage {
    var r = FieldReader(body)
    var w = ServerMessage.Welcome(session: SessionID(0), resume: [], resumed: false, graceSeconds: 0)
    while try r.next() {
      switch r.field {
      case 1: w.session = SessionID(r.number)
      case 2: w.resume = Array(r.content)
      case 3: w.resumed = r.number != 0
      case 4: w.graceSeconds = UInt32(truncatingIfNeeded: r.number)
      default: break
      }
    }
    return .welcome(w)
  }

  private static func attached(_ body: UnsafeRawBufferPointer) throws(FrameError) -> ServerMessage {
    var r = FieldReader(body)
    var a = ServerMessage.Attached(
      joinID: JoinID(0), room: RoomID(0), slot: Slot(0), nextSeq: InputSeq(0), timeline: Timeline(0), upTo: OutSeq(0),
      module: "")
    while try r.next() {
      switch r.field {
      case 1: a.joinID = JoinID(UInt32(truncatingIfNeeded: r.number))
      case 2: a.room = RoomID(r.number)
      case 3: a.slot = Slot(UInt32(truncatingIfNeeded: r.number))
      case 4: a.nextSeq = InputSeq(r.number)
      case 5: a.timeline = Timeline(r.number)
      case 6: a.upTo = OutSeq(r.number)
      case 7: a.module = String(decoding: r.content, as: UTF8.self)
      default: break
      }
    }
    return .attached(a)
  }

  private static func error(_ body: UnsafeRawBufferPointer) throws(FrameError) -> ServerMessage.ServerError {
    var r = FieldReader(body)
    var e = ServerMessage.ServerError(
      code: .unspecified, text: "", retryMilliseconds: 0, joinID: JoinID(0), closing: false)
    while try r.next() {
      switch r.field {
      case 1: e.code = UInt8(exactly: r.number).flatMap(ErrorCode.init) ?? .unspecified
      case 2: e.text = String(decoding: r.content, as: UTF8.self)
      case 3: e.retryMilliseconds = UInt32(truncatingIfNeeded: r.number)
      case 4: e.joinID = JoinID(UInt32(truncatingIfNeeded: r.number))
      case 5: e.closing = r.number != 0
      default: break
      }
    }
    return e
  }

  private static func notice(_ body: UnsafeRawBufferPointer) throws(FrameError) -> ServerMessage {
    var r = FieldReader(body)
    var (id, kind, text) = (JoinID(0), UInt32(0), "")
    while try r.next() {
      switch r.field {
      case 1: id = JoinID(UInt32(truncatingIfNeeded: r.number))
      case 2: kind = UInt32(truncatingIfNeeded: r.number)
      case 3: text = String(decoding: r.content, as: UTF8.self)
      default: break
      }
    }
    return .notice(id, kind: kind, text: text)
  }
}
