// One shard that a worker owns: its log, its rooms, and what is staged for its next write.
import Core

/// A class, so that a look at it does not copy it.
final class Shard {
  let store: any ShardStore
  let epoch: ShardEpoch
  let cut: UInt32
  let engineChanged: Bool
  /// The last owner could not read what it needed.
  let followsReadError: Bool
  /// A part of the log could not be read, and may be by the next owner: there may be rooms of which nothing is known.
  var mayHaveOthers = false
  let suspect: Suspect?
  let previousSuspect: Suspect?
  /// Where the suspect was carried to.
  let target: ModuleHash?
  /// Calls that are not made.
  var aside: Set<Suspect>
  var rooms: [RoomID: Room] = [:]
  @exclusivity(unchecked) var lastBatch = BatchNumber(0)
  /// Being staged; empty or headed.
  @exclusivity(unchecked) var batch: [UInt8] = []
  /// Being executed.
  @exclusivity(unchecked) var executing: [UInt8] = []
  @exclusivity(unchecked) var batchTime: Int64 = 0
  @exclusivity(unchecked) var executingTime: Int64 = 0
  @exclusivity(unchecked) var executingBatch = BatchNumber(0)
  @exclusivity(unchecked) var batchPosition = LogPosition(0)
  @exclusivity(unchecked) var annotations: [UInt8] = []
  @exclusivity(unchecked) var annotated: [Room] = []
  /// What the store said when it was asked for space last.
  @exclusivity(unchecked) private var knownSpace = false
  /// The turn of which that is true; 0: something was written since.
  @exclusivity(unchecked) private var spaceKnownIn: UInt64 = 0
  /// Since the store was asked last, something was written.
  @exclusivity(unchecked) var mayNeedCheckpoint = true
  /// Loops of the current gateway that have sent their complete lists since the adoption.
  var completeLoops: Set<UInt16> = []
  /// All those lists have come, or have had the time to: who is in none of them has nobody.
  var hasLists = false
  /// Tails of some rooms begin too far back.
  var hasLongTails = false
  /// Until when they have the time, in monotonic microseconds.
  var listsDueAt = Int64.max
  /// Where the checkpoint is that the adoption began with.
  var checkpointAt = LogPosition(0)
  /// Rooms to be woken after the adoption.
  var waking: [Room] = []
  /// Of those that sleep since the adoption, whose rooms they are has been looked up.
  var knowsBuilds = false
  /// Of them, those that are not here.
  var missingBuilds: Set<ModuleHash> = []

  init(_ store: any ShardStore, _ adoption: ShardAdoption) {
    self.store = store
    epoch = store.epoch
    cut = adoption.cut
    engineChanged = adoption.engineChanged
    followsReadError = adoption.followsReadError
    suspect = adoption.suspect
    previousSuspect = adoption.previousSuspect
    target = adoption.target
    aside = Set(adoption.aside)
  }
}

extension Shard {
  var hasNothingStaged: Bool { batch.isEmpty && annotations.isEmpty }
  func append(_ kind: UInt8, _ bytes: [UInt8]) throws(StoreError) -> LogPosition {
    var result: Result<LogPosition, StoreError>?
    bytes.withUnsafeBytes { buffer in
      do throws(StoreError) { result = .success(try store.append(kind, buffer)) } catch { result = .failure(error) }
    }
    return try result!.get()
  }
  /// What was appended is durable when it returns.
  func write() throws(StoreError) {
    try store.write()
    mayNeedCheckpoint = true
    spaceKnownIn = 0
  }
  /// What is staged from here on need not ask for itself, up to this much.
  func hasSpace(in turn: UInt64) -> Bool {
    if spaceKnownIn != turn {
      knownSpace = store.hasRoom(bytes: Limits.spaceAskedBytes, reserve: false)
      spaceKnownIn = turn
    }
    return knownSpace
  }
  var needsCheckpoint: Bool {
    guard mayNeedCheckpoint else { return false }
    mayNeedCheckpoint = store.needsCheckpoint
    return mayNeedCheckpoint
  }
}
