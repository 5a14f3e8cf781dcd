// Hand encoders of the server frames that the gateway makes itself: answers for one connection. They append finished
// `ServerFrame` bytes, without the TCP length.
package import Core

/// `Error.Code` of the client protocol.
package enum ClientErrorCode: UInt8, Sendable {
  case malformed = 1
  case tooLarge = 2
  case outOfOrder = 3
  case version = 4
  case badToken = 5
  case unknownModule = 6
  case joinRefused = 7
  case notAttached = 8
  case tooMany = 9
  case tooSlow = 10
  case unavailable = 11
  case replaced = 12
}

/// `Notice.Kind` of the client protocol.
package enum ClientNotice: UInt8, Sendable {
  case frozen = 1
  case thawed = 2
  case recovered = 3
  /// Another version of the module runs the room.
  case upgraded = 4
  /// The version before the last one runs the room again.
  case back = 5
}

package struct WelcomeFrame {
  package var session: SessionID
  package var resume: UnsafeRawBufferPointer
  package var resumed: Bool
  package var graceSeconds: UInt32
  package var frameBytesMax: UInt32
  package init(
    session: SessionID, resume: UnsafeRawBufferPointer, resumed: Bool, graceSeconds: UInt32, frameBytesMax: UInt32
  ) {
    self.session = session
    self.resume = resume
    self.resumed = resumed
    self.graceSeconds = graceSeconds
    self.frameBytesMax = frameBytesMax
  }
}

package func encodeWelcomeFrame(into out: inout [UInt8], _ welcome: WelcomeFrame) {
  out.frame(1) { out in
    out.putFixed64Field(1, welcome.session.rawValue)
    out.putBytesField(2, welcome.resume)
    out.putVarintField(3, welcome.resumed ? 1 : 0)
    out.putVarintField(4, UInt64(welcome.graceSeconds))
    out.putVarintField(5, UInt64(welcome.frameBytesMax))
  }
}

/// `module` must be UTF-8.
package func encodeAttachedFrame(into out: inout [UInt8], _ joinID: JoinID, _ a: LinkToGateway.Attachment) {
  out.frame(2) { out in
    out.putVarintField(1, UInt64(joinID.rawValue))
    out.putFixed64Field(2, a.room.rawValue)
    out.putVarintField(3, UInt64(a.slot.rawValue))
    out.putVarintField(4, a.nextSeq.rawValue)
    out.putFixed64Field(5, a.timeline.rawValue)
    out.putVarintField(6, a.upTo.rawValue)
    out.putBytesField(7, a.module)
  }
}

package func encodeAckFrame(into out: inout [UInt8], _ joinID: JoinID, _ seq: InputSeq) {
  out.numbers(5, joinID, seq)
}

package func encodeExpectedFrame(into out: inout [UInt8], _ joinID: JoinID, _ seq: InputSeq) {
  out.numbers(6, joinID, seq)
}

package func encodeBusyFrame(
  into out: inout [UInt8], _ joinID: JoinID, _ seq: InputSeq, retryMilliseconds: UInt32, reason: StaticString
) {
  out.frame(7) { out in
    out.putVarintField(1, UInt64(joinID.rawValue))
    out.putVarintField(2, seq.rawValue)
    out.putVarintField(3, UInt64(retryMilliseconds))
    out.putBytesField(4, UnsafeBufferPointer(start: reason.utf8Start, count: reason.utf8CodeUnitCount))
  }
}

package func encodeGoneFrame(
  into out: inout [UInt8], _ joinID: JoinID, last: InputSeq, known: Bool, reason: StaticString
) {
  encodeGoneFrame(
    into: &out, joinID, last: last, known: known,
    reason: UnsafeBufferPointer(start: reason.utf8Start, count: reason.utf8CodeUnitCount))
}

/// `reason` must be UTF-8.
package func encodeGoneFrame(
  into out: inout [UInt8], _ joinID: JoinID, last: InputSeq, known: Bool, reason: some Collection<UInt8>
) {
  out.frame(8) { out in
    out.putVarintField(1, UInt64(joinID.rawValue))
    out.putVarintField(2, last.rawValue)
    out.putVarintField(3, known ? 1 : 0)
    out.putBytesField(4, reason)
  }
}

/// `text` must be UTF-8. `joinID` 0: about the connection.
package func encodeErrorFrame(
  into out: inout [UInt8], _ code: ClientErrorCode, text: some Collection<UInt8>, retryMilliseconds: UInt32 = 0,
  joinID: JoinID = JoinID(0), closing: Bool
) {
  out.frame(9) { out in
    out.putVarintField(1, UInt64(code.rawValue))
    out.putBytesField(2, text)
    out.putVarintField(3, UInt64(retryMilliseconds))
    out.putVarintField(4, UInt64(joinID.rawValue))
    out.putVarintField(5, closing ? 1 : 0)
  }
}

/// `kind` is passed on as the worker named it; `text` must be UTF-8.
package func encodeNoticeFrame(
  into out: inout [UInt8], _ joinID: JoinID, kind: UInt8, text: some Collection<UInt8>
) {
  out.frame(10) { out in
    out.putVarintField(1, UInt64(joinID.rawValue))
    out.putVarintField(2, UInt64(kind))
    out.putBytesField(3, text)
  }
}

package func encodePongFrame(into out: inout [UInt8], time: UInt64, serverMicroseconds: Int64) {
  out.frame(11) { out in
    out.putFixed64Field(1, time)
    out.putFixed64Field(2, UInt64(bitPattern: serverMicroseconds))
  }
}

extension [UInt8] {
  /// One message field of `ServerFrame`; its length is patched in, moving the body where it needs a second byte.
  fileprivate mutating func frame(_ field: UInt8, _ body: (inout [UInt8]) -> Void) {
    append(Protobuf.tag(field, .bytes))
    let lengthAt = count
    append(0)
    body(&self)
    let length = count - lengthAt - 1
    if length < 0x80 {
      self[lengthAt] = UInt8(length)
    } else {
      var long: [UInt8] = []
      long.putVarint(UInt64(length))
      replaceSubrange(lengthAt..<lengthAt + 1, with: long)
    }
  }
  /// `{ uint32 join_id = 1; uint64 seq = 2; }`: shorter than 128 bytes, so the length is one byte.
  fileprivate mutating func numbers(_ field: UInt8, _ joinID: JoinID, _ seq: InputSeq) {
    append(Protobuf.tag(field, .bytes))
    append(UInt8(Protobuf.varintField(UInt64(joinID.rawValue)) + Protobuf.varintField(seq.rawValue)))
    putVarintField(1, UInt64(joinID.rawValue))
    putVarintField(2, seq.rawValue)
  }
}
