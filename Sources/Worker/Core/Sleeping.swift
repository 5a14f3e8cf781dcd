// Rooms that nobody needs leave memory (protocol §7.3), and are brought back by whoever asks for them, after an adoption,
// or when something of them comes due: a timer of either version, the end of a room that nobody came to.
import Core

extension Worker {
  // MARK: To sleep

  /// When the room may leave memory if nothing happens in it, in monotonic microseconds; nil: not as it is.
  func passivatesAt(_ room: Room) -> Int64? {
    guard let host = room.host, host.memberCount == 0, host.requests.isEmpty, host.frozen == nil,
      room.tickSettings?.ticksWhenEmpty != true || host.ended != nil
    else { return nil }
    let span = passivateSeconds * 1_000_000
    let at = max(room.idleSince + span, room.snapshotNotBefore)
    // It would have to be back too soon.
    if let due = host.firstTimerDue, monotonic(of: due) <= max(at, now.monotonic) + span { return nil }
    return at
  }

  /// Rooms that nobody needs leave memory, a few a turn.
  mutating func passivateIdle() throws(StoreError) {
    guard now.monotonic >= nextPassivation else { return }
    nextPassivation = now.monotonic + 1_000_000
    var taken = 0
    for room in awakeRooms where canSnapshot(room) && isIdle(room) {
      guard taken < 64 else { break }
      try passivate(room)
      taken += 1
    }
  }

  private func isIdle(_ room: Room) -> Bool {
    guard room.joining.isEmpty, let at = passivatesAt(room) else { return false }
    return at <= now.monotonic
  }

  private mutating func passivate(_ room: Room) throws(StoreError) {
    if !room.tail.isEmpty || room.tailStart != nil || room.snapshot == nil { try snapshot(room) }
    guard room.tailStart == nil, room.instance != nil else { return }
    room.sleepsUntil = leavesAt(room)
    room.timerDue = room.host?.firstTimerDue
    room.isOver = room.host?.ended != nil
    // The next owner's clock for its end begins with it, so it has to have it in memory.
    room.wasActive = room.sleepsUntil != nil
    discardInstances(room)
    room.phase = .asleep
    room.host = nil
    room.tail = []
    room.tailAnnotations = [:]
    room.claims = []
    room.described = nil
    room.dueAt = Int64.max
    awakeRooms.removeAll { $0 === room }
    counters.passivations += 1
    putToSleep(room)
  }

  /// Has the room woken when the first thing in it is due.
  mutating func putToSleep(_ room: Room) {
    let at = min(room.sleepsUntil ?? Int64.max, room.timerDue.map(monotonic) ?? Int64.max)
    room.wakesAt = at == Int64.max ? at : max(at, now.monotonic + 1_000)
    if at != Int64.max { sleepers.put(room, due: room.wakesAt) }
  }

  /// Of a time by the wall clock, as both clocks are now. What is past is now.
  func monotonic(of wall: Int64) -> Int64 { now.monotonic + max(0, wall - now.wall) }

  /// The wall clock was set: timers are due by it, those of sleeping rooms too.
  mutating func takeClockStep() {
    clockOffset = now.wall - now.monotonic
    for s in shards.indices where shards[s] != nil {
      for room in shards[s]!.rooms.values.sorted(by: { $0.id < $1.id }) {
        if room.phase == .asleep {
          if room.timerDue != nil, !room.isActive || room.wakesAt != Int64.max { putToSleep(room) }
        } else if room.host?.firstTimerDue != nil {
          schedule(room)
        }
      }
    }
  }

  // MARK: Awake

  // A turn wakes what somebody asks for, then what adoptions found, then what is due in sleeping rooms: one of each at
  // least, and no more once it has cost enough. So rooms that are back play while others are still to come.

  /// Wakes some of the rooms found by adoptions.
  mutating func wakeSome() {
    guard hasWaking else { return }
    defer { hasWaking = shards.contains { !($0?.waking.isEmpty ?? true) } }
    for s in shards.indices where shards[s] != nil {
      while let room = shards[s]!.waking.popLast() {
        guard room.phase == .asleep else { continue }
        wake(room)
        if hasWokenEnough { return }
      }
    }
  }

  /// Wakes some of the sleeping rooms in which something is due, in that order.
  mutating func wakeDue() {
    while let (due, room) = sleepers.take(upTo: now.monotonic) {
      guard room.wakesAt == due else { continue }
      room.wakesAt = Int64.max
      guard room.phase == .asleep else { continue }
      // Rooms that nobody is in leave some places to those that somebody asks for.
      guard placesTaken < Limits.liveRoomsMax - Limits.placesKeptFromSleepers else {
        wakeLater(room)
        continue
      }
      wake(room)
      counters.wakes += room.phase == .asleep ? 0 : 1
      if hasWokenEnough { return }
    }
  }

  /// Waking is counted in events: cheap to know, and bounded by the replay budget as a whole.
  private mutating func noteWaking(since before: UInt64) {
    wokenCost += wakeCost - before + Limits.wakeCostsEvents
  }
  private var wakeCost: UInt64 { counters.events + restoredBytes / Limits.wakeBytesPerEvent }
  var hasWokenEnough: Bool { wokenCost > Limits.wakeEventsPerTurn }

  /// Brings a sleeping room back: snapshot, decided events, then the undecided ones anew.
  mutating func wake(_ room: Room) {
    // Without a place for it the room stays asleep, and who asked is told to come again.
    guard room.phase == .asleep else { return }
    guard placesTaken < Limits.liveRoomsMax else { return wakeLater(room) }
    if isPutAside(room) { return stop(room, .kills, "it was put aside, with its record as it is") }
    let before = wakeCost
    defer { noteWaking(since: before) }
    do throws(WakeError) {
      if let position = room.snapshot {
        try restore(room, position)
        awaken(room)
      }
      room.phase = .ready
      try replay(room)
      room.timerDue = nil
      room.sleepsUntil = nil
      room.wakesAt = Int64.max
    } catch {
      discardInstances(room)
      if let reason = error.reason { return stop(room, reason, error.text) }
      guard readFailure == nil, room.needsLargerStack, !room.hasLargerStack else { return wakeLater(room) }
      (room.phase, room.host) = (.asleep, nil)
      wake(room)
    }
  }

  /// There is no place for it now: it stays as it is in the log, and is tried again, by itself too.
  private mutating func wakeLater(_ room: Room) {
    room.phase = .asleep
    room.host = nil
    guard room.isActive || room.timerDue != nil, room.wakesAt == Int64.max else { return }
    room.wakesAt = now.monotonic + Limits.retryWakeMilliseconds * 1_000
    sleepers.put(room, due: room.wakesAt)
  }
}
