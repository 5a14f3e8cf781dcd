// Durability, the next segment, cleaning: the calls that wait for a disk, and the same in parts for another thread.
package import Core

extension ShardJournal {
  // MARK: Sync

  /// Makes everything written durable and moves the mark. On an error the journal is poisoned; a sync is never retried.
  package mutating func sync() throws(JournalError) {
    guard let work = try syncWork() else { return }
    do throws(FileError) { try work.run() } catch { throw fail(error) }
    try noteSynced(work)
  }

  /// What to sync by now; nil if all is durable. At `process` once a second and after each seal.
  package func syncWork() throws(JournalError) -> SyncWork<FS>? {
    try checkUsable()
    guard mark.position < written.position || !unsynced.isEmpty else { return nil }
    var files: [FS.File] = []
    files.reserveCapacity(unsynced.count + 1)
    for segment in unsynced { files.append(segment.file) }
    let segment = segments[segments.count - 1]
    files.append(segment.file)
    return SyncWork(
      fileSystem: fileSystem, files: files,
      last: (
        segment.file, segment.offset(of: max(mark.position, segment.start)), segment.offset(of: written.position)
      ),
      sealed: unsynced.isEmpty ? [] : unsynced.map { $0.number },
      upTo: written, lastCheckpoint: writtenCheckpoint)
  }

  /// The work ran without an error.
  package mutating func noteSynced(_ work: SyncWork<FS>) throws(JournalError) {
    try checkUsable()
    // What was sealed since it was made waits on.
    unsynced.removeAll { work.sealed.contains($0.number) }
    guard work.upTo.position > mark.position else { return }
    mark = work.upTo
    durableCheckpoint = work.lastCheckpoint
    try writeMark()
    if mark.position >= adoptedEnd { try removeVoid() }
  }

  /// The work threw: what it was to make durable may be lost, and trying again would not tell.
  package mutating func noteSyncFailed(_ error: FileError) -> JournalError { fail(error) }

  /// Into the segment that holds it; durable with that segment's next sync.
  mutating func writeMark() throws(JournalError) {
    let holder = markHolder
    let note = DurableMark(number: holder.number, point: mark, lastCheckpoint: durableCheckpoint, isClosed: isClosing)
    do throws(FileError) {
      try fileSystem.writeBytes(holder.file, note.encoded(), at: DurableMark.offset(turn: markTurn))
    } catch { throw fail(error) }
    markTurn += 1
  }

  private var markHolder: Segment<FS> { segments.last { $0.start <= mark.position } ?? segments[0] }

  /// A sealed segment waits for its sync.
  package var hasSealedUnsynced: Bool { !unsynced.isEmpty }

  // MARK: The next segment

  /// Prepares it now; throws `noSpace` if that fails, which poisons nothing, or if it is being prepared elsewhere.
  package mutating func prepareNextSegment() throws(JournalError) {
    try checkUsable()
    guard next == nil else { return }
    guard !isPreparing else { throw .noSpace(FileError(.open, directory, code: FileError.inPreparation)) }
    guard let work = preparationWork() else { return }
    do throws(FileError) { notePrepared(try work.run()) } catch {
      notePreparationFailed(error)
      throw .noSpace(error)
    }
  }

  /// Nil if the next segment is ready or being prepared. Run it soon after an adoption and after each seal; after a
  /// failure every now and then.
  package mutating func preparationWork() -> PreparationWork<FS>? {
    guard failure == nil, next == nil, !isPreparing, lock != nil else { return nil }
    isPreparing = true
    return PreparationWork(
      fileSystem: fileSystem, directory: directory, number: segments[segments.count - 1].number + 1,
      bytes: options.segmentBytes)
  }

  package mutating func notePrepared(_ segment: PreparedSegment<FS>) {
    precondition(segment.number == segments[segments.count - 1].number + 1, "a prepared segment is the next one")
    isPreparing = false
    preparationFailure = nil
    next = segment
    hasNext = true
  }

  package mutating func notePreparationFailed(_ error: FileError) {
    isPreparing = false
    preparationFailure = error
    hasRunShort = true
  }

  /// Nil if nothing was written since the last one was made. Run it about once a second: it is for several times what was
  /// written since. What comes within four seconds at this pace was read a moment ago; after a rest the kernel may have let
  /// go of it.
  package mutating func readAheadWork() -> ReadAheadWork<FS>? {
    let since = readAheadFrom.distance(to: written.position)
    guard failure == nil, since > 0 else {
      readAheadTo = written.position
      return nil
    }
    readAheadFrom = written.position
    let wanted = min(max(4 * since, options.readAheadBytes.lowerBound), options.readAheadBytes.upperBound)
    let segment = segments[segments.count - 1]
    let isFast = wanted > options.readAheadBytes.lowerBound
    let from = isFast ? max(written.position, readAheadTo) : written.position
    let to = written.position.advanced(by: min(wanted, written.position.distance(to: segment.capacityEnd)))
    var parts: [(file: FS.File, offset: Int, count: Int)] = []
    if from < to {
      parts.append((segment.file, segment.offset(of: from), from.distance(to: to)))
    }
    // Less than before where the pace falls: what was read long ago is read again.
    readAheadTo = to
    let beyond = wanted - written.position.distance(to: to)
    if beyond > 0, let next { parts.append((next.file, 0, min(beyond, next.bytes))) }
    return parts.isEmpty ? nil : ReadAheadWork(fileSystem: fileSystem, parts: parts)
  }

  // MARK: Cleaning

  /// From now on nothing below `position` is needed: what was, has been copied forward and written. Whole segments go,
  /// from the oldest end, never the one that holds the last durable checkpoint or is written to, and not before all that
  /// is written by now is durable; of them, those within the last `historyBytes` of the log stay as long as there is
  /// space. `removalWork` hands them out.
  package mutating func release(upTo position: LogPosition) {
    let before = releasing.isEmpty ? released : releasing[releasing.count - 1].upTo
    let release = LogRelease(upTo: max(position, before), after: written.position)
    if releasing.count < 2 { releasing.append(release) } else { releasing[1] = release }
  }

  /// Segments that can be removed by now, let go of by this call; nil if there are none.
  package mutating func removalWork() -> RemovalWork<FS>? {
    while !releasing.isEmpty, mark.position >= releasing[0].after {
      released = releasing[0].upTo
      releasing.removeFirst()
    }
    guard failure == nil, void.isEmpty, let checkpoint = durableCheckpoint else { return nil }
    let limit = min(released, checkpoint, hasRunShort ? released : historyStart)
    var count = 0
    while count + 1 < segments.count && segments[count + 1].start <= limit { count += 1 }
    guard count > 0 else { return nil }
    leaving += segments[..<count].map(\.number)
    segments.removeFirst(count)
    return RemovalWork(fileSystem: fileSystem, directory: directory, numbers: leaving, markFile: markHolder.file)
  }

  /// The work ran without an error.
  package mutating func noteRemoved(_ work: RemovalWork<FS>) { leaving.removeAll { work.numbers.contains($0) } }

  /// What is kept for whoever wants to know what happened.
  private var historyStart: LogPosition {
    let end = written.position.rawValue
    return LogPosition(end - min(end, UInt64(options.historyBytes)))
  }

  /// Before any cleaning: a void segment below the log could be taken for its older part. If it fails, cleaning waits
  /// and it is tried again after the next sync.
  mutating func removeVoid() throws(JournalError) {
    guard !void.isEmpty else { return }
    let work = RemovalWork(fileSystem: fileSystem, directory: directory, numbers: void, markFile: markHolder.file)
    do throws(FileError) {
      try work.run()
      void = []
    } catch {
      if error.operation == .sync { throw fail(error) }
    }
  }
}
