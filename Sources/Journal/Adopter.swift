// A new owner takes over a shard's journal (protocol §6.2–6.5).
//
//   lock → survey → line → end → new segment: header, copies of (mark, end], `adopted` → (synced at `disk`) → owned
//
// Nothing that the last owner wrote is changed or removed before `adopted` is written; a death before leaves a segment
// without it, which the next adopter passes over.
internal import Core

struct Adopter<FS: FileSystem> {
  let fileSystem: FS
  let directory: String
  let identity: JournalIdentity
  let options: JournalOptions

  /// What the owner starts with.
  struct Result {
    var adoption: Adoption
    var segments: [Segment<FS>]
    var written: LogPoint
    var mark: LogPoint
    var void: [UInt64]
    var lastCheckpoint: LogPosition?
  }

  /// The log as the last owner left it.
  private struct Found {
    var line: LogLine<FS>
    var end: LogEnd<FS>?
    var base: LogPoint
    var endPoint: LogPoint
    var isOtherBoot = false
  }

  func run(assigned: ShardEpoch) throws(JournalError) -> Result {
    let survey = try Survey(fileSystem, directory, shard: identity.shard, writable: true)
    guard !survey.segments.isEmpty || survey.unreadable.isEmpty else {
      let (number, text) = survey.unreadable.min { $0.key < $1.key }!
      throw .unreadable("\(directory)/\(SegmentHeader.fileName(number)) is no segment: \(text)")
    }
    // A shard that begins anew would tell everybody that there never was one.
    guard !survey.segments.isEmpty || survey.setAside.isEmpty else {
      throw .unreadable(
        "\(directory) holds no segment but what a repair has set aside (begin without it: move it elsewhere)")
    }
    let window = ReadWindow(fileSystem)
    do throws(FileError) {
      for name in survey.temporaries { try fileSystem.removeIfPresent(directory + "/" + name) }
      let found = try find(survey, window)
      let adoption = describe(survey, found, assigned: assigned)
      if let end = found.end { try keepCut(end, survey) }
      let (segment, written) = try writeSegment(survey, found, adoption, window)
      return try finish(survey, found, adoption, segment, written)
    } catch {
      // What this adoption wrote may show and yet be lost. What it could not read it reads again: no owner has ended.
      if error.operation != .read { Self.note(error, fileSystem, directory) }
      if error.code == Adopter.unfillable { throw .unreadable("\(directory) has damage too small to be marked") }
      throw .file(error)
    }
  }

  private func find(_ survey: Survey<FS>, _ window: ReadWindow<FS>) throws(FileError) -> Found {
    let line = try LogLine(survey, window)
    guard let last = line.segments.last else {
      return Found(line: line, end: nil, base: line.base, endPoint: line.base)
    }
    let isOtherBoot = last.header.boot != identity.boot
    let failed = options.lastOwnerFailed || survey.lastOwnerFailed
    let end = try LogEnd(line, window, mayBeTorn: isOtherBoot || failed)
    return Found(line: line, end: end, base: line.base, endPoint: end.point, isOtherBoot: isOtherBoot)
  }

  private func describe(_ survey: Survey<FS>, _ found: Found, assigned: ShardEpoch) -> Adoption {
    let last = found.line.segments.last?.header
    let isClean = found.end.map { $0.isClosed && $0.cut == nil && $0.damaged.isEmpty } ?? true
    let failed = options.lastOwnerFailed || survey.lastOwnerFailed
    // At `disk` nothing that was acknowledged is above the mark in doubt; at `process` it may be, seen or not.
    let isCut = last?.durability == .process && !isClean && (found.isOtherBoot || failed)
    return Adoption(
      epoch: max(assigned, ShardEpoch(survey.epochMax + 1)), cutCounter: (last?.cutCounter ?? 0) + (isCut ? 1 : 0),
      isNew: last == nil, wasClean: isClean, followsReadError: survey.lastOwnerCouldNotRead,
      cutBytes: found.end?.cut?.range.count ?? 0, lastEngine: last?.engine, damaged: found.end?.damaged ?? [],
      lastCheckpoint: found.end?.lastCheckpoint ?? found.line.lastCheckpoint, end: found.endPoint.position,
      copiedRecords: found.end?.records ?? 0)
  }

  /// What is cut off is evidence: it goes into files of its own before anything else happens. What of it cannot be read is
  /// 0xff there; the log ends before it, so it holds nobody up.
  private func keepCut(_ end: LogEnd<FS>, _ survey: Survey<FS>) throws(FileError) {
    guard let cut = end.cut else { return }
    let window = ReadWindow(fileSystem)
    let taker = ReadWindow(fileSystem, takesUnreadable: true)
    var pieces = [(cut.segment, cut.range)]
    for number in end.segmentsBehindCut {
      let segment = survey.segments[number]!
      window.open(segment.file)
      let start = SegmentHeader.regionBytes
      let capacity = max(start, segment.header.capacity)
      let content = try window.endOfContent(in: start..<capacity, passingUnreadable: true)
      pieces.append((segment, start..<content))
    }
    for (segment, range) in pieces where !range.isEmpty {
      taker.open(segment.file)
      let bytes = Array(try taker.bytes(at: range.lowerBound, range.count))
      let position = segment.start.advanced(by: range.lowerBound - SegmentHeader.regionBytes)
      let digits = String(position.rawValue)
      let padded = String(repeating: "0", count: max(0, 20 - digits.count)) + digits
      try fileSystem.replaceContents(of: "cut-\(padded)-segment-\(segment.number)", in: directory, with: bytes)
    }
    let names = try fileSystem.list(directory).filter { $0.hasPrefix("cut-") && !$0.hasSuffix(".tmp") }
    for name in names.dropLast(options.cutFilesMax) { try fileSystem.removeIfPresent(directory + "/" + name) }
  }

  /// The header, the copies, `adopted`.
  private func writeSegment(
    _ survey: Survey<FS>, _ found: Found, _ adoption: Adoption, _ window: ReadWindow<FS>
  ) throws(FileError) -> (Segment<FS>, LogPoint) {
    let copies = found.base.position.distance(to: found.endPoint.position)
    let needed = SegmentHeader.regionBytes + copies + options.reserveBytes + 2 * SegmentHeader.tailBytes
    let capacity = max(options.segmentBytes, needed)
    let (number, file) = try place(survey, capacity: capacity, mayReuse: !found.isOtherBoot)
    var predecessor: SegmentHeader.Predecessor?
    if let holder = found.line.segments.last(where: { $0.start <= found.base.position }) {
      predecessor = .init(number: holder.number, base: found.base, end: found.endPoint)
    }
    let header = SegmentHeader(
      number: number, shard: identity.shard, epoch: adoption.epoch, boot: identity.boot,
      durability: identity.durability, isAdoption: true, capacity: capacity, start: found.base.position,
      cutCounter: adoption.cutCounter,
      lastCheckpoint: adoption.lastCheckpoint.flatMap { $0 < found.base.position ? $0 : nil },
      predecessor: predecessor, engine: identity.engine)
    let segment = Segment<FS>(header: header, check: header.check, file: file)
    try fileSystem.writeBytes(file, header.encodedRegion(), at: 0)
    var copier = RecordCopier(
      fileSystem: fileSystem, segment: segment, recordBytesMax: options.recordBytesMax,
      end: LogPoint(position: header.start, check: segment.check))
    if copies > 0 {
      var cursor = LogCursor(found.line.segments, window: window, at: found.base.position, check: found.base.check)
      while cursor.position < found.endPoint.position {
        switch try cursor.next() {
        case .record(_, _, let whole): try copier.copy(whole)
        case .stopped(let stop):
          var claimed: Int?
          if case .bad(let length) = stop { claimed = length }
          let range = try cursor.skipDamage(claimed: claimed)
          guard try copier.fill(range.lowerBound.distance(to: range.upperBound)) else {
            throw FileError(.read, directory, code: Adopter.unfillable)
          }
        }
      }
    }
    try copier.add(RecordKind.adopted, Adopter.adoptedPayload(adoption))
    try copier.flush()
    return (segment, copier.end)
  }

  /// Leaves a note for the next owner, if it must know and the disk still takes one: what is above the mark is in doubt,
  /// although the machine has not been down; or something could not be read.
  static func note(_ error: FileError, _ fileSystem: FS, _ directory: String) {
    guard error.leavesDoubt else { return }
    let name = error.operation == .read ? Survey<FS>.unreadFile : Survey<FS>.failureFile
    do throws(FileError) { _ = try fileSystem.open(directory + "/" + name, .create) } catch {}
  }

  private static var unfillable: Int32 { -100 }

  static func adoptedPayload(_ adoption: Adoption) -> [UInt8] {
    var payload: [UInt8] = []
    payload.put(adoption.epoch)
    payload.put(adoption.cutCounter)
    return payload
  }

  /// The next number's file: what the last owner prepared, if the machine has not been down since (only then its zeros
  /// are sure), so that a failover does not wait for zeros to be written.
  private func place(_ survey: Survey<FS>, capacity: Int, mayReuse: Bool) throws(FileError) -> (UInt64, FS.File) {
    let last = survey.numberMax
    if mayReuse, survey.prepared[last] == capacity {
      // Who prepared it may have died or failed just before this.
      try fileSystem.syncDirectory(directory)
      return (last, try fileSystem.open(directory + "/" + SegmentHeader.fileName(last), .readWrite))
    }
    let name = SegmentHeader.fileName(last + 1)
    return (last + 1, try fileSystem.createZeroFilled(name, in: directory, count: capacity, atOnce: true))
  }

  /// Makes it durable where it must be, and clears away what is void.
  private func finish(
    _ survey: Survey<FS>, _ found: Found, _ adoption: Adoption, _ segment: Segment<FS>, _ written: LogPoint
  ) throws(FileError) -> Result {
    // A first segment is synced at every level: without any valid header nothing could be told. So is a risen cut
    // counter: if it could be lost, the next owner would give the same one to another history.
    let hasRisen = adoption.cutCounter != found.line.durableCutCounter
    // And the end of `closed`: else a power loss could bring it back, and what was written since would be lost unseen.
    let followsClosed = found.line.isClosedAtMark || found.end?.isClosed == true
    let isSynced = identity.durability == .disk || adoption.isNew || hasRisen || followsClosed
    if isSynced { try fileSystem.sync(segment.file) }
    for number in survey.prepared.keys where number != segment.number {
      try fileSystem.removeIfPresent(directory + "/" + SegmentHeader.fileName(number))
    }
    if survey.lastOwnerFailed { try fileSystem.removeIfPresent(directory + "/" + Survey<FS>.failureFile) }
    if survey.lastOwnerCouldNotRead { try fileSystem.removeIfPresent(directory + "/" + Survey<FS>.unreadFile) }
    // Segments behind the base's are in the copies; they stay until the copies are durable.
    let kept = found.line.segments.filter { $0.start <= found.base.position }
    let superseded = found.line.segments.filter { $0.start > found.base.position }.map(\.number)
    return Result(
      adoption: adoption, segments: kept + [segment], written: written, mark: isSynced ? written : found.base,
      void: (found.line.void + superseded).sorted(), lastCheckpoint: adoption.lastCheckpoint)
  }
}
