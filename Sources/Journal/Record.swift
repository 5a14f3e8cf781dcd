// One record of the log: its frame and its check.
//
//   0  length  u32   of the whole record, this frame included
//   4  chain   u32   the check of the record before it in this segment, or of the segment's header
//   8  check   u32   CRC-32C from `chain` on, over position (u64), length (u32), kind, payload, end byte
//  12  kind    u8    never 0
//  13  payload
//   n  end     u8    0xA5: tells a record whose writing was interrupted (zeros there) from a damaged one
package import Core

/// What a record is. 1 to 15 are the journal's; 16 and above are the worker's.
package enum RecordKind {
  /// The end of an adoption: what is before it in its segment is valid. Payload: epoch, cut counter.
  package static let adopted: UInt8 = 1
  /// The end of a clean stop.
  package static let closed: UInt8 = 2
  /// The worker's; the journal remembers where the last one is.
  package static let checkpoint: UInt8 = 3
  /// Stands for a range that could not be read, so that positions after it stay right.
  package static let damaged: UInt8 = 4
  package static let workerFirst: UInt8 = 16
}

enum Record {
  static let kindOffset = 12
  static let payloadOffset = 13
  /// Bytes of a record that are not payload.
  static let frameBytes = 14
  static let endByte: UInt8 = 0xA5

  struct Frame: Equatable {
    var length: Int
    var chain: UInt32
    var check: UInt32
    var kind: UInt8
  }

  /// The check of the record in `bytes`, whose `chain` field is already right.
  static func check(_ bytes: UnsafeRawBufferPointer, at position: LogPosition) -> UInt32 {
    let chain = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    let place = (position.rawValue.littleEndian, bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
    let crc = withUnsafeBytes(of: place) {
      CRC32C.extend(chain, UnsafeRawBufferPointer(rebasing: $0[..<12]))
    }
    return CRC32C.extend(crc, UnsafeRawBufferPointer(rebasing: bytes[kindOffset...]))
  }

  /// Opens a record at the end of `buffer`; `close` finishes it.
  static func open(_ kind: UInt8, in buffer: inout [UInt8]) {
    buffer.put(UInt64(0))
    buffer.put(UInt32(0))
    buffer.append(kind)
  }

  /// Completes the record that `open` began at `start`; returns its check, which the next one is chained to.
  static func close(
    in buffer: inout [UInt8], from start: Int, at position: LogPosition, chain: UInt32
  ) -> UInt32 {
    buffer.append(endByte)
    let length = buffer.count - start
    return buffer.withUnsafeMutableBytes { bytes in
      seal(UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + length]), at: position, chain: chain)
    }
  }

  /// Writes length, chain and check into a record that is otherwise complete.
  static func seal(_ bytes: UnsafeMutableRawBufferPointer, at position: LogPosition, chain: UInt32) -> UInt32 {
    bytes.storeBytes(of: UInt32(bytes.count).littleEndian, toByteOffset: 0, as: UInt32.self)
    bytes.storeBytes(of: chain.littleEndian, toByteOffset: 4, as: UInt32.self)
    let check = check(UnsafeRawBufferPointer(bytes), at: position)
    bytes.storeBytes(of: check.littleEndian, toByteOffset: 8, as: UInt32.self)
    return check
  }

  /// Chains the whole records in `buffer` anew, for another segment; returns the last check.
  static func rechain(_ buffer: inout [UInt8], at position: LogPosition, chain: UInt32) -> UInt32 {
    var chain = chain
    buffer.withUnsafeMutableBytes { bytes in
      var offset = 0
      while offset < bytes.count {
        let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        let record = UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<offset + length])
        chain = seal(record, at: position.advanced(by: offset), chain: chain)
        offset += length
      }
    }
    return chain
  }
}

/// A place between two records: the log up to here has this check.
package struct LogPoint: Sendable, Hashable {
  package var position: LogPosition
  package var check: UInt32
  package init(position: LogPosition, check: UInt32) {
    self.position = position
    self.check = check
  }
}

extension LogPosition {
  func advanced(by bytes: Int) -> LogPosition { LogPosition(rawValue &+ UInt64(bytes)) }
  func distance(to other: LogPosition) -> Int { Int(truncatingIfNeeded: other.rawValue &- rawValue) }
}
