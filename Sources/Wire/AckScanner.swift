// Reads acknowledgements from the frames that the gateway sends, as its own encoder writes them.
package import Core

package enum AckScanner {
  /// Whether the frames, each behind its 4-byte big-endian length, acknowledge the membership's input.
  package static func acknowledges(_ frames: UnsafeRawBufferPointer, _ joinID: JoinID, _ seq: InputSeq) -> Bool {
    var offset = 0
    while frames.count - offset >= 4 {
      let length = Int(UInt32(bigEndian: frames.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
      offset += 4
      guard length <= frames.count - offset else { return false }
      if let ack = scan(UnsafeRawBufferPointer(rebasing: frames[offset..<offset + length])), ack.joinID == joinID,
        ack.seq >= seq
      {
        return true
      }
      offset += length
    }
    return false
  }

  private static func scan(_ frame: UnsafeRawBufferPointer) -> (joinID: JoinID, seq: InputSeq)? {
    guard frame.count > 2, frame[0] == Protobuf.tag(5, .bytes), frame[2] == Protobuf.tag(1, .varint) else { return nil }
    var i = 3
    guard let joinID = ClientScanner.varint(frame, &i).flatMap({ UInt32(exactly: $0) }), i < frame.count,
      frame[i] == Protobuf.tag(2, .varint)
    else { return nil }
    i += 1
    return ClientScanner.varint(frame, &i).map { (JoinID(joinID), InputSeq($0)) }
  }
}
