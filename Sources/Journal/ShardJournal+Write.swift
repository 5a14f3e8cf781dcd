// Appending records and writing them.
package import Core

extension ShardJournal {
  /// Appends a record to the next write and returns its position. Kinds from 16 on are the worker's; `checkpoint` may
  /// be given too. Ask `canAppend` first.
  @_specialize(where FS == PosixFileSystem)
  @discardableResult
  package mutating func append(_ kind: UInt8, _ payload: UnsafeRawBufferPointer) -> LogPosition {
    precondition(
      kind == RecordKind.checkpoint || kind >= RecordKind.workerFirst, "this kind of record is the journal's own")
    let position = nextPosition
    let start = buffer.count
    Record.open(kind, in: &buffer)
    buffer.append(contentsOf: payload)
    close(start, kind)
    return position
  }
  @discardableResult
  package mutating func append(_ kind: UInt8, _ payload: [UInt8]) -> LogPosition {
    payload.withUnsafeBytes { append(kind, $0) }
  }

  @_specialize(where FS == PosixFileSystem)
  private mutating func close(_ start: Int, _ kind: UInt8) {
    let position = written.position.advanced(by: start)
    chain = Record.close(in: &buffer, from: start, at: position, chain: chain)
    precondition(buffer.count - start <= options.recordBytesMax, "a record is larger than the limit")
    if kind == RecordKind.checkpoint {
      lastCheckpoint = position
      isCheckpointDue = false
    }
  }

  /// Whether records with so many bytes of payload in all (in `records` records) can be appended before the next write.
  /// As long as no next segment is ready, ordinary ones leave the reserve free. False means busy, not broken.
  // Neither specialised nor with a value of a generic type: called from another module, it would copy the journal to its
  // special form, or look the type up.
  package func canAppend(_ payloadBytes: Int, records: Int = 1, useReserve: Bool = false) -> Bool {
    let bytes = buffer.count + payloadBytes + records * Record.frameBytes
    guard bytes <= batchBytesMax else { return false }
    if hasNext { return true }
    let room = written.position.distance(to: segmentEnd)
    return bytes + (useReserve ? 0 : options.reserveBytes) <= room
  }
  /// The most that one write may hold: it never straddles two segments.
  package var batchBytesMax: Int {
    options.segmentBytes - SegmentHeader.regionBytes - SegmentHeader.tailBytes
  }
  /// False while the next segment cannot be prepared: inputs and joins should be busy.
  package var hasSpace: Bool { preparationFailure == nil }

  /// Writes what was appended, in one call. Afterwards it survives the death of the process. On `noSpace` nothing
  /// happened and the records still wait; on `poisoned` nothing more will ever be written.
  @_specialize(where FS == PosixFileSystem)
  package mutating func write() throws(JournalError) {
    try checkUsable()
    guard !buffer.isEmpty else { return }
    if buffer.count > written.position.distance(to: segmentEnd) { try changeSegment() }
    try put()
  }

  @_specialize(where FS == PosixFileSystem)
  private mutating func put() throws(JournalError) {
    let file = segments[segments.count - 1].file
    let offset = segments[segments.count - 1].offset(of: written.position)
    do throws(FileError) {
      // After each sync a page that is stored into costs a fault: more than a write.
      if identity.durability == .process {
        try fileSystem.fillBytes(file, buffer, at: offset)
      } else {
        try fileSystem.writeBytes(file, buffer, at: offset)
      }
    } catch { throw fail(error) }
    written = LogPoint(position: nextPosition, check: chain)
    writtenCheckpoint = lastCheckpoint
    if buffer.capacity > 4 << 20 {
      // A snapshot made it large once.
      buffer = []
      buffer.reserveCapacity(64 << 10)
    } else {
      buffer.removeAll(keepingCapacity: true)
    }
  }

  /// Seals the current segment and begins the next one with what waits in the buffer.
  private mutating func changeSegment() throws(JournalError) {
    precondition(buffer.count <= batchBytesMax, "a batch is larger than a segment: ask canAppend")
    if next == nil { try prepareNextSegment() }
    guard let prepared = next else { preconditionFailure("a segment was prepared") }
    // At `process` one sealed segment may wait for its sync; more would make an adoption copy without bound.
    if identity.durability == .disk || !unsynced.isEmpty { try sync() }
    let sealed = segments[segments.count - 1]
    if mark.position < written.position { unsynced.append(sealed) }
    let header = SegmentHeader(
      number: prepared.number, shard: identity.shard, epoch: epoch, boot: identity.boot,
      durability: identity.durability, isAdoption: false, capacity: prepared.bytes, start: written.position,
      cutCounter: cutCounter, lastCheckpoint: writtenCheckpoint,
      predecessor: .init(number: sealed.number, base: mark, end: written), engine: identity.engine)
    do throws(FileError) {
      try fileSystem.writeBytes(prepared.file, header.encodedRegion(), at: 0)
    } catch { throw fail(error) }
    let segment = Segment<FS>(header: header, check: header.check, file: prepared.file)
    segments.append(segment)
    segmentEnd = LogPosition(segment.capacityEnd.rawValue - UInt64(SegmentHeader.tailBytes))
    next = nil
    hasNext = false
    markTurn = 0
    chain = Record.rechain(&buffer, at: written.position, chain: segment.check)
    isCheckpointDue = (lastCheckpoint ?? LogPosition(0)) < written.position
  }

  /// Ends a clean stop: `closed`, synced, mark and all. The directory is free afterwards.
  package mutating func close() throws(JournalError) {
    try write()
    let start = buffer.count
    Record.open(RecordKind.closed, in: &buffer)
    close(start, RecordKind.closed)
    isClosing = true
    // The tail of every segment is kept free for it.
    try put()
    try sync()
    do throws(FileError) { try fileSystem.sync(segments[segments.count - 1].file) } catch { throw fail(error) }
    lock = nil
  }
}
