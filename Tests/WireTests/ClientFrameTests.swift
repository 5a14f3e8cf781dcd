// The hand-written encoders say exactly what the generated code would say.
import ClientMessages
import Core
import Foundation
import SwiftProtobuf
import Testing
import Wire

struct ClientFrameTests {
  static func decode(_ encode: (inout [UInt8]) -> Void) throws -> Oneup_V1_ServerFrame {
    var bytes: [UInt8] = [1, 2, 3]  // Something else waits before it.
    encode(&bytes)
    return try Oneup_V1_ServerFrame(serializedBytes: Array(bytes[3...]))
  }
  static let numbers: [UInt64] = [0, 1, 127, 128, 16_383, 16_384, 1 << 35, .max]
  static let sizes = [0, 1, 100, 127, 128, 5_000, 70_000]

  @Test(arguments: numbers, sizes) func outputs(_ number: UInt64, _ size: Int) throws {
    let payload = [UInt8](repeating: 7, count: size)
    for withVerdict in [false, true] {
      let frame = try Self.decode { out in
        if withVerdict {
          payload.withUnsafeBytes { bytes in
            encodeOutputFrame(
              into: &out, seq: OutSeq(number), payload: payload,
              verdict: InputVerdict(seq: InputSeq(number), kind: .rejected, reply: bytes))
          }
        } else {
          encodeOutputFrame(into: &out, seq: OutSeq(number), payload: payload)
        }
      }
      #expect(frame.output.seq == number)
      #expect(frame.output.payload == Data(payload))
      #expect(frame.output.hasResult == withVerdict)
      #expect(frame.output.result.seq == (withVerdict ? number : 0))
      #expect(frame.output.result.verdict == (withVerdict ? .rejected : .applied))
      #expect(frame.output.result.reply == (withVerdict ? Data(payload) : Data()))
    }
  }

  @Test(arguments: sizes) func recipientsFieldsArePatched(_ size: Int) throws {
    var output: [UInt8] = []
    encodeOutputFrame(into: &output, seq: OutSeq(9), payload: [UInt8](repeating: 7, count: size))
    let at = try #require(output.withUnsafeBytes { ClientFramePatch.joinIDOffset(in: $0) })
    let prevAt = try #require(output.withUnsafeBytes { ClientFramePatch.prevOffset(in: $0) })
    output.patch(UInt32(0x0102_0304), at: at)
    output.patch(UInt64.max - 1, at: prevAt)
    let decoded = try Oneup_V1_ServerFrame(serializedBytes: output).output
    #expect(decoded.joinID == 0x0102_0304)
    #expect(decoded.prev == UInt64.max - 1)
    #expect(decoded.seq == 9)
    var state: [UInt8] = []
    encodeStateFrame(
      into: &state, timeline: Timeline(5), asOf: OutSeq(300), payload: [UInt8](repeating: 7, count: size))
    let stateAt = try #require(state.withUnsafeBytes { ClientFramePatch.joinIDOffset(in: $0) })
    state.patch(UInt32(77), at: stateAt)
    let decodedState = try Oneup_V1_ServerFrame(serializedBytes: state).state
    #expect(decodedState.joinID == 77)
    #expect(decodedState.timeline == 5)
    #expect(decodedState.asOf == 300)
    #expect(decodedState.payload.count == size)
  }

  @Test(arguments: numbers) func answers(_ number: UInt64) throws {
    let small = UInt32(truncatingIfNeeded: number)
    let (joinID, seq) = (JoinID(small), InputSeq(number))
    #expect(try Self.decode { encodeAckFrame(into: &$0, joinID, seq) }.ack.seq == number)
    #expect(try Self.decode { encodeAckFrame(into: &$0, joinID, seq) }.ack.joinID == small)
    #expect(try Self.decode { encodeExpectedFrame(into: &$0, joinID, seq) }.expected.seq == number)
    let busy = try Self.decode { encodeBusyFrame(into: &$0, joinID, seq, retryMilliseconds: small, reason: "full") }
      .busy
    #expect(busy.joinID == small && busy.seq == number && busy.retryAfterMs == small && busy.reason == "full")
    let gone = try Self.decode { encodeGoneFrame(into: &$0, joinID, last: seq, known: true, reason: "left") }.gone
    #expect(gone.joinID == small && gone.last == number && gone.known && gone.reason == "left")
    let text = [UInt8](repeating: 65, count: 200)
    let error = try Self.decode {
      encodeErrorFrame(into: &$0, .replaced, text: text, retryMilliseconds: small, joinID: joinID, closing: true)
    }.error
    #expect(error.code == .replaced && error.text.utf8.count == 200 && error.closing && error.joinID == small)
    #expect(error.retryAfterMs == small)
    let notice = try Self.decode { encodeNoticeFrame(into: &$0, joinID, kind: 3, text: text) }.notice
    #expect(notice.kind == .recovered && notice.joinID == small && notice.text.utf8.count == 200)
    let pong = try Self.decode { encodePongFrame(into: &$0, time: number, serverMicroseconds: 12) }.pong
    #expect(pong.time == number && pong.serverTimeUs == 12)
    let attached = try Self.decode { out in
      text.withUnsafeBytes {
        encodeAttachedFrame(
          into: &out, joinID,
          LinkToGateway.Attachment(
            route: Route(0), room: RoomID(number), slot: Slot(small), nextSeq: seq, timeline: Timeline(number),
            upTo: OutSeq(number), mark: OutSeq(0), module: $0))
      }
    }.attached
    #expect(attached.joinID == small && attached.room == number && attached.slot == small && attached.nextSeq == number)
    #expect(attached.timeline == number && attached.upTo == number && attached.module.utf8.count == 200)
    let welcome = try Self.decode { out in
      text.withUnsafeBytes {
        encodeWelcomeFrame(
          into: &out,
          WelcomeFrame(session: SessionID(number), resume: $0, resumed: true, graceSeconds: 30, frameBytesMax: small))
      }
    }.welcome
    #expect(welcome.session == number && welcome.resume.count == 200 && welcome.resumed && welcome.graceSeconds == 30)
    #expect(welcome.frameBytesMax == small)
  }

  /// The reader for the simulator and the generated code agree on what the encoders write.
  @Test func theReaderAgrees() throws {
    var out: [UInt8] = []
    let reply = Array("ok".utf8)
    reply.withUnsafeBytes {
      encodeOutputFrame(
        into: &out, seq: OutSeq(4), payload: Array("p".utf8),
        verdict: InputVerdict(seq: InputSeq(2), kind: .refused, reply: $0, reason: $0))
    }
    let frame = try out.withUnsafeBytes { try ServerFrame($0) }
    let verdict = ServerFrame.Verdict(seq: InputSeq(2), kind: 1, reply: reply, reason: "ok")
    #expect(frame == .output(JoinID(0), OutSeq(4), prev: OutSeq(0), payload: Array("p".utf8), verdict: verdict))
    for cut in 0..<out.count {
      #expect(throws: DecodingError.self) { try out[..<cut].withUnsafeBytes { try ServerFrame($0) } }
    }
  }
}
