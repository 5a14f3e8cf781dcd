// What waits for the disk, done beside the worker's thread: background syncs, the next segments, removals.
internal import Core
internal import Glibc
internal import Journal
internal import Sandbox
internal import Wire
internal import WorkerCore
internal import WorkerStore

/// It yields after each small piece: the kernel lets who runs go on to the next tick, up to four milliseconds, whoever else
/// wants the processor.
enum DiskWork {
  typealias FS = PosixFileSystem
  static let everyMicroseconds: Int64 = 1_000_000
  /// From an adoption to the first segment that is prepared.
  static let restMicroseconds: Int64 = 2_000_000

  enum Result: Sendable {
    case synced(ShardID, SyncWork<FS>)
    case syncFailed(ShardID, FileError)
    case prepared(ShardID, PreparedSegment<FS>)
    case preparationFailed(ShardID, FileError)
    case removed(ShardID, RemovalWork<FS>)
    case noted
  }

  static func sync(_ shard: ShardID, _ work: SyncWork<FS>) -> Result {
    do throws(FileError) {
      try work.begin { sched_yield() }
      try work.run()
      return .synced(shard, work)
    } catch { return .syncFailed(shard, error) }
  }
  /// Zeros are written in small pieces with pauses between them: the worker's thread may want this processor. A segment
  /// may be needed soon, so they come to an end.
  private struct Pauses {
    private static let eachMicroseconds: UInt32 = 300
    private static let allTogether = Duration.milliseconds(400)
    private let end = ContinuousClock.now + allTogether
    func pause() {
      if ContinuousClock.now < end { usleep(Self.eachMicroseconds) } else { sched_yield() }
    }
  }
  static func prepare(_ shard: ShardID, _ work: PreparationWork<FS>) -> Result {
    let pauses = Pauses()
    do throws(FileError) { return .prepared(shard, try work.run { pauses.pause() }) } catch {
      return .preparationFailed(shard, error)
    }
  }
  /// What could not be removed is tried again with the next.
  static func remove(_ shard: ShardID, _ work: RemovalWork<FS>) -> Result {
    do throws(FileError) {
      try work.run()
      return .removed(shard, work)
    } catch { return error.operation == .sync ? .syncFailed(shard, error) : .noted }
  }
}

extension WorkerProcess {
  /// Once a second for each shard, and next of all for one that has sealed a segment: hands out what is to be done. One
  /// shard after another: all at once would take the processor for as many times as long from whoever is served meanwhile.
  func diskWork(_ now: Now) throws(StoreError) {
    guard now.monotonic >= nextDiskWork else { return }
    let owned = stores.keys.sorted()
    nextDiskWork = now.monotonic + DiskWork.everyMicroseconds / Int64(max(1, owned.count))
    prepareSegment()
    let sealed = owned.first { !syncing.contains($0) && stores[$0]!.hasSealedUnsynced }
    guard let shard = sealed ?? owned.first(where: { $0 > lastDiskWork }) ?? owned.first, let store = stores[shard]
    else {
      return
    }
    if sealed == nil { lastDiskWork = shard }
    if let work = store.readAheadWork() {
      background.run {
        work.run { sched_yield() }
        return .noted
      }
    }
    do throws(JournalError) {
      if !syncing.contains(shard), let work = try store.syncWork() {
        syncing.insert(shard)
        background.run { DiskWork.sync(shard, work) }
      }
    } catch { throw StoreError("shard \(shard): \(error)") }
    if let work = store.removalWork() { background.run { DiskWork.remove(shard, work) } }
  }

  /// One at a time, and none while players wait for a takeover: filling segments takes a core.
  private func prepareSegment() {
    guard preparing == nil, clocks().monotonic >= preparesFrom else { return }
    for shard in stores.keys.sorted() {
      guard let work = stores[shard]?.preparationWork() else { continue }
      preparing = shard
      background.run { DiskWork.prepare(shard, work) }
      return
    }
  }

  func collectDiskWork() throws(StoreError) {
    for result in background.collect() {
      do throws(JournalError) {
        switch result {
        case .synced(let shard, let work):
          syncing.remove(shard)
          try stores[shard]?.noteSynced(work)
        case .syncFailed(let shard, let error):
          if let store = stores[shard] { throw store.noteSyncFailed(error) }
        case .prepared(let shard, let segment):
          preparing = nil
          stores[shard]?.notePrepared(segment)
          if full.remove(shard) != nil {
            log("disk-space-back", "shard \(shard): its next segment is made; inputs and joins are taken again")
          }
          prepareSegment()
        case .preparationFailed(let shard, let error):
          preparing = nil
          stores[shard]?.notePreparationFailed(error)
          // It is tried again every second: one line when it begins, one when it ends.
          if full.insert(shard).inserted {
            log(
              "disk-full",
              "shard \(shard): no next segment could be made: \(error). Inputs and joins are refused until it can; "
                + "free space on the disk of \(configuration.data)")
          }
        case .removed(let shard, let work): stores[shard]?.noteRemoved(work)
        case .noted: break
        }
      } catch { throw StoreError("\(error)") }
    }
  }

  /// Two segments of each shard stand ready from the start, so they are small: 256 MiB for eight shards.
  private var journalOptions: JournalOptions {
    var options = JournalOptions()
    options.segmentBytes = 16 << 20
    options.recordBytesMax = 12 << 20
    options.checkpointBytes = Limits.checkpointEveryBytes
    options.historyBytes = configuration.historyBytes
    return options
  }

  /// Nil: it cannot be taken over just now, and `adoptionFailure` says why; nothing was changed.
  func openStore(_ assignment: ShardAssignment) throws(StoreError) -> (Store, ShardAdoption)? {
    let digits = String(assignment.shard.rawValue)
    let directory =
      configuration.data + "/shards/" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
    do throws(FileError) { try fileSystem.createDirectory(directory) } catch {
      if error.code == ENOSPC {
        adoptionFailure = error
        return nil
      }
      throw StoreError("\(error)")
    }
    let box: WordBox
    do throws(WorkerError) { box = try WordBox(mapping: directory + "/box") } catch { throw StoreError("\(error)") }
    do throws(JournalError) {
      return try Store.adopt(
        fileSystem, directory: directory,
        identity: JournalIdentity(
          shard: assignment.shard, boot: boot, durability: configuration.durability, engine: engine.identity),
        assigned: assignment.epoch, box: box, options: journalOptions)
    } catch {
      if let file = error.mayPass {
        adoptionFailure = file
        return nil
      }
      throw StoreError("shard \(assignment.shard) cannot be taken over: \(error)")
    }
  }
}
