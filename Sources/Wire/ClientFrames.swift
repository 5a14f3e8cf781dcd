// Hand encoders of the `ServerFrame`s of proto/oneup/v1/client.proto: finished protobuf bytes, without the TCP length.
// The worker writes `Output` and `State` once for all recipients; the gateway patches what differs by recipient
// (`ClientFramePatch`) while it copies. Proto3 rules: a field with its default value is left out, except those that
// are patched. Every frame is compared with the generated code in WireTests.
package import Core

/// What a room or the host says about one input, beyond "applied".
package struct InputVerdict {
  package enum Kind: UInt8, Sendable {
    case applied = 0
    case refused = 1
    case quarantined = 2
    case rejected = 3
  }
  /// 0: about a fire-and-forget input.
  package var seq: InputSeq
  package var kind: Kind
  package var reply: UnsafeRawBufferPointer
  package var reason: UnsafeRawBufferPointer
  /// The buffers need to live only until the frame is encoded. `reason` must be UTF-8.
  package init(
    seq: InputSeq, kind: Kind, reply: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0),
    reason: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
  ) {
    self.seq = seq
    self.kind = kind
    self.reply = reply
    self.reason = reason
  }
}

/// Appends `ServerFrame{Output}`: join_id first and prev last, both zero and to be patched. `seq` 0: unreliable.
package func encodeOutputFrame(into out: inout [UInt8], seq: OutSeq, payload: UnsafeRawBufferPointer) {
  let fields = ClientFramePatch.joinIDBytes + Protobuf.varintField(seq.rawValue) + Protobuf.bytesField(payload.count)
  let body = fields + ClientFramePatch.prevBytes
  let head = 1 + Protobuf.varint(UInt64(body))
  // The way of every message: as `putOutput` below writes it, without growing for each field.
  out.append(count: head + body) { bytes in
    bytes.put(Protobuf.tag(3, .bytes), at: 0)
    var at = bytes.putVarint(UInt64(body), at: 1)
    bytes.put(Protobuf.tag(1, .fixed32), at: at)
    bytes.put(UInt32(0), at: at + 1)
    at += ClientFramePatch.joinIDBytes
    if seq.rawValue != 0 {
      bytes.put(Protobuf.tag(2, .varint), at: at)
      at = bytes.putVarint(seq.rawValue, at: at + 1)
    }
    if let base = payload.baseAddress, payload.count > 0 {
      bytes.put(Protobuf.tag(3, .bytes), at: at)
      at = bytes.putVarint(UInt64(payload.count), at: at + 1)
      (bytes + at).copyMemory(from: base, byteCount: payload.count)
      at += payload.count
    }
    bytes.put(Protobuf.tag(15, .fixed64), at: at)
    bytes.put(UInt64(0), at: at + 1)
  }
}

package func encodeOutputFrame(into out: inout [UInt8], seq: OutSeq, payload: [UInt8]) {
  payload.withUnsafeBytes { encodeOutputFrame(into: &out, seq: seq, payload: $0) }
}

/// The same with a verdict for its only recipient; the payload may be empty.
package func encodeOutputFrame(
  into out: inout [UInt8], seq: OutSeq, payload: some Collection<UInt8>, verdict: InputVerdict
) {
  out.putOutput(seq: seq, payload: payload, verdict: verdict)
}

/// Appends `ServerFrame{State}` with join_id first, zero and to be patched.
package func encodeStateFrame(
  into out: inout [UInt8], timeline: Timeline, asOf: OutSeq, payload: some Collection<UInt8>
) {
  let body =
    ClientFramePatch.joinIDBytes + 9 + Protobuf.varintField(asOf.rawValue) + Protobuf.bytesField(payload.count)
  out.append(Protobuf.tag(4, .bytes))
  out.putVarint(UInt64(body))
  out.append(Protobuf.tag(1, .fixed32))
  out.put(UInt32(0))
  out.append(Protobuf.tag(2, .fixed64))
  out.put(timeline)
  out.putVarintField(3, asOf.rawValue)
  out.putBytesField(4, payload)
}

/// Where the per-recipient fields of a finished `Output` or `State` frame are.
package enum ClientFramePatch {
  static let joinIDBytes = 5
  static let prevBytes = 9
  /// The shortest frame that can be patched: tag, one byte of length, join_id.
  package static let bytesMin = 7

  /// The offset of join_id's four bytes, or nil where `frame` is no finished `Output` or `State`.
  package static func joinIDOffset(in frame: UnsafeRawBufferPointer) -> Int? {
    guard frame.count >= bytesMin, frame[0] == Protobuf.tag(3, .bytes) || frame[0] == Protobuf.tag(4, .bytes) else {
      return nil
    }
    var i = 1
    while frame[i] & 0x80 != 0 {
      i += 1
      guard i < 6, i + 5 < frame.count else { return nil }
    }
    guard frame[i + 1] == Protobuf.tag(1, .fixed32), frame.count >= i + 6 else { return nil }
    return i + 2
  }

  /// The offset of prev's eight bytes at the end, or nil where there are none.
  package static func prevOffset(in frame: UnsafeRawBufferPointer) -> Int? {
    guard frame.count >= bytesMin + prevBytes, frame[frame.count - prevBytes] == Protobuf.tag(15, .fixed64) else {
      return nil
    }
    return frame.count - 8
  }
}

extension [UInt8] {
  fileprivate mutating func putOutput(seq: OutSeq, payload: some Collection<UInt8>, verdict: InputVerdict) {
    let result = resultBytes(verdict)
    let body =
      ClientFramePatch.joinIDBytes + Protobuf.varintField(seq.rawValue) + Protobuf.bytesField(payload.count)
      + 1 + Protobuf.varint(UInt64(result)) + result + ClientFramePatch.prevBytes
    append(Protobuf.tag(3, .bytes))
    putVarint(UInt64(body))
    append(Protobuf.tag(1, .fixed32))
    put(UInt32(0))
    putVarintField(2, seq.rawValue)
    putBytesField(3, payload)
    append(Protobuf.tag(4, .bytes))
    putVarint(UInt64(result))
    putVarintField(1, verdict.seq.rawValue)
    putVarintField(2, UInt64(verdict.kind.rawValue))
    putBytesField(3, verdict.reply)
    putBytesField(4, verdict.reason)
    append(Protobuf.tag(15, .fixed64))
    put(UInt64(0))
  }
}

private func resultBytes(_ verdict: InputVerdict) -> Int {
  Protobuf.varintField(verdict.seq.rawValue) + Protobuf.varintField(UInt64(verdict.kind.rawValue))
    + Protobuf.bytesField(verdict.reply.count) + Protobuf.bytesField(verdict.reason.count)
}
