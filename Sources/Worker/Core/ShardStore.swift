// The seam between a worker and a shard's journal.
package import Core

/// The kinds of records that a worker writes into a shard's log. 1…15 are the journal's own.
package enum RecordKind {
  /// Events of one write to one shard: `BatchRecord`.
  package static let batch: UInt8 = 16
  /// Verdicts on events written earlier: `Annotation`s.
  package static let annotations: UInt8 = 17
  /// One room's whole state: `RoomSnapshot`.
  package static let snapshot: UInt8 = 18
  /// A tail that is copied forward, not executed.
  package static let tail: UInt8 = 19
}

/// The log took nothing, or cannot be read: the worker reports it and exits; a new owner starts from what is durable.
package struct StoreError: Error, Sendable, CustomStringConvertible {
  package var description: String
  /// Of a read: what the disk said; nil: it gave what is not the record that was written.
  package var file: FileError?
  package init(_ description: String, file: FileError? = nil) {
    self.description = description
    self.file = file
  }
}

/// One shard's log, owned under its epoch. Synchronous: after `write` returns, what was appended is durable at the
/// configured level. Whatever cannot promise that (a replicated log) calls `Worker.execute` later instead.
package protocol ShardStore: AnyObject {
  var epoch: ShardEpoch { get }
  /// The end of what was appended.
  var end: LogPosition { get }
  /// The oldest record that is still kept.
  var oldest: LogPosition { get }
  /// A checkpoint is due: a new segment was begun, or enough was written since the last.
  var needsCheckpoint: Bool { get }
  /// Whether so many more bytes fit. `reserve`: into the part kept for leaves, attaches, annotations and cleaning.
  func hasRoom(bytes: Int, reserve: Bool) -> Bool
  /// Adds a record to the next write.
  func append(_ kind: UInt8, _ payload: UnsafeRawBufferPointer) throws(StoreError) -> LogPosition
  /// Adds a checkpoint to the next write.
  func appendCheckpoint(_ payload: UnsafeRawBufferPointer) throws(StoreError)
  func write() throws(StoreError)
  /// Reads one record's payload. Fails for each alike: what it means is the caller's to say.
  func read(at position: LogPosition) throws(StoreError) -> [UInt8]
  /// Reads all records from a position on, in order, and goes on behind what is damaged, which `damage` is told;
  /// so is what the disk does not give, if the last owner could not read something: true, if there was such.
  @discardableResult
  func scan(
    from position: LogPosition, damage: (Range<LogPosition>) -> Void,
    _ body: (LogPosition, UInt8, UnsafeRawBufferPointer) throws(StoreError) -> Void
  ) throws(StoreError) -> Bool
  /// What this owner needs cannot be read: nothing is written from here on, and the next owner is told why.
  func giveUp(_ error: FileError)
  /// The next owner is told that the last one could not read something, as this one was.
  func tellNextOwner()
  /// Nothing before the position is needed any more. Syncs what was written before it lets go of anything.
  func release(upTo position: LogPosition) throws(StoreError)
  /// A clean end; nothing may follow.
  func close() throws(StoreError)

  /// The black box: survives the process's death. `enter` before an event is executed, `leave` when it has returned.
  func enter(_ room: RoomID, _ event: EventSeq)
  /// The same before a call that is no event; what was noted before has returned. `target`: where the room is carried to.
  func enter(_ call: Suspect, to target: ModuleHash?)
  func leave()
  /// Something counts as a death at the event although its process lives: another one at it is the second in a row.
  func countDeath(at room: RoomID, _ event: EventSeq)
  /// The call is not made again, by later owners neither, as far as the black box survives.
  func putAside(_ call: Suspect)
  /// Nothing of the room is put aside any more: it is another one from here on.
  func forget(_ room: RoomID)
}

extension ShardStore {
  /// Of a store that is in memory.
  package func giveUp(_ error: FileError) {}
  package func tellNextOwner() {}
}

/// What a new owner found when it took a shard.
package struct ShardAdoption: Sendable {
  /// Rises whenever history may have been cut.
  package var cut: UInt32
  /// Where the last checkpoint is, or nil: scan from the oldest record.
  package var checkpoint: LogPosition?
  /// Another engine than today's wrote the end of the log.
  package var engineChanged: Bool
  /// The last owner could not read what it needed: what cannot be read now is unreadable.
  package var followsReadError = false
  /// What was executing when the last owner died, and the one before it.
  package var suspect: Suspect?
  package var previousSuspect: Suspect?
  /// Where the suspect was carried to, if it is about that.
  package var target: ModuleHash?
  /// Calls that killed two owners in a row.
  package var aside: [Suspect] = []

  package init(
    cut: UInt32, checkpoint: LogPosition?, engineChanged: Bool, suspect: Suspect? = nil, previousSuspect: Suspect? = nil
  ) {
    self.cut = cut
    self.checkpoint = checkpoint
    self.engineChanged = engineChanged
    self.suspect = suspect
    self.previousSuspect = previousSuspect
  }
}
