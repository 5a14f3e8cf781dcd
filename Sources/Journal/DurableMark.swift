// Up to where the log is known to be durable: written after each sync, in one of two places of the segment's header
// region in turn, so that a torn write leaves the older one. It rides with the next sync of the segment: after a power
// loss the mark is at most one sync old.
package import Core

package struct DurableMark: Sendable, Hashable {
  private static let magic: UInt64 = 0x6B72_614D_7055_6E4F  // "OnUpMark"
  static let encodedBytes = 8 + 8 + 8 + 4 + 8 + 1 + 4

  /// The segment it was written into.
  package var number: UInt64
  package var point: LogPoint
  /// Below the mark.
  package var lastCheckpoint: LogPosition?
  /// The record that ends at the mark is `closed`.
  package var isClosed: Bool

  /// The offset of one of the two places.
  static func offset(turn: Int) -> Int { SegmentHeader.pageBytes * (1 + turn % 2) }

  func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(DurableMark.encodedBytes)
    bytes.put(DurableMark.magic)
    bytes.put(number)
    bytes.put(point.position)
    bytes.put(point.check)
    bytes.put(lastCheckpoint?.rawValue ?? UInt64.max)
    bytes.put(UInt8(isClosed ? 1 : 0))
    bytes.put(CRC32C.of(bytes))
    return bytes
  }

  /// Nil if there is none, or if it is torn.
  init?(decoding bytes: UnsafeRawBufferPointer, in number: UInt64) {
    var reader = ByteReader(bytes)
    do throws(DecodingError) {
      let body = try reader.take(bytes: DurableMark.encodedBytes - 4)
      let stored: UInt32 = try reader.take()
      guard CRC32C.extend(0, body) == stored else { return nil }
      reader = ByteReader(body)
      guard try reader.take(UInt64.self) == DurableMark.magic else { return nil }
      self.number = try reader.take()
      point = LogPoint(position: try reader.take(), check: try reader.take())
      let checkpoint: UInt64 = try reader.take()
      lastCheckpoint = checkpoint == .max ? nil : LogPosition(checkpoint)
      isClosed = try reader.take(UInt8.self) == 1
    } catch { return nil }
    guard self.number == number else { return nil }
  }

  init(number: UInt64, point: LogPoint, lastCheckpoint: LogPosition?, isClosed: Bool) {
    self.number = number
    self.point = point
    self.lastCheckpoint = lastCheckpoint
    self.isClosed = isClosed
  }
}
