import Core
import Testing
import Wire

@Suite struct AckScannerTests {
  private func framed(_ encode: (inout [UInt8]) -> Void) -> [UInt8] {
    var frame: [UInt8] = []
    encode(&frame)
    return withUnsafeBytes(of: UInt32(frame.count).bigEndian, Array.init) + frame
  }
  private func acknowledges(_ bytes: [UInt8], _ joinID: UInt32, _ seq: UInt64) -> Bool {
    bytes.withUnsafeBytes { AckScanner.acknowledges($0, JoinID(joinID), InputSeq(seq)) }
  }

  @Test func anAcknowledgementIsFoundAmongOtherFrames() {
    let pong = framed { encodePongFrame(into: &$0, time: 5, serverMicroseconds: 6) }
    let expected = framed { encodeExpectedFrame(into: &$0, JoinID(7), InputSeq(300)) }
    let other = framed { encodeAckFrame(into: &$0, JoinID(8), InputSeq(300)) }
    let ack = framed { encodeAckFrame(into: &$0, JoinID(7), InputSeq(300)) }
    #expect(!acknowledges(pong + expected + other, 7, 300))
    #expect(acknowledges(pong + expected + other + ack, 7, 300))
    // It stands for all before it, and for none behind.
    #expect(acknowledges(ack, 7, 1) && !acknowledges(ack, 7, 301))
  }

  @Test func anyBytesAreRead() {
    var random = RandomState(seed: 3)
    for _ in 0..<20_000 {
      let count = Int.random(in: 0..<40, using: &random)
      var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      if count > 4, Bool.random(using: &random) { bytes.replaceSubrange(0..<4, with: [0, 0, 0, UInt8(count - 4)]) }
      _ = acknowledges(bytes, 1, 1)
    }
  }
}
