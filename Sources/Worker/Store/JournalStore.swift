// A shard's journal behind the worker's seam. At `disk` a write is a write and a sync; at `process` it is a write, and
// the owner's loop has the rest synced about once a second, on whatever thread it likes.
package import Core
package import Journal
package import WorkerCore

package final class JournalStore<FS: FileSystem, Box: BlackBox>: ShardStore {
  private var journal: ShardJournal<FS>
  private let box: BlackBoxView<Box>
  private let durability: Durability
  /// Of payload: a batch is one record.
  private let recordBytesMax: Int

  private init(
    _ journal: consuming ShardJournal<FS>, _ box: BlackBoxView<Box>, _ durability: Durability, _ recordBytesMax: Int
  ) {
    self.journal = journal
    self.box = box
    self.durability = durability
    self.recordBytesMax = recordBytesMax
  }

  /// Takes the shard's directory, which must exist; `locked` while another process holds it. The box is read only once
  /// the lock is held.
  package static func adopt(
    _ fileSystem: FS, directory: String, identity: JournalIdentity, assigned: ShardEpoch, box: Box,
    options: JournalOptions = JournalOptions()
  ) throws(JournalError) -> (JournalStore, ShardAdoption) {
    let journal = try ShardJournal.adopt(
      fileSystem, directory: directory, identity: identity, assigned: assigned, options: options)
    let found = journal.adoption
    let view = BlackBoxView(box)
    let left = view.takeOver(identity.boot)
    var adoption = ShardAdoption(
      cut: found.cutCounter, checkpoint: found.lastCheckpoint,
      engineChanged: found.lastEngine.map { $0 != identity.engine } ?? false, suspect: left.suspect,
      previousSuspect: left.previous)
    adoption.target = left.target
    adoption.aside = left.aside
    adoption.followsReadError = found.followsReadError
    // Less a record's frame, with room to spare.
    return (JournalStore(journal, view, identity.durability, options.recordBytesMax - 64), adoption)
  }

  package var shard: ShardID { journal.shard }
  package var adoption: Adoption { journal.adoption }

  // MARK: ShardStore

  // What is called through the protocol is not specialised by its callers, and looking its types up takes longer than
  // its work: a seventh of a worker's time in small turns.

  package var epoch: ShardEpoch {
    @_specialize(where FS == PosixFileSystem, Box == WordBox)
    get { journal.epoch }
  }
  package var end: LogPosition {
    @_specialize(where FS == PosixFileSystem, Box == WordBox)
    get { journal.nextPosition }
  }
  package var oldest: LogPosition {
    @_specialize(where FS == PosixFileSystem, Box == WordBox)
    get { journal.oldestPosition }
  }
  package var needsCheckpoint: Bool {
    @_specialize(where FS == PosixFileSystem, Box == WordBox)
    get { journal.needsCheckpoint }
  }

  @_specialize(where FS == PosixFileSystem, Box == WordBox)
  package func hasRoom(bytes: Int, reserve: Bool) -> Bool {
    bytes <= recordBytesMax && (reserve || journal.hasSpace)
      && journal.canAppend(bytes, records: 4, useReserve: reserve)
  }
  @_specialize(where FS == PosixFileSystem, Box == WordBox)
  package func append(_ kind: UInt8, _ payload: UnsafeRawBufferPointer) throws(StoreError) -> LogPosition {
    journal.append(kind, payload)
  }
  @_specialize(where FS == PosixFileSystem, Box == WordBox)
  package func appendCheckpoint(_ payload: UnsafeRawBufferPointer) throws(StoreError) {
    journal.append(Journal.RecordKind.checkpoint, payload)
  }
  @_specialize(where FS == PosixFileSystem, Box == WordBox)
  package func write() throws(StoreError) {
    try stated { () throws(JournalError) in
      try journal.write()
      if durability == .disk { try journal.sync() }
    }
  }
  @_specialize(where FS == PosixFileSystem, Box == WordBox)
  package func read(at position: LogPosition) throws(StoreError) -> [UInt8] {
    try stated { () throws(JournalError) in try journal.read(at: position).payload }
  }
  @_specialize(where FS == PosixFileSystem, Box == WordBox)
  @discardableResult
  package func scan(
    from position: LogPosition, damage: (Range<LogPosition>) -> Void,
    _ body: (LogPosition, UInt8, UnsafeRawBufferPointer) throws(StoreError) -> Void
  ) throws(StoreError) -> Bool {
    do {
      return try journal.scan(
        from: position, takesUnreadable: journal.adoption.followsReadError, damage: damage, body)
    } catch let error as StoreError { throw error } catch {
      let file = (error as? JournalError)?.readError
      if let file { journal.giveUp(file) }
      throw StoreError("shard \(shard): \(error)", file: file)
    }
  }
  package func giveUp(_ error: FileError) { journal.giveUp(error) }
  package func tellNextOwner() { journal.tellNextOwner() }
  package func release(upTo position: LogPosition) throws(StoreError) { journal.release(upTo: position) }
  package func close() throws(StoreError) { try stated { () throws(JournalError) in try journal.close() } }
  @_specialize(where FS == PosixFileSystem, Box == WordBox)
  package func enter(_ room: RoomID, _ event: EventSeq) { box.enter(room, event) }
  @_specialize(where FS == PosixFileSystem, Box == WordBox)
  package func leave() { box.leave() }
  package func countDeath(at room: RoomID, _ event: EventSeq) { box.countDeath(at: room, event) }
  package func enter(_ call: Suspect, to target: ModuleHash?) { box.enter(call, to: target) }
  package func putAside(_ call: Suspect) { box.putAside(call) }
  package func forget(_ room: RoomID) { box.forget(room) }

  private func stated<R>(_ body: () throws(JournalError) -> R) throws(StoreError) -> R {
    do throws(JournalError) { return try body() } catch {
      throw StoreError("shard \(shard): \(error)", file: error.readError)
    }
  }

  // MARK: What waits for a disk, in parts for another thread (see `ShardJournal`)

  package func syncWork() throws(JournalError) -> SyncWork<FS>? { try journal.syncWork() }
  package func noteSynced(_ work: SyncWork<FS>) throws(JournalError) { try journal.noteSynced(work) }
  package func noteSyncFailed(_ error: FileError) -> JournalError { journal.noteSyncFailed(error) }
  package func preparationWork() -> PreparationWork<FS>? { journal.preparationWork() }
  package func notePrepared(_ segment: PreparedSegment<FS>) { journal.notePrepared(segment) }
  package func notePreparationFailed(_ error: FileError) { journal.notePreparationFailed(error) }
  package func readAheadWork() -> ReadAheadWork<FS>? { journal.readAheadWork() }
  package func removalWork() -> RemovalWork<FS>? { journal.removalWork() }
  package func noteRemoved(_ work: RemovalWork<FS>) { journal.noteRemoved(work) }
  /// A sealed segment waits for its sync: have it synced now rather than at the next second.
  package var hasSealedUnsynced: Bool { journal.hasSealedUnsynced }
  package var durablePosition: LogPosition { journal.durablePosition }
  /// Why no next segment could be prepared; while it lasts, inputs and joins are busy.
  package var spaceFailure: FileError? { journal.preparationFailure }

  /// The next segment, and removals, here and now: a failure of either only means that it is tried again, unless it is of a
  /// sync.
  package func prepareAndRemove() throws(StoreError) {
    if let work = preparationWork() {
      do throws(FileError) { notePrepared(try work.run()) } catch { notePreparationFailed(error) }
    }
    if let work = removalWork() {
      do throws(FileError) {
        try work.run()
        noteRemoved(work)
      } catch {
        if error.operation == .sync { throw StoreError("shard \(shard): \(noteSyncFailed(error))") }
      }
    }
  }
  /// Everything written becomes durable. An error poisons the journal: its owner must exit.
  package func sync() throws(StoreError) { try stated { () throws(JournalError) in try journal.sync() } }
}

extension JournalError {
  /// What the disk said where nothing was to be written.
  fileprivate var readError: FileError? {
    if case .file(let error) = self { return error }
    return nil
  }
}
