// The journal of one shard, owned by one thread.
//
//   adopt → append… → write → (sync) → …            → close
//               any failed write or sync → poisoned: every later call throws, the process must exit
//
// Positions are offsets in the shard's log, over all its segments; a copy keeps its original's.
package import Core

package struct ShardJournal<FS: FileSystem>: ~Copyable {
  let fileSystem: FS
  let directory: String
  let identity: JournalIdentity
  let options: JournalOptions
  /// What was found when it was adopted.
  package let adoption: Adoption
  var lock: FS.Lock?

  /// Single records are read through it: after a takeover, a snapshot of each room.
  let window: ReadWindow<FS>

  /// The oldest first; the last one is written to.
  var segments: [Segment<FS>]
  /// Segments that are not part of the log, removed as soon as `adopted` is durable.
  var void: [UInt64]
  let adoptedEnd: LogPosition

  /// Appended and not written.
  var buffer: [UInt8] = []
  /// The check of the last appended record.
  var chain: UInt32
  /// The end of what was written.
  var written: LogPoint
  /// Up to here the current segment takes records.
  var segmentEnd: LogPosition

  var mark: LogPoint
  var markTurn = 0
  /// Sealed and not synced.
  var unsynced: [Segment<FS>] = []

  var lastCheckpoint: LogPosition?
  var writtenCheckpoint: LogPosition?
  var durableCheckpoint: LogPosition?
  var isCheckpointDue = false

  var next: PreparedSegment<FS>?
  /// `next` is there; known without a look at its type.
  var hasNext = false
  var isPreparing = false
  /// What was written when the last work that reads ahead was made.
  var readAheadFrom: LogPosition
  /// Up to where the segment that is written to has been read ahead.
  var readAheadTo: LogPosition
  /// Why there is no next segment; tried again now and then.
  package internal(set) var preparationFailure: FileError?

  /// What is below is not needed, and that is durable.
  var released = LogPosition(0)
  /// The oldest that waits for the disk, which none that comes later puts off, and the newest.
  var releasing: [LogRelease] = []
  /// Let go of, and not removed for certain.
  var leaving: [UInt64] = []
  /// Once no next segment could be made, nothing is kept any more that is not needed.
  var hasRunShort = false

  /// `closed` is the last record.
  var isClosing = false
  var failure: FileError?

  /// Takes the directory's lock, finds the log, and makes a segment of the new epoch. At `disk` it is durable then.
  /// The directory must exist. Throws `locked` if another process owns it; after any other error it can be tried again.
  package static func adopt(
    _ fileSystem: FS, directory: String, identity: JournalIdentity, assigned: ShardEpoch,
    options: JournalOptions = JournalOptions()
  ) throws(JournalError) -> ShardJournal<FS> {
    options.check()
    let lock: FS.Lock
    do throws(FileError) { lock = try fileSystem.lock(directory: directory) } catch {
      throw error.code == 11 ? .locked(directory: directory) : .file(error)
    }
    let adopter = Adopter(fileSystem: fileSystem, directory: directory, identity: identity, options: options)
    let result = try adopter.run(assigned: assigned)
    var journal = ShardJournal(fileSystem, directory, identity, options, lock, result)
    if journal.mark.position >= journal.adoptedEnd {
      try journal.writeMark()
      try journal.removeVoid()
    }
    return journal
  }

  private init(
    _ fileSystem: FS, _ directory: String, _ identity: JournalIdentity, _ options: JournalOptions, _ lock: FS.Lock,
    _ result: Adopter<FS>.Result
  ) {
    self.fileSystem = fileSystem
    self.directory = directory
    self.identity = identity
    self.options = options
    self.lock = lock
    window = ReadWindow(fileSystem)
    adoption = result.adoption
    segments = result.segments
    void = result.void
    adoptedEnd = result.written.position
    written = result.written
    chain = result.written.check
    mark = result.mark
    readAheadFrom = result.written.position
    readAheadTo = result.written.position
    segmentEnd = result.segments.last!.capacityEnd
    segmentEnd = LogPosition(segmentEnd.rawValue - UInt64(SegmentHeader.tailBytes))
    lastCheckpoint = result.lastCheckpoint
    writtenCheckpoint = result.lastCheckpoint
    durableCheckpoint = result.lastCheckpoint.flatMap { $0 < result.mark.position ? $0 : nil }
    buffer.reserveCapacity(64 << 10)
  }

  package var shard: ShardID { identity.shard }
  package var epoch: ShardEpoch { adoption.epoch }
  package var cutCounter: UInt32 { adoption.cutCounter }
  /// The first position that can be read.
  package var oldestPosition: LogPosition { segments[0].start }
  /// The end of what was written: durable at `process`.
  package var writtenPosition: LogPosition { written.position }
  /// The end of what is known to survive a power loss: durable at `disk`.
  package var durablePosition: LogPosition { mark.position }
  /// Where the next appended record begins.
  package var nextPosition: LogPosition { written.position.advanced(by: buffer.count) }
  /// At each seal and every few megabytes: append a record of kind `checkpoint` soon.
  package var needsCheckpoint: Bool {
    isCheckpointDue
      || (lastCheckpoint ?? oldestPosition).distance(to: nextPosition) >= options.checkpointBytes
  }

  /// A reader of what is written by now.
  package func reader() -> LogReader<FS> {
    LogReader(fileSystem: fileSystem, segments: segments, end: written.position)
  }
  @_specialize(where FS == PosixFileSystem)
  package func read(at position: LogPosition) throws(JournalError) -> (kind: UInt8, payload: [UInt8]) {
    try reader().read(at: position, through: window)
  }
  /// See `LogReader.scan`.
  @_specialize(where FS == PosixFileSystem)
  @discardableResult
  package func scan(
    from position: LogPosition, takesUnreadable: Bool = false,
    damage: (Range<LogPosition>) throws -> Void = { throw JournalError.damaged($0) },
    _ body: (LogPosition, UInt8, UnsafeRawBufferPointer) throws -> Void
  ) throws -> Bool {
    try reader().scan(from: position, takesUnreadable: takesUnreadable, damage: damage, body)
  }

  /// Something that this owner needs cannot be read: nothing is durable any more, and the next owner is told.
  package mutating func giveUp(_ error: FileError) {
    if failure == nil { _ = fail(error) }
  }

  /// The next owner is told what this one was told: what cannot be read has not ended nobody yet.
  package func tellNextOwner() {
    Adopter.note(FileError(.read, directory, code: FileError.inputOutput), fileSystem, directory)
  }

  func checkUsable() throws(JournalError) {
    precondition(lock != nil, "the journal is closed")
    if let failure { throw .poisoned(failure) }
  }

  /// From here on nothing is durable any more.
  mutating func fail(_ error: FileError) -> JournalError {
    failure = error
    Adopter.note(error, fileSystem, directory)
    return .poisoned(error)
  }
}

/// Below `upTo` nothing is needed as soon as all before `after` is durable: the copies that were made for it.
struct LogRelease {
  var upTo: LogPosition
  var after: LogPosition
}
