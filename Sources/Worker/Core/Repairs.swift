// When a room's code fails at an event: the room is rebuilt to just before it, the verdict is written, the room goes
// on. Nothing of the failed event is left but the host's `Result` (protocol §4.2).
import Core
import Wire

extension Worker {
  mutating func beginRepair(
    _ room: Room, _ culprit: UnsafeRawBufferPointer, _ batch: BatchNumber, _ time: Int64, _ trouble: Trouble,
    _ budget: RoomBudget
  ) {
    let (fault, spoils, remedy) = judge(trouble)
    if spoils.speaker, let instance = room.instance.take() { engine.discard(instance) }
    if spoils.twin, let twin = room.twin.take() { engine.discard(twin) }
    if let error = hopeless(room, trouble, budget) {
      if room.isGhost {
        room.ghostTrouble = error
      } else if let reason = error.reason {
        stop(room, reason, error.text)
      } else {
        room.replayTrouble = error
      }
      return
    }
    room.phase = .repairing
    let culprit = Array(culprit)
    let isSecondTry = room.secondTry != nil
    room.secondTry = nil
    var repair = Repair(
      culprit: culprit, batch: batch, time: time, budget: budget, fault: fault, remedy: remedy, spoils: spoils)
    if case .quarantine = remedy {
      // A slow environment trips the watchdog as often as a bad room does: one more try.
      if fault.kind == .watchdog, !isSecondTry, !isSecondDeath(room, culprit, budget) { repair.remedy = .retry }
      // A room that is being created has nothing to be rebuilt from, and is made anew by a second try.
      if case .created? = Self.decode(culprit)?.1 { repair.spoils.speaker = false }
      repair.raisesTimeline = budget == .deciding && raisesTimeline(room, fault)
    }
    room.repair = repair
    repairing.append(room)
    if case .retry = repair.remedy { return }
    if fault.kind == .death { blameNewVersion(room) }
    annotate(room)
  }

  /// What killed the worker was not run again, so nothing has counted it: it is held against the version on probation.
  private func blameNewVersion(_ room: Room) {
    guard room.host?.twin != nil, let counts = room.counts else { return }
    counts.spoken.traps += 1
    counts.firstTrapAt = counts.firstTrapAt ?? now.wall
  }

  /// What failed, what has to be made anew, and what becomes of the event.
  private func judge(_ trouble: Trouble) -> (RoomFault, Spoils, Remedy) {
    switch trouble {
    case .failed(let fault, let spoils): return (fault, spoils, .quarantine)
    case .speakerFailed(let fault, let settled):
      // Its instance is discarded by the switch.
      return (fault, Spoils(speaker: false, twin: false), .back(settled))
    case .twinFailed(let fault, let settled):
      let ends = fault.kind == .watchdog || fault.kind == .death
      return (fault, Spoils(speaker: false, twin: !ends), .undoTwin(settled))
    case .missing(let error):
      return (RoomFault(kind: .memory, text: error.text), Spoils(speaker: false, twin: false), .retry)
    }
  }

  /// Why no verdict can help, and no second try.
  private func hopeless(_ room: Room, _ trouble: Trouble, _ budget: RoomBudget) -> WakeError? {
    switch trouble {
    case .missing(let error) where error.reason != nil || budget == .decided: error
    case .failed(let fault, _) where budget == .decided:
      askForStack(room, fault)
        ?? WakeError(.diverged, "an event that was decided fails in replay: \(fault.text)")
    default: nil
    }
  }

  /// In recovery a trip of the watchdog counts as a death at that event (protocol §4.5): whether it is the second in a
  /// row. The first is on record for whoever comes if the process dies at the event after all.
  private func isSecondDeath(_ room: Room, _ culprit: [UInt8], _ budget: RoomBudget) -> Bool {
    guard budget == .deciding, let (head, _) = Self.decode(culprit) else { return false }
    let shard = shards[Int(room.shard.rawValue)]!
    if shard.suspect == Suspect(room: room.id, event: head.seq) { return true }
    shard.store.countDeath(at: room.id, head.seq)
    return false
  }

  /// Whether the event's outputs may have left before this verdict.
  private func raisesTimeline(_ room: Room, _ fault: RoomFault) -> Bool {
    fault.kind == .death || fault.kind == .watchdog || shards[Int(room.shard.rawValue)]!.engineChanged
  }

  private mutating func annotate(_ room: Room) {
    guard let repair = room.repair, let verdict = repair.verdict(of: room.id),
      let (head, _) = Self.decode(repair.culprit)
    else { return }
    let s = Int(room.shard.rawValue)
    if shards[s]!.hasNothingStaged { staged.append(s) }
    verdict.encode(into: &shards[s]!.annotations)
    shards[s]!.annotated.append(room)
    counters.quarantines += verdict.verdict == .quarantined ? 1 : 0
    room.watch.note(head.seq, "\(repair.fault.kind)", repair.fault.text, now.wall)
    let bundle = bundle(room, head.seq, repair)
    if room.snapshot != nil, bundle.snapshot.isEmpty, !repair.spoils.any { renewSnapshot(room) }
    if case .back = repair.remedy { examine(room, bundle) }
    reports.append(
      .quarantined(
        room: room.id, event: head.seq, fault: repair.fault, bundle: bundle, verdict: verdict.verdict))
  }

  private func bundle(_ room: Room, _ event: EventSeq, _ repair: Repair) -> CrashBundle {
    var bundle = bundle(room)
    bundle.event = event
    bundle.fault = repair.fault
    bundle.culprit = repair.culprit
    bundle.time = max(room.host?.time ?? 0, repair.time)
    bundle.tick = Self.decode(repair.culprit)?.1.tickNumber ?? room.host?.tick ?? 0
    guard case .undoTwin = repair.remedy, let host = room.host, let twin = host.twin else { return bundle }
    bundle.module = twin.module
    return bundle.followingSpeaker(host)
  }

  /// The room as it is: without a culprit; without its snapshot where that cannot be read, for this is evidence alone.
  func bundle(_ room: Room) -> CrashBundle {
    let s = Int(room.shard.rawValue)
    let annotations = room.tailAnnotations.values.sorted { $0.event < $1.event }
    return CrashBundle(
      room: room.id, shard: room.shard, module: room.host?.module ?? ModuleHash(Array(repeating: 0, count: 32)),
      moduleName: String(decoding: room.host?.name ?? [], as: UTF8.self),
      key: String(decoding: room.host?.key ?? [], as: UTF8.self), event: room.host?.eventSeq ?? EventSeq(0),
      fault: RoomFault(kind: .trap, text: ""), engine: engine.identity,
      snapshot: room.snapshot.flatMap { try? shards[s]!.store.read(at: $0) } ?? [], tail: room.tail,
      annotations: annotations, culprit: [])
  }

  /// One slice of every repair: together they hold up the others by a slice and one event's fuel at the most.
  mutating func continueRepairs() {
    guard !repairing.isEmpty else { return continueAutopsies() }
    var fuel = Limits.rebuildSliceMilliseconds * Int64(RoomCost.fuelPerMillisecond)
    let rooms = repairing
    repairing.removeAll(keepingCapacity: true)
    for room in rooms where room.phase == .repairing {
      if fuel > 0, room.repair!.spoils.any { fuel -= rebuild(room, fuel) }
      if let repair = room.repair, !repair.spoils.any, repair.isRetry || repair.annotationIsDurable { conclude(room) }
      if room.phase == .repairing { repairing.append(room) }
    }
  }

  /// Whether a room waits for nothing but processor time: the next turn should come at once.
  package var hasUrgentWork: Bool {
    // What was staged after this turn's write (answers after a repair, removals, kicks) waits for nothing else either.
    !repairing.isEmpty || !autopsies.isEmpty || !steps.isEmpty || !pendingKicks.isEmpty || !pendingEnds.isEmpty
      || !unjudged.isEmpty
      || !pendingUpgrades.isEmpty && nextUpgrade <= now.monotonic
      || hasWaking
  }

  /// Plays the tail on a ghost of the room until the fuel is used up; returns how much was used.
  private mutating func rebuild(_ room: Room, _ fuel: Int64) -> Int64 {
    guard let ghost = room.repair!.ghost ?? beginGhost(room) else { return 0 }
    room.repair!.ghost = ghost
    var used: Int64 = 0
    let tail = room.tail
    var offset = room.repair!.offset
    let trouble: WakeError? = tail.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes, at: offset)
      while used < fuel, !reader.isAtEnd {
        guard let item = try? TailItem(&reader) else { return WakeError(.diverged, "its tail does not decode") }
        ghost.ghostCost = RoomCost.fuelPerEvent
        follow(ghost, item, room.tailAnnotations)
        if let trouble = ghost.ghostTrouble { return trouble }
        used += Int64(clamping: ghost.ghostCost)
      }
      offset = reader.offset
      return nil
    }
    room.repair!.offset = offset
    if let trouble {
      if ghost.needsLargerStack { room.needsLargerStack = true }
      layGhost(room)
      // Without a place, or the stack it needs, it is tried again from the beginning.
      if let reason = trouble.reason { stop(room, reason, trouble.text) }
    } else if offset == tail.count {
      takeOver(room, ghost)
    }
    return used
  }

  private mutating func beginGhost(_ room: Room) -> Room? {
    do throws(WakeError) {
      var bytes: [UInt8]?
      if let position = room.snapshot { bytes = try readSnapshot(room, at: position) }
      return try makeGhost(of: room, snapshot: bytes, tail: room.tail)
    } catch {
      if let reason = error.reason { stop(room, reason, error.text) }
      return nil
    }
  }

  /// Stands where the snapshot does, or before the creation with which the tail begins.
  mutating func makeGhost(of room: Room, snapshot: [UInt8]?, tail: [UInt8]) throws(WakeError) -> Room {
    let ghost = Room(id: room.id, shard: room.shard)
    ghost.isGhost = true
    ghost.phase = .repairing
    ghost.needsLargerStack = room.needsLargerStack
    do throws(WakeError) {
      if let snapshot {
        try restore(ghost, snapshot)
      } else if case .created(let creation)? = Self.decode(Self.firstEvent(tail))?.1 {
        ghost.hasLargerStack = ghost.needsLargerStack
        ghost.instance = try make(creation.module, creation.limits, forReplay: ghost.hasLargerStack)
      } else {
        throw WakeError(.diverged, "its tail has no beginning")
      }
      return ghost
    } catch {
      discardInstances(ghost)
      throw error
    }
  }

  /// The ghost has come to where the room was before the event that failed.
  private mutating func takeOver(_ room: Room, _ ghost: Room) {
    guard let old = room.host, let new = ghost.host, old.isLike(new) else {
      layGhost(room)
      stop(
        room, .diverged,
        "a rebuild drew other random numbers, set other timers, or asked for something else, than the record")
      return
    }
    guard moveToUsualStack(ghost) else { return layGhost(room) }
    if room.repair!.spoils.speaker { room.instance = ghost.instance.take() }
    if room.repair!.spoils.twin { room.twin = ghost.twin.take() }
    room.repair!.spoils = Spoils(speaker: false, twin: false)
    layGhost(room)
  }

  mutating func layGhost(_ room: Room) {
    if let ghost = room.repair?.ghost.take() { discardInstances(ghost) }
    room.repair?.offset = 0
  }

  func discardInstances(_ room: Room) {
    for instance in [room.instance.take(), room.twin.take(), room.candidate.take()] {
      if let instance { engine.discard(instance) }
    }
    room.twinSettings = nil
  }

  static func firstEvent(_ tail: [UInt8]) -> [UInt8] {
    tail.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      return ((try? TailItem(&reader))?.event).map(Array.init) ?? []
    }
  }

  /// One decided event, as the record says that it came out.
  mutating func follow(_ room: Room, _ item: TailItem, _ annotations: [EventSeq: Annotation]) {
    var reader = ByteReader(item.event)
    guard let (head, event) = try? reader.takeEvent() else { return }
    guard let verdict = annotations[head.seq] else {
      return perform(room, item.event, item.batch, item.time, budget: .decided)
    }
    switch verdict.verdict {
    case .quarantined:
      settleQuarantined(room, item, head, event, verdict)
      if verdict.raisesTimeline { room.awake.ownTimeline += 1 }
    case .back where room.host?.twin == nil:
      let error = WakeError(.diverged, "it went back to a version that diverged in replay")
      if room.isGhost { room.ghostTrouble = error } else { stop(room, .diverged, error.text) }
    case .back, .twinUndone: perform(room, item.event, item.batch, item.time, budget: .decided, verdict: verdict)
    }
  }

  private mutating func settleQuarantined(
    _ room: Room, _ item: TailItem, _ head: EventHead, _ event: RoomEvent, _ verdict: Annotation
  ) {
    let time = max(room.awake.time, item.time)
    engine.effects.reset()
    remember(room, item.event, item.batch, time, 0, verdict)
    settleTwinUndone(room, event, time, ends: false)
    settle(room, head.seq, event, time, .quarantined(verdict.fault))
  }

  /// The instances are whole and the verdict durable (or a second try is due): settle the culprit and go on.
  private mutating func conclude(_ room: Room) {
    guard let repair = room.repair, let (head, event) = Self.decode(repair.culprit) else {
      preconditionFailure("room \(room.id) is repaired after an event that does not decode")
    }
    room.repair = nil
    room.phase = .ready
    // The ghost's replay counted nothing; what is settled now may be news.
    isMuted = repair.budget != .live
    if case .quarantine = repair.remedy, case .created = event { return dissolve(room) }
    repair.culprit.withUnsafeBytes { bytes in
      let item = TailItem(batch: repair.batch, time: repair.time, event: bytes)
      var reader = ByteReader(bytes)
      guard let (_, event) = try? reader.takeEvent() else { return }
      let step = EventStep(
        head: head, event: event, bytes: bytes, batch: repair.batch, time: max(room.host?.time ?? 0, repair.time))
      switch repair.remedy {
      case .retry:
        if repair.fault.kind == .watchdog { room.secondTry = head.seq }
        perform(room, bytes, repair.batch, repair.time, budget: repair.budget)
        room.secondTry = nil
      case .quarantine:
        if let instance = room.instance { reportRebuilt(room, head.seq, instance, room.awake.module) }
        settleQuarantined(room, item, head, event, repair.verdict(of: room.id)!)
        if repair.raisesTimeline { raiseTimeline(room) }
      case .back(let settled):
        settleSwitch(room, step, settled, repair.verdict(of: room.id)!, repair.fault.text)
      case .undoTwin(let settled):
        if !repair.verdict(of: room.id)!.endsTwin, let twin = room.twin, let part = room.awake.twin {
          reportRebuilt(room, head.seq, twin, part.module)
        }
        settleTwinUndone(room, event, step.time, ends: repair.verdict(of: room.id)!.endsTwin)
        noteTwinFailure(room, event)
        engine.effects = settled.effects
        engine.context = settled.context
        finish(room, step, settled.settlement, settled.fuel, verdict: repair.verdict(of: room.id))
      }
    }
    runBacklog(room)
  }

  static func decode(_ bytes: [UInt8]) -> (EventHead, RoomEvent)? {
    bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      return try? reader.takeEvent()
    }
  }

  /// What came while the room was repaired, in order; another failure starts another repair with the rest.
  mutating func runBacklog(_ room: Room) {
    while room.phase == .ready, !room.backlog.isEmpty {
      switch room.backlog.removeFirst() {
      case .event(let bytes, let batch, let time):
        if room.isDeciding, let (head, event) = Self.decode(bytes), !event.follows(head, room.id, room.host) {
          stop(room, .diverged, "event \(head.seq) of its record cannot follow what is before it")
          return
        }
        bytes.withUnsafeBytes { perform(room, $0, batch, time, budget: room.isDeciding ? .deciding : .live) }
      case .answer(let answer): self.answer(room, answer)
      }
    }
    guard room.phase == .ready else { return }
    // What follows waits for this: while one of its events is undecided, a room takes no new one (protocol §4.3).
    if room.isDeciding {
      room.isDeciding = false
      finishWaking(room)
    } else {
      judge(room)
      // What came due meanwhile found the room busy and left the queue, and what was asked before was not sent.
      if room.host?.requests.isEmpty == false { noteRequests(room) }
      schedule(room)
      admitWaiting(room)
    }
  }

  /// Joins and attaches that came while the room was not ready.
  mutating func admitWaiting(_ room: Room) {
    let waiting = room.waiting
    room.waiting = []
    for answer in waiting {
      let join = pendingJoins.removeValue(forKey: answer.membership)
      guard isOpen(answer) else { continue }
      if let join {
        stageJoin(room, answer, player: join.player, parameters: join.parameters)
      } else {
        attach(room, answer)
      }
    }
  }

  mutating func refuseWaiting(_ room: Room, _ reason: LinkToGateway.JoinRefusal, _ text: String) {
    for answer in room.waiting {
      pendingJoins[answer.membership] = nil
      refuse(answer, room.shard, reason, text)
    }
    room.waiting = []
  }

  /// Blame falls first on the sender; the room is frozen only for failing by itself, or for several members (4.7).
  mutating func judge(_ room: Room) {
    if judgeCalls(room) { return }
    guard room.phase == .ready, let host = room.host, host.frozen == nil, !room.isEnding else { return }
    if host.twin != nil, room.twinKeepsFailing { return endFailingTwin(room) }
    var counts: [Slot: Int] = [:]
    var own = 0
    for blame in host.blames {
      if let slot = blame.slot { counts[slot, default: 0] += 1 } else { own += 1 }
    }
    let guilty = counts.filter { $0.value > Limits.quarantinesPerMinuteMax }.keys.sorted()
    guard own > Limits.quarantinesPerMinuteMax || !guilty.isEmpty else { return }
    guard fitsReserve(room, 0) else {
      isShortOfSpace = true
      unjudged.append(room)
      return
    }
    if own > Limits.quarantinesPerMinuteMax || guilty.count > 1 {
      room.isEnding = true
      stage(room, .frozen(own > Limits.quarantinesPerMinuteMax ? .ticksFail : .membersFail))
    } else if let slot = guilty.first, host[slot] != nil {
      remove(room, slot)
      reports.append(.removedMember(room: room.id, slot: slot))
    }
  }

  /// History that members may have seen is void: marks are too, and everybody gets the full state.
  mutating func raiseTimeline(_ room: Room) {
    room.awake.ownTimeline += 1
    room.described = nil
    resendState(room)
  }

  mutating func resendState(_ room: Room) {
    for c in room.claims.indices where room.claims[c].link >= 0 {
      guard let member = room.host?[Slot(UInt32(c))] else { continue }
      let link = room.claims[c].link
      answer(
        room,
        PendingAnswer(
          link: link, linkLife: links[link].life, route: room.claims[c].route, membership: member.membership,
          generation: member.generation, timeline: Timeline(0), lastOut: OutSeq(0)))
    }
  }
}

extension Repair {
  var isRetry: Bool { if case .retry = remedy { true } else { false } }
  /// Nil: there is none yet.
  func verdict(of room: RoomID) -> Annotation? {
    var reader: EventSeq?
    culprit.withUnsafeBytes { bytes in
      var r = ByteReader(bytes)
      reader = (try? r.takeEvent())?.0.seq
    }
    guard let event = reader else { return nil }
    let verdict: Annotation.Verdict
    switch remedy {
    case .retry: return nil
    case .quarantine: verdict = .quarantined
    case .back: verdict = .back
    case .undoTwin: verdict = .twinUndone
    }
    return Annotation(
      room: room, event: event, fault: fault.kind, raisesTimeline: raisesTimeline || verdict == .back,
      verdict: verdict)
  }
}
