// The report as a document for programs: names in camel case, positions and numbers as numbers.
internal import Core

extension JournalReport: Encodable {
  private struct Span: Encodable {
    var from: UInt64
    var to: UInt64
    init(_ range: Range<LogPosition>) { (from, to) = (range.lowerBound.rawValue, range.upperBound.rawValue) }
  }
  private struct SegmentDocument: Encodable {
    var number: UInt64
    var shard: UInt16
    var epoch: UInt32
    var from: UInt64
    var to: UInt64?
    var mark: UInt64?
    var durability: String
    var boot: String
    var engine: String
    var isAdoption: Bool
    var predecessor: UInt64?
    var cutCounter: UInt32
    var isHeaderFromTwin: Bool
    var records: [String: Int]
    init(_ segment: SegmentReport) {
      let header = segment.header
      number = header.number
      shard = header.shard.rawValue
      epoch = header.epoch.rawValue
      from = header.start.rawValue
      to = segment.end?.rawValue
      mark = segment.mark?.rawValue
      durability = "\(header.durability)"
      boot = header.boot.description
      engine = header.engine
      isAdoption = header.isAdoption
      predecessor = header.predecessor?.number
      cutCounter = header.cutCounter
      isHeaderFromTwin = segment.isHeaderFromTwin
      records = Dictionary(uniqueKeysWithValues: segment.records.map { (String($0.key), $0.value) })
    }
  }
  private struct Place: Encodable {
    var file: String
    var firstByte: Int
    var bytes: Int
    var positions: Span?
    var isAboveMark: Bool
    init(_ unread: Unread) {
      (file, firstByte, bytes) = (unread.file, unread.bytes.lowerBound, unread.bytes.count)
      positions = unread.positions.map(Span.init)
      isAboveMark = unread.isAboveMark
    }
  }
  private enum Key: String, CodingKey {
    case directory, isWhole, log, void, prepared, unreadable, cutFiles, end, durable, lastCheckpoint, isClosed
    case lastOwnerFailed, tornBytes, damaged, lost, unread, missing, setAside, isVerified, needsRepair
  }

  package func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: Key.self)
    try fields.encode(directory, forKey: .directory)
    try fields.encode(isWhole, forKey: .isWhole)
    try fields.encode(log.map(SegmentDocument.init), forKey: .log)
    try fields.encode(void.map(SegmentDocument.init), forKey: .void)
    try fields.encode(prepared, forKey: .prepared)
    try fields.encode(unreadable, forKey: .unreadable)
    try fields.encode(cutFiles, forKey: .cutFiles)
    try fields.encode(end.rawValue, forKey: .end)
    try fields.encodeIfPresent(durable?.rawValue, forKey: .durable)
    try fields.encodeIfPresent(lastCheckpoint?.rawValue, forKey: .lastCheckpoint)
    try fields.encode(isClosed, forKey: .isClosed)
    try fields.encode(lastOwnerFailed, forKey: .lastOwnerFailed)
    try fields.encode(tornBytes, forKey: .tornBytes)
    try fields.encode(damaged.map(Span.init), forKey: .damaged)
    try fields.encode(lost.map(Span.init), forKey: .lost)
    try fields.encode(unread.map(Place.init), forKey: .unread)
    try fields.encode(missing, forKey: .missing)
    try fields.encode(setAside, forKey: .setAside)
    try fields.encode(isVerified, forKey: .isVerified)
    try fields.encode(needsRepair, forKey: .needsRepair)
  }
}
