// What comes due by itself: ticks, timers, claims and grace; snapshots, checkpoints and cleaning.
import Core
import Wire

extension Worker {
  /// Stages what is due. Call between `receive` and `write`.
  package mutating func stage() {
    wakeSome()
    wakeDue()
    closeOverdueLists()
    stageKicks()
    stageEnds()
    judgeAgain()
    while !batchIsFull, let (due, room) = due.take(upTo: now.monotonic) {
      guard room.dueAt == due else { continue }
      room.dueAt = Int64.max
      guard room.phase == .ready else { continue }
      stageEndings(room)
      stageProbation(room)
      stageClaims(room)
      stageTimers(room)
      stageTick(room)
      issueRequests(room, mayStage: true)
      schedule(room)
    }
  }

  /// When the owner's loop must turn again at the latest, in monotonic microseconds; nil: only when something comes.
  // `mutating`, because a worker is copied for anything else that its owner calls.
  package var nextDue: Int64? {
    mutating get {
      guard hasUrgentWork else {
        var at = listsDueAt
        if !pendingUpgrades.isEmpty { at = min(at, nextUpgrade) }
        if sample != nil { at = min(at, nextSampleStep) }
        at = min(at, due.first ?? Int64.max, sleepers.first ?? Int64.max)
        return at == Int64.max ? nil : at
      }
      return isShortOfSpace ? now.monotonic + Limits.retryHeldMilliseconds * 1_000 : now.monotonic
    }
  }

  /// What comes due in the room waits a moment.
  func hold(_ room: Room) { room.heldUntil = now.monotonic + Limits.retryHeldMilliseconds * 1_000 }

  private mutating func judgeAgain() {
    guard !unjudged.isEmpty else { return }
    let rooms = unjudged
    unjudged = []
    for room in rooms { judge(room) }
  }

  /// Puts the room into the queue for its next due thing.
  mutating func schedule(_ room: Room) {
    guard room.phase == .ready, let host = room.host else { return }
    var at = Int64.max
    for i in host.members.indices where host.frozen == nil {
      guard let member = host.members[i], i < room.claims.count, !room.claims[i].isChanging else { continue }
      if let since = room.claims[i].unclaimedSince, !member.suspended {
        at = min(at, since + Limits.claimSeconds * 1_000_000)
      }
      if let since = room.claims[i].graceSince, member.suspended, room.claims[i].link < 0 {
        at = min(at, since + grace(room))
      }
    }
    if host.frozen == nil {
      if let timer = host.timers.first { at = min(at, now.monotonic + max(0, timer.due - now.wall)) }
      if let twin = host.twin { at = min(at, due(of: twin, in: room)) }
      if ticks(room, host) { at = min(at, room.nextTick) }
    } else if host.twin != nil, !room.isTwinChanging {
      at = now.monotonic
    }
    for issue in room.issues { at = min(at, issue.dueAt) }
    if let leaves = leavesAt(room) { at = min(at, leaves) }
    if let passivates = passivatesAt(room) { at = min(at, max(passivates, nextPassivation)) }
    guard at != Int64.max, at < room.dueAt || room.dueAt <= now.monotonic else { return }
    at = max(at, room.heldUntil, now.monotonic + (at <= now.monotonic ? 1_000 : 0))
    room.dueAt = at
    due.put(room, due: at)
  }

  /// What comes due for the sake of the silent version.
  private func due(of twin: TwinPart, in room: Room) -> Int64 {
    var at = Int64.max
    if let timer = twin.timers.first { at = now.monotonic + max(0, timer.due - now.wall) }
    if !room.isTwinChanging, room.awake.eventSeq >= twin.endsAtEvent {
      at = min(at, now.monotonic + max(0, twin.endsAtTime - now.wall))
    }
    return at
  }

  private func ticks(_ room: Room, _ host: RoomHost) -> Bool {
    guard let settings = room.tickSettings, settings.ticksPerSecond > 0, host.ended == nil else { return false }
    return host.memberCount > 0 || settings.ticksWhenEmpty
  }

  private mutating func stageClaims(_ room: Room) {
    // A frozen room keeps its members as they are, like all of its state.
    guard let host = room.host, host.frozen == nil, !room.isEnding else { return }
    for i in host.members.indices {
      guard let member = host.members[i], i < room.claims.count, !room.claims[i].isChanging,
        room.claims[i].link < 0
      else { continue }
      let slot = Slot(UInt32(i))
      if !member.suspended, let since = room.claims[i].unclaimedSince,
        now.monotonic - since >= Limits.claimSeconds * 1_000_000
      {
        guard fitsReserve(room, 0) else { return hold(room) }
        room.claims[i].isChanging = true
        stage(room, .suspended(slot))
      } else if member.suspended, let since = room.claims[i].graceSince,
        now.monotonic - since >= grace(room)
      {
        guard fitsReserve(room, 0) else { return hold(room) }
        remove(room, slot, .expired)
      }
    }
  }

  private mutating func stageTimers(_ room: Room) {
    guard let host = room.host else { return }
    if let twin = host.twin { return stageWakes(room, host, twin) }
    guard let first = host.timers.first, first.due <= now.wall else { return }
    guard room.busy == nil, hasSpace(Int(room.shard.rawValue)) else { return hold(room) }
    var fired = 0
    for timer in host.timers {
      guard timer.due <= now.wall, fired < Limits.timersPerTurnMax else { break }
      guard !room.stagedTimers.contains(timer.id) else { continue }
      guard fits(room, timer.payload.count) else { return hold(room) }
      room.stagedTimers.append(timer.id)
      fired += 1
      timer.payload.withUnsafeBytes { stage(room, .timer(timer.id, payload: $0)) }
    }
  }

  /// As many as the version with more due timers needs: each fires its own first one at each of them.
  private mutating func stageWakes(_ room: Room, _ host: RoomHost, _ twin: TwinPart) {
    let due = max(host.timers.count { $0.due <= now.wall }, twin.timers.count { $0.due <= now.wall })
    guard due > room.stagedWakes, host.ended == nil else { return }
    guard room.busy == nil, hasSpace(Int(room.shard.rawValue)) else { return hold(room) }
    for _ in 0..<min(due - room.stagedWakes, Limits.timersPerTurnMax) {
      guard fits(room, 0) else { return hold(room) }
      room.stagedWakes += 1
      stage(room, .wake)
    }
  }

  /// A room makes up a few ticks after a gap, then skips and is told how many (protocol §8.2).
  private mutating func stageTick(_ room: Room) {
    guard let host = room.host, ticks(room, host), now.monotonic >= room.nextTick else { return }
    let period = Int64(1_000_000) / Int64(room.tickSettings!.ticksPerSecond)
    guard room.busy == nil, fits(room, 0) else {
      // The room's clock stands still while it may not run.
      room.nextTick = now.monotonic + period
      return
    }
    let missed = (now.monotonic - room.nextTick) / period
    var skipped = missed >= Int64(Limits.ticksMadeUpMax) ? missed - Int64(Limits.ticksMadeUpMax) + 1 : 0
    if host.tick == 0 && room.stagedTick == 0 { skipped = 0 }
    room.nextTick += (skipped + 1) * period
    room.stagedTick = max(room.stagedTick, host.tick) + 1
    stage(room, .tick(number: room.stagedTick, skipped: UInt32(clamping: skipped)))
  }

  // MARK: After execution

  /// Snapshots within the replay budget, checkpoints, cleaning and passivation. Call after `execute`.
  package mutating func upkeep() throws(StoreError) {
    if let readFailure { throw readFailure }
    let budget = UInt64(Limits.replayBudgetMilliseconds) * RoomCost.fuelPerMillisecond
    var taken = 0
    if snapshotsAreNeeded { try takeNeededSnapshots() }
    while tailCost > budget, taken < Limits.snapshotsPerTurnMax {
      guard let room = costliestToReplay else { break }
      try snapshot(room)
      taken += 1
    }
    for s in shards.indices where shards[s] != nil {
      if !shards[s]!.knowsBuilds { learnBuilds(s) }
      if shards[s]!.needsCheckpoint { try checkpoint(s) }
      if shards[s]!.hasLongTails { try shortenTails(s) }
    }
    try passivateIdle()
    checkTwins()
    sampleDeterminism()
  }

  /// Of rooms whose tail holds an image: the next replay shall not need it.
  private mutating func takeNeededSnapshots() throws(StoreError) {
    snapshotsAreNeeded = false
    for room in awakeRooms where room.needsSnapshot {
      if canSnapshot(room), room.snapshotNotBefore <= now.monotonic { try snapshot(room) }
      if room.needsSnapshot { snapshotsAreNeeded = true }
    }
  }

  /// Of the rooms that can be snapshot and would gain by it.
  private var costliestToReplay: Room? {
    var found: Room?
    for room in awakeRooms
    where room.tailCost > found?.tailCost ?? 0 && canSnapshot(room) && room.snapshotNotBefore <= now.monotonic {
      found = room
    }
    return found
  }

  func canSnapshot(_ room: Room) -> Bool {
    room.phase == .ready && room.stagedCount == 0 && room.ordersPending == 0 && room.host != nil && maySave(room)
  }

  /// Writes the room's whole state; its tail begins anew. Calls nothing in the guest, consumes no number.
  /// `mayUseReserve`: to let go of old segments, which gives space back.
  mutating func snapshot(_ room: Room, mayUseReserve: Bool = false) throws(StoreError) {
    precondition(canSnapshot(room), "a snapshot in the middle of an event")
    let s = Int(room.shard.rawValue)
    // Taken out of `self` while it is filled, so that it is nobody else's and keeps its storage.
    var bytes: [UInt8] = []
    swap(&bytes, &snapshotBytes)
    defer { swap(&bytes, &snapshotBytes) }
    bytes.removeAll(keepingCapacity: true)
    encodeSnapshot(room, into: &bytes)
    guard fitsBesideStaged(s, bytes.count, reserve: mayUseReserve) else {
      // Making it again every turn would take the processor from rooms that still can go on.
      room.snapshotNotBefore = now.monotonic + 1_000_000
      return
    }
    room.snapshot = try shards[s]!.append(RecordKind.snapshot, bytes)
    room.snapshotSize = bytes.count
    room.knowsSnapshot = true
    try shards[s]!.write()
    engine.beginAnew(room.instance!)
    if let twin = room.twin { engine.beginAnew(twin) }
    room.tailStart = nil
    room.tail.removeAll(keepingCapacity: !room.needsSnapshot)
    room.tailAnnotations.removeAll()
    room.needsSnapshot = false
    room.needsLargerStack = false
    tailCost -= room.tailCost
    room.tailCost = 0
    counters.snapshots += 1
  }

  /// The room's state as a snapshot record holds it: equal bytes are equal states.
  package func encodeSnapshot(_ room: Room) -> [UInt8] {
    var bytes: [UInt8] = []
    encodeSnapshot(room, into: &bytes)
    return bytes
  }
  private func encodeSnapshot(_ room: Room, into bytes: inout [UInt8]) {
    RoomSnapshot.encodeHost(room.id, room.awake, into: &bytes)
    room.imageBytes = putImage(room, room.instance!, room.awake.module, into: &bytes)
    if let twin = room.awake.twin { room.twinImageBytes = putImage(room, room.twin!, twin.module, into: &bytes) }
  }
  private func putImage(
    _ room: Room, _ instance: any RoomInstance, _ build: ModuleHash, into bytes: inout [UInt8]
  ) -> Int {
    let length = bytes.count
    bytes.put(UInt32(0))
    _ = save(room, instance, build, into: &bytes)
    bytes.patch(UInt32(bytes.count - length - 4), at: length)
    return bytes.count - length - 4
  }

  /// Where each room's snapshot and tail are. Rooms whose tail begins far back, or whose snapshot stands in a segment
  /// that is to go, are brought forward first, so that the log can be let go of from its oldest end.
  private mutating func checkpoint(_ s: Int) throws(StoreError) {
    // Rooms that it does not name would be no more.
    guard !shards[s]!.mayHaveOthers else { return }
    let size = Checkpoint.bytesMax(rooms: shards[s]!.rooms.count)
    // On a full disk the reserve is for what must be written; a checkpoint only makes a takeover quicker.
    guard fitsBesideStaged(s, size, reserve: hasSpace(s)) else { return }
    let end = shards[s]!.store.end
    let oldest = shards[s]!.store.oldest
    let keep = LogPosition(end.rawValue > logKeptBytes ? end.rawValue - logKeptBytes : 0)
    if oldest < keep { try bringForward(s, from: keep) }
    shards[s]!.hasLongTails = true
    var scan = shards[s]!.store.end
    for room in shards[s]!.rooms.values { scan = min(scan, room.tailStart ?? scan) }
    snapshotBytes.removeAll(keepingCapacity: true)
    shards[s]!.checkpoint(scanFrom: scan).encode(into: &snapshotBytes)
    // What was brought forward may have used it up.
    guard fitsBesideStaged(s, snapshotBytes.count, reserve: true) else { return }
    let store = shards[s]!.store
    var failure: StoreError?
    snapshotBytes.withUnsafeBytes { buffer in
      do throws(StoreError) { try store.appendCheckpoint(buffer) } catch { failure = error }
    }
    if let failure { throw failure }
    try shards[s]!.write()
    counters.checkpoints += 1
    let needed = shards[s]!.rooms.values.reduce(scan) { min($0, $1.snapshot ?? $0) }
    if needed > oldest { try shards[s]!.store.release(upTo: needed) }
  }

  /// A takeover reads the log from the oldest tail on: rooms with few events must not hold it far back. A few rooms in one
  /// turn, so that players do not wait for all of them, and more where the turn itself has written much.
  private mutating func shortenTails(_ s: Int) throws(StoreError) {
    let (end, span) = (shards[s]!.store.end.rawValue, tailSpan(s))
    var left = Limits.shortenedBytesPerTurn + shards[s]!.executing.count
    for room in awakeRooms where Int(room.shard.rawValue) == s && canSnapshot(room) {
      guard let start = room.tailStart, start.rawValue + span < end, room.snapshotNotBefore <= now.monotonic else {
        continue
      }
      guard left > 0 else { return }
      try snapshot(room)
      // One that found no space has taken its time, too.
      left -= max(room.snapshotSize, Limits.shortenedBytesPerTurn / Limits.snapshotsPerTurnMax)
    }
    shards[s]!.hasLongTails = false
  }

  /// Twice what snapshots of all its rooms take, and more: were it less than they take, each round of them would make the
  /// next one due, and players would wait for a disk that writes nothing else.
  private func tailSpan(_ s: Int) -> UInt64 {
    var span = Limits.tailLogBytes + UInt64(shards[s]!.rooms.count) * Limits.tailLogBytesPerRoom
    for room in awakeRooms where Int(room.shard.rawValue) == s { span += 2 * UInt64(room.snapshotSize) }
    return span
  }

  private mutating func bringForward(_ s: Int, from keep: LogPosition) throws(StoreError) {
    var taken = 0
    for room in shards[s]!.rooms.values.sorted(by: { $0.id < $1.id }) {
      let first = min(room.snapshot ?? room.tailStart ?? keep, room.tailStart ?? keep)
      guard first < keep, taken < Limits.broughtForwardPerCheckpoint else { continue }
      taken += 1
      if canSnapshot(room) {
        // The copies gathered so far do not count against its size.
        try shards[s]!.write()
        try snapshot(room, mayUseReserve: true)
      } else if room.phase == .asleep || room.phase == .stopped {
        try copyForward(s, room)
      }
    }
    try shards[s]!.write()
  }

  /// Copies a room's snapshot and tail as they stand: nothing is executed, so a room that cannot run keeps its record.
  /// Written with the next write: one for each room would be one sync for each at `disk`.
  private mutating func copyForward(_ s: Int, _ room: Room) throws(StoreError) {
    // What is damaged stays where it is, and so does the log from there on, until somebody has repaired it.
    guard !room.isDamaged else { return }
    // Nor is a room moved that stopped while it was awake: its tail is in the log alone, until the next owner reads it.
    guard room.tailStart == nil || !room.found.isEmpty else { return }
    var bytes: [UInt8] = []
    if let position = room.snapshot {
      do throws(WakeError) { bytes = try readSnapshot(room, at: position) } catch {
        if let readFailure { throw readFailure }
        if room.phase == .asleep { stop(room, .diverged, error.text) }
        return
      }
    }
    let size = bytes.count + room.found.count + room.foundAnnotations.count * 64 + 64
    if !fitsBesideStaged(s, size, reserve: true) {
      try shards[s]!.write()
      guard fitsBesideStaged(s, size, reserve: true) else { return }
    }
    if room.snapshot != nil { room.snapshot = try shards[s]!.append(RecordKind.snapshot, bytes) }
    room.tailStart = nil
    if !room.found.isEmpty {
      var tail: [UInt8] = []
      tail.put(room.id)
      tail.put(UInt32(room.foundAnnotations.count))
      for key in room.foundAnnotations.keys.sorted() { room.foundAnnotations[key]!.encode(into: &tail) }
      tail.append(contentsOf: room.found)
      room.tailStart = try shards[s]!.append(RecordKind.tail, tail)
    }
  }

  /// A clean stop of all shards: snapshots of what is awake make the next start quick, then the logs are closed.
  package mutating func close() throws(StoreError) {
    for s in shards.indices where shards[s] != nil {
      for room in awakeRooms where Int(room.shard.rawValue) == s && canSnapshot(room) && room.tailStart != nil {
        try snapshot(room)
      }
      try checkpoint(s)
      try shards[s]!.store.close()
      shards[s] = nil
    }
  }
}
