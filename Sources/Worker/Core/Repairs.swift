// When a room's code fails at an event: the room is rebuilt to just before it, the verdict is written, the room goes
// on. Nothing of the failed event is left but the host's `Result` (protocol §4.2).
import Core
import Wire

extension Worker {
  mutating func beginRepair(
    _ room: Room, _ culprit: UnsafeRawBufferPointer, _ time: Int64, _ fault: RoomFault, _ budget: RoomBudget,
    isSpoiled: Bool = true
  ) {
    if isSpoiled, let instance = room.instance.take() { engine.discard(instance) }
    if budget == .decided {
      stop(room, .diverged, "an event that was decided fails in replay: \(fault.text)")
      return
    }
    room.phase = .repairing
    let culprit = Array(culprit)
    let isSecondTry = room.secondTry != nil
    // A slow environment trips the watchdog as often as a bad room does: one more try.
    let retries = fault.kind == .watchdog && !isSecondTry && !isSecondDeath(room, culprit, budget)
    room.secondTry = nil
    // A room that is being created has nothing to be rebuilt from, and is made anew by a second try.
    var isCreation = false
    if case .created? = Self.decode(culprit)?.1 { isCreation = true }
    room.repair = Repair(
      culprit: culprit, time: time, fault: fault, retries: retries,
      raisesTimeline: budget == .deciding && raisesTimeline(room, fault), isSpoiled: isSpoiled && !isCreation)
    repairing.append(room)
    if !retries { annotate(room) }
  }

  /// In recovery a trip of the watchdog counts as a death at that event (protocol §4.5): whether it is the second in a
  /// row. The first is on record for whoever comes if the process dies at the event after all.
  private func isSecondDeath(_ room: Room, _ culprit: [UInt8], _ budget: RoomBudget) -> Bool {
    guard budget == .deciding, let (head, _) = Self.decode(culprit) else { return false }
    let shard = shards[Int(room.shard.rawValue)]!
    if shard.suspect == ShardAdoption.Suspect(room: room.id, event: head.seq) { return true }
    shard.store.countDeath(at: room.id, head.seq)
    return false
  }

  /// Whether the event's outputs may have left before this verdict.
  private func raisesTimeline(_ room: Room, _ fault: RoomFault) -> Bool {
    fault.kind == .death || fault.kind == .watchdog || shards[Int(room.shard.rawValue)]!.engineChanged
  }

  private mutating func annotate(_ room: Room) {
    guard let repair = room.repair, let (head, _) = Self.decode(repair.culprit) else { return }
    let s = Int(room.shard.rawValue)
    Annotation(room: room.id, event: head.seq, fault: repair.fault.kind, raisesTimeline: repair.raisesTimeline)
      .encode(into: &shards[s]!.annotations)
    shards[s]!.annotated.append(room)
    counters.quarantines += 1
    room.watch.note(head.seq, "\(repair.fault.kind)", repair.fault.text, now.wall)
    reports.append(
      .quarantined(room: room.id, event: head.seq, fault: repair.fault, bundle: bundle(room, head.seq, repair)))
  }

  private func bundle(_ room: Room, _ event: EventSeq, _ repair: Repair) -> CrashBundle {
    let s = Int(room.shard.rawValue)
    return CrashBundle(
      room: room.id, shard: room.shard, module: room.host?.module ?? ModuleHash(Array(repeating: 0, count: 32)),
      moduleName: String(decoding: room.host?.name ?? [], as: UTF8.self),
      key: String(decoding: room.host?.key ?? [], as: UTF8.self), event: event,
      time: max(room.host?.time ?? 0, repair.time),
      tick: Self.decode(repair.culprit)?.1.tickNumber ?? room.host?.tick ?? 0, fault: repair.fault,
      engine: engine.identity, snapshot: room.snapshot.flatMap { try? shards[s]!.store.read(at: $0) } ?? [],
      tail: room.tail, culprit: repair.culprit)
  }

  /// One slice of every repair: together they hold up the others by a slice and one event's fuel at the most.
  mutating func continueRepairs() {
    guard !repairing.isEmpty else { return }
    var fuel = Limits.rebuildSliceMilliseconds * Int64(RoomCost.fuelPerMillisecond)
    let rooms = repairing
    repairing.removeAll(keepingCapacity: true)
    for room in rooms where room.phase == .repairing {
      if fuel > 0, room.repair!.isSpoiled { fuel -= rebuild(room, fuel) }
      if let repair = room.repair, !repair.isSpoiled, repair.retries || repair.annotationIsDurable {
        conclude(room)
      }
      if room.phase == .repairing { repairing.append(room) }
    }
  }

  /// Whether a room waits for nothing but processor time: the next turn should come at once.
  package var hasUrgentWork: Bool {
    // What was staged after this turn's write (answers after a repair, removals, kicks) waits for nothing else either.
    !repairing.isEmpty || !steps.isEmpty || !pendingKicks.isEmpty || !pendingEnds.isEmpty || !unjudged.isEmpty
      || shards.contains { !($0?.waking.isEmpty ?? true) }
  }

  /// Replays the tail without effects until the fuel is used up; returns how much was used.
  private mutating func rebuild(_ room: Room, _ fuel: Int64) -> Int64 {
    guard var shadow = room.repair!.shadow ?? beginShadow(room) else { return 0 }
    room.repair!.shadow = nil
    var used: Int64 = 0
    let tail = room.tail
    let failure: String? = tail.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes, at: shadow.offset)
      while used < fuel, !reader.isAtEnd {
        guard let item = try? TailItem(&reader) else { return "its tail does not decode" }
        var event = ByteReader(item.event)
        guard let (_, decoded) = try? event.takeEvent() else { return "its tail holds no event" }
        shadow.context.time = item.time
        if let tick = decoded.tickNumber { shadow.context.tick = tick }
        engine.context = shadow.context
        // Only events that called the guest are in the tail, so an `attached` here ended a suspension.
        switch engine.deliver(decoded, to: shadow.instance!, returns: true, budget: .decided) {
        case .applied(let fuel):
          shadow.context.random = engine.context.random
          shadow.context.nextTimer = engine.context.nextTimer
          used += Int64(clamping: fuel + RoomCost.fuelPerEvent)
        case .refused(let fuel): used += Int64(clamping: fuel + RoomCost.fuelPerEvent)
        case .failed(let fault): return "an event that was applied fails in replay: \(fault.text)"
        case nil: break
        }
      }
      shadow.offset = reader.offset
      return nil
    }
    if let failure {
      stop(room, .diverged, failure)
    } else if shadow.offset < tail.count {
      room.repair!.shadow = shadow
    } else if room.host.map({ shadow.context.random == $0.random && shadow.context.nextTimer == $0.nextTimer }) ?? true
    {
      room.instance = shadow.instance.take()
      room.repair!.isSpoiled = false
    } else {
      stop(room, .diverged, "a rebuild drew other random numbers than the record")
    }
    return used
  }

  private mutating func beginShadow(_ room: Room) -> Shadow? {
    let host = room.awake
    do throws(WakeError) {
      if let position = room.snapshot {
        let (snapshot, instance) = try restore(room, position)
        return Shadow(
          instance: instance,
          context: RoomContext(
            time: snapshot.time, tick: snapshot.tick, random: snapshot.random, nextTimer: snapshot.nextTimer))
      }
      var reader = ByteReader(UnsafeRawBufferPointer(start: nil, count: 0))
      let instance = try make(host.module, host.limits)
      let first = room.tail.isEmpty ? room.repair!.culprit : firstEvent(room.tail)
      return first.withUnsafeBytes { bytes in
        reader = ByteReader(bytes)
        guard case .created(let creation)? = (try? reader.takeEvent())?.1 else { return nil }
        return Shadow(
          instance: instance,
          context: RoomContext(
            time: host.time, tick: 0, random: RandomState(seed: creation.seed), nextTimer: TimerID(1)))
      }
    } catch {
      if let reason = error.reason { stop(room, reason, error.text) }
      return nil
    }
  }

  private func firstEvent(_ tail: [UInt8]) -> [UInt8] {
    tail.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      return ((try? TailItem(&reader))?.event).map(Array.init) ?? []
    }
  }

  /// The instance is whole and the verdict durable (or a second try is due): settle the culprit and go on.
  private mutating func conclude(_ room: Room) {
    guard let repair = room.repair, let (head, event) = Self.decode(repair.culprit) else {
      preconditionFailure("room \(room.id) is repaired after an event that does not decode")
    }
    room.repair = nil
    room.phase = .ready
    repair.culprit.withUnsafeBytes { bytes in
      if repair.retries {
        room.secondTry = head.seq
        perform(
          room, bytes, shards[Int(room.shard.rawValue)]!.executingBatch, repair.time,
          budget: repair.raisesTimeline ? .deciding : .live)
        room.secondTry = nil
        return
      }
      var reader = ByteReader(bytes)
      guard (try? reader.takeEvent()) != nil else { return }
      if case .created = event {
        dissolve(room)
        return
      }
      reportRebuilt(room, head.seq)
      settle(room, head.seq, event, max(room.awake.time, repair.time), .quarantined(repair.fault.kind))
      if repair.raisesTimeline { raiseTimeline(room) }
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
      // What came due meanwhile found the room busy and left the queue.
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

  private mutating func refuseWaiting(_ room: Room, _ reason: LinkToGateway.JoinRefusal, _ text: String) {
    for answer in room.waiting {
      pendingJoins[answer.membership] = nil
      refuse(answer, room.shard, reason, text)
    }
    room.waiting = []
  }

  /// Blame falls first on the sender; the room is frozen only for failing by itself, or for several members (4.7).
  mutating func judge(_ room: Room) {
    guard room.phase == .ready, let host = room.host, host.frozen == nil, !room.isEnding else { return }
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

  /// A room whose creation failed never was.
  private mutating func dissolve(_ room: Room) {
    let backlog = room.backlog
    room.backlog = []
    for (_, answer) in room.joining {
      refuse(answer, room.shard, .failed, "creating the room made its code fail")
    }
    for case .answer(let answer) in backlog {
      refuse(answer, room.shard, .failed, "creating the room made its code fail")
    }
    refuseWaiting(room, .failed, "creating the room made its code fail")
    answerCommands(room, .failed("creating the room made its code fail"))
    if let instance = room.instance.take() { engine.discard(instance) }
    room.phase = .stopped
    tailCost -= room.tailCost
    room.host = nil
    awakeRooms.removeAll { $0 === room }
    shards[Int(room.shard.rawValue)]!.rooms[room.id] = nil
  }

  /// The room's record is intact but cannot be served from here.
  mutating func stop(_ room: Room, _ reason: RoomEvent.FreezeReason, _ text: String) {
    if let instance = room.instance.take() { engine.discard(instance) }
    room.phase = .stopped
    room.repair = nil
    room.host?.frozen = reason
    counters.divergences += reason == .diverged ? 1 : 0
    reports.append(.frozen(room: room.id, reason, text: text))
    refuseWaiting(room, .frozen, "the room is frozen: \(text)")
    answerCommands(room, .refused("the room is frozen: \(text)"))
    room.watch.note(room.host?.eventSeq ?? EventSeq(0), "\(reason)", text, now.wall)
    for c in room.claims.indices where room.claims[c].link >= 0 {
      notice(room, to: [room.claims[c].route], room.claims[c].link, "the room is frozen: \(text)")
    }
    // Its joiners and the rest of its events stay in the record for whoever mends it.
    for (_, answer) in room.joining { refuse(answer, room.shard, .frozen, "the room is frozen: \(text)") }
    room.joining = []
    room.backlog = []
  }
}
