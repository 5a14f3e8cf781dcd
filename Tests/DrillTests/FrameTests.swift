// The drill's own codec against bytes written down by hand, and against anything at all.
import ClientCore
import Core
import Drill
import Testing

@Suite struct FrameTests {
  @Test func framesAreRead() throws {
    #expect(try read([0x2A, 4, 0x08, 1, 0x10, 0x96, 1].fixing()) == .ack(JoinID(1), InputSeq(150)))
    let output: [UInt8] =
      [
        0x0D, 1, 0, 0, 0, 0x10, 7, 0x1A, 2, 0xAA, 0xBB, 0x22, 6, 0x08, 3, 0x10, 1, 0x1A, 0, 0x79, 6, 0, 0, 0, 0, 0, 0,
        0,
      ]
    let frame = [0x1A, UInt8(output.count)] + output
    frame.withUnsafeBytes { bytes in
      let read = try? ServerFrame.read(bytes)
      #expect(
        read?.message
          == .output(
            .init(
              joinID: JoinID(1), seq: OutSeq(7), payload: [], result: Verdict(seq: InputSeq(3), kind: .refused),
              prev: OutSeq(6))))
      #expect(read.map { Array($0.payload) } == [0xAA, 0xBB])
    }
  }

  @Test func requestsAreWritten() {
    var writer = FrameWriter()
    writer.put(.input(JoinID(1), InputSeq(300), payload: [9, 9], stamp: 0))
    #expect(writer.bytes == [0, 0, 0, 11, 0x22, 9, 0x08, 1, 0x10, 0xAC, 2, 0x1A, 2, 9, 9])
    writer.removeAll()
    writer.put(.attach(JoinID(2), room: RoomID(0x0102), timeline: Timeline(3), lastOut: OutSeq(4)))
    #expect(
      writer.bytes == [
        0, 0, 0, 24, 0x1A, 22, 0x08, 2, 0x11, 2, 1, 0, 0, 0, 0, 0, 0, 0x19, 3, 0, 0, 0, 0, 0, 0, 0, 0x20, 4,
      ])
  }

  @Test func noBytesAtAllDoHarm() {
    var random = RandomState(seed: 7)
    for _ in 0..<20_000 {
      let count = Int.random(in: 0..<40, using: &random)
      var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      if count > 1, Bool.random(using: &random) {
        bytes[0] = UInt8.random(in: 1...11, using: &random) << 3 | 2
        bytes[1] = UInt8(count - 2)
      }
      _ = try? read(bytes)
    }
  }

  private func read(_ bytes: [UInt8]) throws -> ServerMessage? {
    try bytes.withUnsafeBytes { try ServerFrame.read($0)?.message }
  }
}

extension [UInt8] {
  /// With the second byte set to the length of what follows.
  fileprivate func fixing() -> [UInt8] { [self[0], UInt8(count - 2)] + dropFirst(2) }
}
