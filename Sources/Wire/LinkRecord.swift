// The link: a Unix stream between one gateway loop and one worker. Little-endian records with a fixed header, many per
// write. Every record about a shard carries (shard, epoch): both sides drop what belongs to another epoch.
package import Core

/// The 12 bytes before every record: u32 length (of the whole record), u8 kind, u8 flags, u16 shard, u32 epoch.
package struct LinkHeader: Sendable {
  package static let bytes = 12
  package var length: Int
  package var kind: UInt8
  package var flags: UInt8
  package var shard: ShardID
  package var epoch: ShardEpoch
}

/// The other end broke the link's rules; the link is closed and opened anew.
package struct LinkError: Error, Sendable, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}

/// Cuts a stream of bytes into records.
package struct LinkReader {
  package let bytes: UnsafeRawBufferPointer
  /// Bytes consumed so far: whole records only.
  package private(set) var consumed = 0

  package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The next whole record's header and body, or nil when the rest is incomplete.
  package mutating func next() throws(LinkError) -> (LinkHeader, UnsafeRawBufferPointer)? {
    let left = bytes.count - consumed
    guard left >= LinkHeader.bytes else { return nil }
    let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: consumed, as: UInt32.self)))
    guard length >= LinkHeader.bytes, length <= Limits.linkRecordBytesMax else {
      throw LinkError("a link record says it is \(length) bytes long")
    }
    guard left >= length else { return nil }
    let header = LinkHeader(
      length: length,
      kind: bytes[consumed + 4],
      flags: bytes[consumed + 5],
      shard: ShardID(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: consumed + 6, as: UInt16.self))),
      epoch: ShardEpoch(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: consumed + 8, as: UInt32.self))))
    let body = UnsafeRawBufferPointer(rebasing: bytes[consumed + LinkHeader.bytes..<consumed + length])
    consumed += length
    return (header, body)
  }
}

extension [UInt8] {
  /// Starts a record; `endLink` with the returned offset patches its length.
  package mutating func beginLink(_ kind: UInt8, flags: UInt8 = 0, _ shard: ShardID, _ epoch: ShardEpoch) -> Int {
    let start = count
    append(count: LinkHeader.bytes) { $0.putLinkHeader(length: 0, kind, flags: flags, shard, epoch) }
    return start
  }
  package mutating func endLink(_ start: Int) { patch(UInt32(count - start), at: start) }
}

extension UnsafeMutableRawPointer {
  func putLinkHeader(length: Int, _ kind: UInt8, flags: UInt8 = 0, _ shard: ShardID, _ epoch: ShardEpoch) {
    put(UInt32(length), at: 0)
    put(kind, at: 4)
    put(flags, at: 5)
    put(shard, at: 6)
    put(epoch, at: 8)
  }
}
