// The first bytes of a segment: who wrote it, where in the log it stands, what came before.
//
// The header region is four pages: the header, two places for the durable mark, the header's twin. Each is one sector
// in a page of its own, so that no torn write of one touches another.
package import Core

package struct SegmentHeader: Sendable, Hashable {
  static let formatVersion: UInt16 = 1
  static let sectorBytes = 512
  static let pageBytes = 4096
  static let regionBytes = 4 * pageBytes
  static let twinOffset = 3 * pageBytes
  /// Kept free at the end of every segment, so that `closed` always fits.
  static let tailBytes = 64
  static let engineBytesMax = 384
  static let numberMax = UInt64(Int64.max)
  private static let magic: UInt64 = 0x676F_4C70_5565_6E4F  // "OneUpLog"

  /// What the segment goes on from. Of an adoption, the predecessor counts up to `base` only.
  package struct Predecessor: Sendable, Hashable {
    package var number: UInt64
    /// The durable mark when this segment began.
    package var base: LogPoint
    package var end: LogPoint
  }

  /// The segments of a shard are numbered from 1.
  package var number: UInt64
  package var shard: ShardID
  package var epoch: ShardEpoch
  package var boot: BootID
  package var durability: Durability
  /// It begins with copies and counts only with `adopted`.
  package var isAdoption: Bool
  /// Bytes of the file.
  package var capacity: Int
  /// The position of the first record.
  package var start: LogPosition
  package var cutCounter: UInt32
  package var lastCheckpoint: LogPosition?
  package var predecessor: Predecessor?
  package var engine: String

  /// One sector.
  func encoded() -> [UInt8] {
    let engineBytes = Array(engine.utf8)
    precondition(engineBytes.count <= SegmentHeader.engineBytesMax, "the engine's identity must fit into the header")
    var bytes: [UInt8] = []
    bytes.put(SegmentHeader.magic)
    bytes.put(SegmentHeader.formatVersion)
    bytes.put(shard)
    bytes.put(epoch)
    bytes.put(number)
    bytes.put(start)
    bytes.put(UInt64(capacity))
    bytes.put(boot.high)
    bytes.put(boot.low)
    bytes.put(durability.rawValue)
    bytes.put(UInt8(isAdoption ? 1 : 0))
    bytes.put(UInt16(0))
    bytes.put(cutCounter)
    bytes.put(lastCheckpoint?.rawValue ?? UInt64.max)
    bytes.put(predecessor?.number ?? 0)
    for point in [predecessor?.base, predecessor?.end] {
      bytes.put(point?.position.rawValue ?? 0)
      bytes.put(point?.check ?? 0)
    }
    bytes.put(UInt16(engineBytes.count))
    bytes.append(contentsOf: engineBytes)
    bytes.append(contentsOf: repeatElement(0, count: SegmentHeader.sectorBytes - 4 - bytes.count))
    bytes.put(CRC32C.of(bytes))
    return bytes
  }

  /// What the first record is chained to.
  var check: UInt32 {
    let bytes = encoded()
    return bytes.withUnsafeBytes {
      UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: SegmentHeader.sectorBytes - 4, as: UInt32.self))
    }
  }

  /// The header with its twin and no mark: the whole region.
  func encodedRegion() -> [UInt8] {
    var region = [UInt8](repeating: 0, count: SegmentHeader.regionBytes)
    let sector = encoded()
    region.replaceSubrange(0..<sector.count, with: sector)
    region.replaceSubrange(SegmentHeader.twinOffset..<SegmentHeader.twinOffset + sector.count, with: sector)
    return region
  }

  /// The version of a whole header, of this format or another; nil if it is none.
  static func version(of sector: UnsafeRawBufferPointer) -> UInt16? {
    guard sector.count >= sectorBytes else { return nil }
    let stored = sector.loadUnaligned(fromByteOffset: sectorBytes - 4, as: UInt32.self)
    guard UInt64(littleEndian: sector.loadUnaligned(fromByteOffset: 0, as: UInt64.self)) == magic,
      CRC32C.extend(0, UnsafeRawBufferPointer(rebasing: sector[..<(sectorBytes - 4)])) == UInt32(littleEndian: stored)
    else { return nil }
    return UInt16(littleEndian: sector.loadUnaligned(fromByteOffset: 8, as: UInt16.self))
  }

  /// Throws if the sector is not a header of this format.
  init(decoding sector: UnsafeRawBufferPointer) throws(DecodingError) {
    var reader = ByteReader(UnsafeRawBufferPointer(rebasing: sector.prefix(SegmentHeader.sectorBytes - 4)))
    guard sector.count >= SegmentHeader.sectorBytes, try reader.take(UInt64.self) == SegmentHeader.magic else {
      throw DecodingError("it does not begin as a segment")
    }
    let stored = sector.loadUnaligned(fromByteOffset: SegmentHeader.sectorBytes - 4, as: UInt32.self)
    guard CRC32C.extend(0, reader.bytes) == UInt32(littleEndian: stored) else {
      throw DecodingError("its header is damaged")
    }
    let version: UInt16 = try reader.take()
    guard version == SegmentHeader.formatVersion else {
      throw DecodingError("its format is version \(version), this program reads \(SegmentHeader.formatVersion)")
    }
    shard = try reader.take()
    epoch = try reader.take()
    number = try reader.take()
    start = try reader.take()
    guard let bytes = Int(exactly: try reader.take(UInt64.self)), bytes >= SegmentHeader.regionBytes,
      start.rawValue < UInt64(Int.max / 2), bytes < Int.max / 4
    else { throw DecodingError("its size is impossible") }
    // Whoever follows counts on: no journal ever gets there.
    guard number <= SegmentHeader.numberMax, epoch.rawValue < UInt32.max else {
      throw DecodingError("its number or epoch is impossible")
    }
    capacity = bytes
    boot = BootID(high: try reader.take(), low: try reader.take())
    guard let level = Durability(rawValue: try reader.take()) else { throw DecodingError("its durability is unknown") }
    durability = level
    isAdoption = try reader.take(UInt8.self) == 1
    _ = try reader.take(UInt16.self)
    cutCounter = try reader.take()
    guard cutCounter < UInt32.max else { throw DecodingError("its cut counter is impossible") }
    let checkpoint: UInt64 = try reader.take()
    lastCheckpoint = checkpoint == .max ? nil : LogPosition(checkpoint)
    let before: UInt64 = try reader.take()
    let base = LogPoint(position: try reader.take(), check: try reader.take())
    let end = LogPoint(position: try reader.take(), check: try reader.take())
    predecessor = before == 0 ? nil : Predecessor(number: before, base: base, end: end)
    guard number > before,
      before == 0 || (base.position <= start && start <= end.position && end.position.rawValue < UInt64(Int.max / 2))
    else {
      throw DecodingError("it does not follow its predecessor")
    }
    guard before != 0 || !isAdoption || start == LogPosition(0) else { throw DecodingError("it adopts nothing") }
    let length: UInt16 = try reader.take()
    guard length <= SegmentHeader.engineBytesMax,
      let name = String(validating: try reader.take(bytes: Int(length)), as: UTF8.self)
    else { throw DecodingError("its engine is no name") }
    engine = name
  }

  package init(
    number: UInt64, shard: ShardID, epoch: ShardEpoch, boot: BootID, durability: Durability, isAdoption: Bool,
    capacity: Int, start: LogPosition, cutCounter: UInt32, lastCheckpoint: LogPosition?, predecessor: Predecessor?,
    engine: String
  ) {
    self.number = number
    self.shard = shard
    self.epoch = epoch
    self.boot = boot
    self.durability = durability
    self.isAdoption = isAdoption
    self.capacity = capacity
    self.start = start
    self.cutCounter = cutCounter
    self.lastCheckpoint = lastCheckpoint
    self.predecessor = predecessor
    self.engine = engine
  }

  /// The file's name for a number.
  package static func fileName(_ number: UInt64) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 10 - digits.count)) + digits + ".segment"
  }
  /// Behind the name of a file that a repair has taken out of the log.
  static let setAsideSuffix = ".unreadable"
  static func number(ofFile name: String) -> UInt64? {
    guard name.hasSuffix(".segment"), let number = UInt64(name.dropLast(8)), number > 0, number <= numberMax,
      fileName(number) == name
    else { return nil }
    return number
  }
}
