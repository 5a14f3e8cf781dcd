// The worker: hosts rooms, one event at a time, exactly once. A value behind two seams, `RoomEngine` and `ShardStore`;
// its clock comes in. One turn of its owner's loop is
//
//   beginTurn(now) → receive(link, bytes)… → stage() → write() → execute() → upkeep() → take what is in `links`
//
// Nothing is executed before the batch that holds it is durable, so nothing derived from an event can leave earlier
// than the event itself (I-1). After `write` or `upkeep` has thrown, the worker is finished: its owner exits.
package import Core
package import Wire

package typealias LinkBusy = LinkToGateway.Busy

/// What the worker's owner is told beside the links' bytes.
package enum WorkerReport: Sendable {
  /// Code failed at an event; `verdict`: what becomes of it.
  case quarantined(
    room: RoomID, event: EventSeq, fault: RoomFault, bundle: CrashBundle, verdict: Annotation.Verdict)
  /// The room stands where it stood before the event that was quarantined: `image` is its state there.
  case rebuilt(room: RoomID, event: EventSeq, image: [UInt8])
  case frozen(room: RoomID, RoomEvent.FreezeReason, text: String)
  case removedMember(room: RoomID, slot: Slot)
  case adopted(ShardID, rooms: Int, active: Int)
  case failed(room: RoomID, text: String)
  case upgraded(room: RoomID, event: EventSeq, from: String, to: String, onProbation: Bool)
  /// `effects`: what the version that was left asked for and the other one did not, while both ran.
  case wentBack(room: RoomID, event: EventSeq, from: String, to: String, why: String, effects: [String])
  case twinEnded(room: RoomID, why: String)
  /// A call that is no event killed two owners in a row. It is not made again; what becomes of the room follows.
  case putAside(room: RoomID, NotedCall, fault: RoomFault, bundle: CrashBundle)
  /// Played again, the room came out differently. It goes on as it is.
  case differs(room: RoomID, event: EventSeq, module: ModuleHash, text: String)
}

struct Link {
  struct Target {
    var room: Room
    var slot: Slot
    var generation: Generation
  }
  /// Rises with each use of the place, so that answers to an older link are dropped.
  var life: UInt64
  var isOpen = true
  var gateway = GatewayEpoch(0)
  var loop: UInt16 = 0
  var loops: UInt16 = 0
  var out: [UInt8] = []
  var targets: [UInt32: Target] = [:]
  /// Rooms whose outputs are not confirmed yet, oldest first; nil for what was only sent again to somebody who came
  /// back, which must not hold up the room.
  var unconfirmed: [Room?] = []
  var firstUnconfirmed = 0
  var confirmed: UInt64 = 0
}

package struct Worker {
  enum Step {
    case event(Room, offset: Int, end: Int)
    case answer(Room, PendingAnswer)
  }

  package let engine: any RoomEngine
  package let map: ShardMap
  /// Modules of which players may make no new rooms here.
  package let withheld: Set<String>
  var shards: [Shard?]
  var links: [Link] = []
  var linkLives: UInt64 = 0
  var gateway = GatewayEpoch(0)
  var gatewayLoops: UInt16 = 0
  var now = Now(wall: 0, monotonic: 0)
  /// Of the shards' own, the earliest.
  var listsDueAt = Int64.max
  /// Some shard has rooms to be woken.
  var hasWaking = false
  var turn: UInt64 = 1

  /// By module; nil: nobody shares the server with this worker.
  var roomShares: [String: RoomShare]?
  /// Modules of which the server may have so many rooms and no more, if they say so.
  var boundedModules: Set<String> = []
  /// Rooms whose creation is staged.
  var creating = 0
  /// Shards of which something waits to be written.
  var staged: [Int] = []
  var steps: [Step] = []
  var executingSteps: [Step] = []
  var acksDue: [(Room, Slot)] = []
  var repairing: [Room] = []
  var autopsies: [Autopsy] = []
  /// Whether the state in which a version failed alone is worked out for its bundle, and reported as `rebuilt`.
  package var examinesFailures = false
  /// Joins whose room was not ready, by membership.
  var pendingJoins: [Membership: PendingJoin] = [:]
  var pendingKicks: [PendingKick] = []
  var pendingEnds: [PendingEnd] = []
  /// Rooms that have something to ask of others.
  var asking: [Room] = []
  /// How often something was asked.
  var attempts: UInt32 = 0
  /// By module and name; since this worker began.
  var moduleCounters: [String: [String: Int64]] = [:]
  /// A replay is under way: what it would count was counted.
  var isMuted = false
  /// What runs now was decided: it follows the record and is no news.
  var isFollowing = false
  /// The effects of whichever of two versions is not being settled; kept for its storage.
  var otherEffects = RoomEffects()
  var pendingUpgrades: [PendingUpgrade] = []
  var versions: [ModuleHash: VersionCounts] = [:]
  /// Some room may have two versions.
  var hasTwins = false
  var nextChecks: Int64 = 0
  /// In nanoseconds, for statistics alone: nothing is decided by it. True: of this thread's time on a processor. Nil: run
  /// times are not measured.
  package var stopwatch: ((_ isOfProcessor: Bool) -> UInt64)?
  var calls: UInt64 = 0
  /// Some room has just been upgraded.
  var snapshotsAreNeeded = false
  /// When the next room may be carried to another build, in monotonic microseconds.
  var nextUpgrade: Int64 = 0
  /// Rooms whose judgement found no space in the log.
  var unjudged: [Room] = []
  /// Something that waits for nothing else found no space in the log in this turn: the next need not come at once.
  var isShortOfSpace = false
  var due = DueQueue<Room> { $0.dueAt == $1 }
  /// Rooms that are asleep and wake by themselves.
  var sleepers = DueQueue<Room> { $0.wakesAt == $1 }
  /// Of the wall clock against the monotonic one, in microseconds, as `sleepers` and `due` have it.
  var clockOffset: Int64 = 0
  var awakeRooms: [Room] = []
  var tailCost: UInt64 = 0
  /// Of snapshots from which rooms were brought back.
  var restoredBytes: UInt64 = 0
  /// What this turn has spent on waking rooms, counted in events.
  var wokenCost: UInt64 = 0
  /// What a room needs cannot be read: this worker ends.
  var readFailure: StoreError?
  /// Where snapshots are made; kept for its storage.
  var snapshotBytes: [UInt8] = []
  var nextPassivation: Int64 = 0
  var sample: Sample?
  /// In monotonic microseconds.
  var nextSampleStep: Int64 = 0
  /// Of `awakeRooms`, which was looked at last.
  var sampleTurn = 0
  /// Less in the simulator, so that cleaning happens, and rooms sleep.
  package var logKeptBytes = Limits.logKeptBytes
  package var passivateSeconds = Limits.passivateSeconds
  /// More in the simulator, so that rooms are played again in short runs.
  package var samplePermille = Limits.samplePermille
  package var sampleEveryMicroseconds = Limits.sampleEveryMilliseconds * 1_000
  package var reports: [WorkerReport] = []
  package internal(set) var counters = WorkerCounters()

  package init(engine: any RoomEngine, map: ShardMap, withheld: Set<String> = []) {
    self.engine = engine
    self.map = map
    self.withheld = withheld
    shards = (0..<map.count).map { _ in nil }
  }

  /// The turn takes no more from links: what is left of their bytes waits for the next one.
  package var isFull: Bool { batchIsFull || hasWokenEnough }
  var batchIsFull: Bool { steps.count >= Limits.inputsPerBatchMax }

  // MARK: A turn

  package mutating func beginTurn(_ now: Now) {
    precondition(now.monotonic >= self.now.monotonic, "the monotonic clock went back")
    self.now = now
    turn += 1
    wokenCost = 0
    if abs(now.wall - now.monotonic - clockOffset) >= Limits.clockStepMilliseconds * 1_000 { takeClockStep() }
    isShortOfSpace = false
    beginUpgrades()
  }

  /// Appends what is staged to the log, one write per shard touched. Durable when it returns.
  package mutating func write() throws(StoreError) {
    if let readFailure { throw readFailure }
    guard !staged.isEmpty else { return }
    staged.sort()
    for s in staged { try writeShard(s) }
    staged.removeAll { shards[$0]?.hasNothingStaged ?? true }
  }

  mutating func writeShard(_ s: Int) throws(StoreError) {
    guard let shard = shards[s], !shard.hasNothingStaged else { return }
    var hasVerdicts = false
    if !shard.annotations.isEmpty {
      let size = shard.annotations.count + shard.batch.count
      hasVerdicts = shard.store.hasRoom(bytes: size, reserve: true)
      if hasVerdicts {
        _ = try shard.append(RecordKind.annotations, shard.annotations)
        shard.annotations.removeAll(keepingCapacity: true)
      } else {
        // Even the reserve is used up: their rooms wait for them, and nothing of those rooms is staged meanwhile.
        isShortOfSpace = true
        if shard.batch.isEmpty { return }
      }
    }
    if !shard.batch.isEmpty {
      shard.batchPosition = try shard.append(RecordKind.batch, shard.batch)
      (shard.batch, shard.executing) = (shard.executing, shard.batch)
      shard.executingTime = shard.batchTime
      shard.executingBatch = shard.lastBatch
      shard.batch.removeAll(keepingCapacity: true)
      counters.batches += 1
    }
    try shard.write()
    counters.writes += 1
    guard hasVerdicts else { return }
    for room in shard.annotated { room.repair?.annotationIsDurable = true }
    shard.annotated.removeAll(keepingCapacity: true)
  }

  /// Runs what `write` has made durable.
  package mutating func execute() {
    swap(&steps, &executingSteps)
    for step in executingSteps {
      switch step {
      case .event(let room, let offset, let end):
        let shard = shards[Int(room.shard.rawValue)]!
        room.stagedCount -= 1
        if room.tailStart == nil { room.tailStart = shard.batchPosition }
        let (batch, time) = (shard.executingBatch, shard.executingTime)
        if room.phase == .ready {
          // The buffer is taken out of the shard while its bytes are read: nothing else may touch it.
          let buffer = shard.executing
          buffer.withUnsafeBytes {
            perform(room, UnsafeRawBufferPointer(rebasing: $0[offset..<end]), batch, time, budget: .live)
          }
        } else {
          room.backlog.append(
            .event(bytes: Array(shard.executing[offset..<end]), batch: batch, time: time))
        }
      case .answer(let room, let answer):
        room.stagedCount -= 1
        switch room.phase {
        case .ready: self.answer(room, answer)
        case .stopped: answerStopped(room, answer)
        case .asleep, .repairing: room.backlog.append(.answer(answer))
        }
      }
    }
    executingSteps.removeAll(keepingCapacity: true)
    continueRepairs()
    issueAsked()
    sendAcks()
  }

  mutating func sendAcks() {
    for (room, slot) in acksDue {
      let c = Int(slot.rawValue)
      guard c < room.claims.count, room.claims[c].ackIsDue else { continue }
      room.claims[c].ackIsDue = false
      guard room.claims[c].link >= 0, let last = room.host?.lastSeq(of: slot) else { continue }
      links[room.claims[c].link].out.putAck(
        room.shard, epoch(room.shard), room.claims[c].route, last)
    }
    acksDue.removeAll(keepingCapacity: true)
  }

  func hasSpace(_ s: Int) -> Bool { shards[s]!.hasSpace(in: turn) }
  func epoch(_ shard: ShardID) -> ShardEpoch { shards[Int(shard.rawValue)]?.epoch ?? ShardEpoch(0) }
  func timeline(_ room: Room) -> Timeline {
    Timeline(cut: shards[Int(room.shard.rawValue)]!.cut, own: room.host?.ownTimeline ?? 0)
  }

  // MARK: Links

  /// A gateway loop, or control, connected. Answers with all shards that are served.
  package mutating func openLink() -> Int {
    linkLives += 1
    let i: Int
    if let free = links.firstIndex(where: { !$0.isOpen }) {
      i = free
      links[i] = Link(life: linkLives)
    } else {
      i = links.count
      links.append(Link(life: linkLives))
    }
    for s in shards.indices where shards[s] != nil {
      links[i].out.putServing(ShardID(UInt16(s)), shards[s]!.store.epoch)
    }
    return i
  }

  package mutating func closeLink(_ link: Int) {
    guard links[link].isOpen else { return }
    letGo(link)
    links[link].isOpen = false
    links[link].out = []
  }

  /// Nobody is spoken for over this link any more, and nothing waits for its confirmation.
  mutating func letGo(_ link: Int) {
    for target in links[link].targets.values.sorted(by: { ($0.room.id, $0.slot) < ($1.room.id, $1.slot) }) {
      unclaim(target.room, target.slot, link: link)
    }
    for i in links[link].firstUnconfirmed..<links[link].unconfirmed.count {
      links[link].unconfirmed[i]?.unconfirmed -= 1
    }
    links[link].targets = [:]
    links[link].unconfirmed = []
    links[link].firstUnconfirmed = 0
  }

  /// Gives what waits to be sent on a link; `body` returns how many bytes of it it took. Returns how many still wait.
  @discardableResult
  package mutating func takeOutput(_ link: Int, _ body: (UnsafeRawBufferPointer) -> Int) -> Int {
    guard links[link].isOpen, !links[link].out.isEmpty else { return 0 }
    let sent = links[link].out.withUnsafeBytes { body($0) }
    if sent == links[link].out.count {
      links[link].out.removeAll(keepingCapacity: true)
    } else {
      links[link].out.removeFirst(sent)
    }
    return links[link].out.count
  }
  package func pendingOutput(_ link: Int) -> Int { links[link].isOpen ? links[link].out.count : 0 }

  mutating func confirm(_ link: Int, records: UInt64) throws(LinkError) {
    let waiting = links[link].unconfirmed.count - links[link].firstUnconfirmed
    guard records >= links[link].confirmed, records - links[link].confirmed <= UInt64(waiting) else {
      throw LinkError("confirms \(records) outputs of which \(links[link].confirmed) were and \(waiting) can be")
    }
    let count = Int(records - links[link].confirmed)
    for i in 0..<count { links[link].unconfirmed[links[link].firstUnconfirmed + i]?.unconfirmed -= 1 }
    links[link].confirmed = records
    links[link].firstUnconfirmed += count
    if links[link].firstUnconfirmed == links[link].unconfirmed.count {
      links[link].unconfirmed.removeAll(keepingCapacity: true)
      links[link].firstUnconfirmed = 0
    } else if links[link].firstUnconfirmed > 4096 {
      links[link].unconfirmed.removeFirst(links[link].firstUnconfirmed)
      links[link].firstUnconfirmed = 0
    }
  }
}

/// Rising counts since the worker began.
package struct WorkerCounters: Sendable, Hashable {
  package var events: UInt64 = 0
  package var inputs: UInt64 = 0
  package var outputs: UInt64 = 0
  package var batches: UInt64 = 0
  package var writes: UInt64 = 0
  package var snapshots: UInt64 = 0
  package var checkpoints: UInt64 = 0
  package var quarantines: UInt64 = 0
  package var divergences: UInt64 = 0
  package var passivations: UInt64 = 0
  /// Sent to gateways for rooms, again ones among them.
  package var requests: UInt64 = 0
  /// Of passivated rooms, by what came due in them.
  package var wakes: UInt64 = 0
  /// Rooms that were played again and compared, and those that came out differently.
  package var samples: UInt64 = 0
  package var differences: UInt64 = 0
}
