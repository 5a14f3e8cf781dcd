// Two versions of one room: the new one speaks, the old one listens (protocol §9.2). Every event is run by both, the one
// that speaks first; only then is it settled, so that a version's failure undoes nothing of the other's.
import Core
import Wire

/// What the silent version made of an event.
enum TwinOutcome {
  /// It has no such call.
  case nothing
  case applied(fuel: UInt64)
  case refused(fuel: UInt64)
  case failed(RoomFault)

  init(_ outcome: RoomOutcome?) {
    switch outcome {
    case nil: self = .nothing
    case .applied(let fuel): self = .applied(fuel: fuel)
    case .refused(let fuel): self = .refused(fuel: fuel)
    case .failed(let fault): self = .failed(fault)
    }
  }
  var settlement: Settlement {
    switch self {
    case .nothing: .nothing
    case .applied: .applied
    case .refused: .refused
    case .failed(let fault): .quarantined(fault.kind)
    }
  }
  var fuel: UInt64 {
    switch self {
    case .nothing, .failed: 0
    case .applied(let fuel), .refused(let fuel): fuel
    }
  }
}

/// What an event leaves of the silent version's part, kept apart until it is settled.
struct TwinDraft {
  var random: RandomState
  var nextTimer: TimerID
  var timers: [RoomTimer]
  var nextRequest: RequestID
  var requests: [OpenRequest]
  /// By this event.
  private var asked = 0

  init(_ part: TwinPart) {
    random = part.random
    nextTimer = part.nextTimer
    timers = part.timers
    nextRequest = part.nextRequest
    requests = part.requests
  }
  mutating func follow(_ effects: RoomEffects, _ context: RoomContext, _ event: EventSeq) {
    random = context.random
    nextTimer = context.nextTimer
    nextRequest = context.nextRequest
    requests.add(effects, event: event, time: context.time, index: &asked)
    for command in effects.commands {
      switch command {
      case .after(let id, let milliseconds, let payload):
        guard timers.count < Limits.timersMax else { continue }
        timers.add(RoomTimer(id: id, after: milliseconds, context.time, effects.bytes[payload]))
      case .cancel(let id): timers.removeAll { $0.id == id }
      default: break
      }
    }
  }
  /// The timer that the event fires is gone, and the request that it answers, whatever becomes of it.
  mutating func drop(_ event: RoomEvent, at time: Int64) {
    switch event {
    case .wake: if timers.due(at: time) != nil { timers.removeFirst() }
    case .timer(let id, _): timers.removeAll { $0.id == id }
    case .answered(let key, _, _): requests.removeAll { $0.key == key }
    default: break
    }
  }
  func commit(to part: TwinPart) {
    part.random = random
    part.nextTimer = nextTimer
    part.timers = timers
    part.nextRequest = nextRequest
    part.requests = requests
  }
}

extension RoomTimer {
  /// A delay beyond a century is one of a century.
  init(id: TimerID, after milliseconds: UInt64, _ time: Int64, _ payload: some Collection<UInt8>) {
    let delay = Int64(clamping: min(milliseconds, 100 * 365 * 86_400_000)) * 1000
    self.init(id: id, due: time + delay, payload: Array(payload))
  }
}

extension Worker {
  /// One event in both versions. Nil: settled.
  mutating func runBoth(
    _ room: Room, _ step: EventStep, _ budget: RoomBudget, _ verdict: Annotation?
  ) -> Trouble? {
    let part = room.host!.twin!
    var spoken: RoomOutcome?
    if let verdict, verdict.verdict == .back {
      engine.effects.reset()
      spoken = .failed(RoomFault(kind: verdict.fault, text: "as recorded"))
    } else {
      spoken = timed(room.counts, budget) { worker in
        worker.checked(worker.callGuest(room, step, budget), step.event)
      }
    }
    if case .failed(let fault)? = spoken {
      // A slow environment trips the watchdog as often as a bad room does: the silent version waits for the second try.
      let isFirstTrip = fault.kind == .watchdog && room.secondTry == nil
      if isFirstTrip && budget != .decided || budget == .decided && verdict?.verdict != .back {
        return .failed(fault, Spoils(speaker: true, twin: false))
      }
    }
    let context = engine.context
    swap(&otherEffects, &engine.effects)
    var draft = TwinDraft(part)
    draft.drop(step.event, at: step.time)
    let heard: TwinOutcome
    if let verdict, verdict.verdict == .twinUndone {
      heard = .failed(RoomFault(kind: verdict.fault, text: "as recorded"))
    } else {
      heard = callTwin(room, part, step, spoken, &draft, budget)
    }
    compare(room, part, step, spoken, heard)
    if case .failed(let fault)? = spoken { return speakerFailed(room, step, fault, heard, verdict) }
    // What the one that speaks has asked for is what is settled.
    swap(&otherEffects, &engine.effects)
    engine.context = context
    let settlement: Settlement = if case .refused? = spoken { .refused } else { .applied }
    let fuel = spoken?.fuel ?? 0
    if case .failed(let fault) = heard {
      return twinFailed(
        room, step, fault, Settled(settlement: settlement, effects: engine.effects, context: context, fuel: fuel),
        budget, verdict)
    }
    settleTwin(part, step.event, spoken, heard, draft)
    finish(room, step, settlement, fuel + heard.fuel)
    if step.head.seq == part.endsAtEvent { schedule(room) }
    return nil
  }

  private mutating func speakerFailed(
    _ room: Room, _ step: EventStep, _ fault: RoomFault, _ heard: TwinOutcome, _ verdict: Annotation?
  ) -> Trouble? {
    if case .failed = heard {
      // Shared: what was asked for is void.
      engine.effects.reset()
      return .failed(fault, Spoils(speaker: verdict == nil, twin: true))
    }
    let settled = Settled(
      settlement: heard.settlement, effects: engine.effects, context: engine.context, fuel: heard.fuel)
    guard let verdict else { return .speakerFailed(fault, settled) }
    settleSwitch(room, step, settled, verdict, "as recorded")
    return nil
  }

  private mutating func twinFailed(
    _ room: Room, _ step: EventStep, _ fault: RoomFault, _ settled: Settled, _ budget: RoomBudget,
    _ verdict: Annotation?
  ) -> Trouble? {
    if budget == .decided, verdict == nil {
      if let error = askForStack(room, fault) { return .missing(error) }
      // It came out differently than on record. Nobody hears it, so the room goes on without it.
      if !room.isGhost { reports.append(.twinEnded(room: room.id, why: "it diverged in replay: \(fault.text)")) }
      dropTwin(room)
      room.hasLostTwin = true
      finish(room, step, settled.settlement, settled.fuel)
      return nil
    }
    guard let verdict else { return .twinFailed(fault, settled) }
    settleTwinUndone(room, step.event, step.time, ends: verdict.endsTwin)
    finish(room, step, settled.settlement, settled.fuel, verdict: verdict)
    return nil
  }

  /// Runs the event in the silent version; its effects and context stay in the engine.
  private mutating func callTwin(
    _ room: Room, _ part: TwinPart, _ step: EventStep, _ spoken: RoomOutcome?, _ draft: inout TwinDraft,
    _ budget: RoomBudget
  ) -> TwinOutcome {
    engine.effects.reset()
    guard let twin = room.twin else { return .nothing }
    if let slot = step.event.addressee, part.lacks.contains(slot) { return .nothing }
    engine.context = RoomContext(
      time: step.time, tick: step.event.tickNumber ?? room.awake.tick, random: part.random, nextTimer: part.nextTimer,
      nextRequest: part.nextRequest, openRequests: part.requests.count)
    let outcome = timed(room.twinCounts, budget, isTwin: true) { worker in
      let engine = worker.engine
      let outcome: RoomOutcome? =
        switch step.event {
        case .wake: engine.fire(part.timers.due(at: step.time), in: twin, budget: budget)
        case .timer(let id, _): engine.fire(part.timers.first { $0.id == id }, in: twin, budget: budget)
        case .answered(let key, let outcome, let reply):
          engine.answer(part.requests[key], outcome, reply, in: twin, budget: budget)
        default: engine.deliver(step.event, to: twin, returns: step.event.returns(in: room), budget: budget)
        }
      if outcome == nil { engine.effects.reset() }
      return worker.checked(outcome, step.event)
    }
    guard case .applied? = outcome else { return TwinOutcome(outcome) }
    // Where the one that speaks fails, these effects are carried out instead of followed.
    if case .failed? = spoken { return TwinOutcome(outcome) }
    draft.follow(engine.effects, engine.context, step.head.seq)
    guard case .joined(let joining) = step.event, case .refused? = spoken else { return TwinOutcome(outcome) }
    return takeBack(joining.slot, twin, TwinOutcome(outcome), &draft, step.head.seq, budget)
  }

  /// Membership follows the version that speaks: a join that it refused is taken back from the other one.
  private mutating func takeBack(
    _ slot: Slot, _ twin: any RoomInstance, _ outcome: TwinOutcome, _ draft: inout TwinDraft, _ event: EventSeq,
    _ budget: RoomBudget
  ) -> TwinOutcome {
    engine.context.random = draft.random
    engine.context.nextTimer = draft.nextTimer
    engine.context.nextRequest = draft.nextRequest
    engine.context.openRequests = draft.requests.count
    let left = engine.call(
      twin, .leave(slot, .left), payload: UnsafeRawBufferPointer(start: nil, count: 0), budget: budget)
    switch left {
    case .failed(let fault): return .failed(fault)
    case .applied: draft.follow(engine.effects, engine.context, event)
    case .refused: break
    }
    return outcome
  }

  // MARK: Settling

  private func settleTwin(
    _ part: TwinPart, _ event: RoomEvent, _ spoken: RoomOutcome?, _ heard: TwinOutcome, _ draft: TwinDraft
  ) {
    draft.commit(to: part)
    switch event {
    case .joined(let joining):
      part.forget(joining.slot)
      if case .applied? = spoken, case .refused = heard { part.add(joining.slot) }
    case .leave(let slot, _), .removed(let slot, _): part.forget(slot)
    default: break
    }
  }

  /// The silent version's failure, or one that both share, is its outcome: nothing of the event is left in it.
  mutating func settleTwinUndone(_ room: Room, _ event: RoomEvent, _ time: Int64, ends: Bool) {
    guard let part = room.host?.twin else { return }
    var draft = TwinDraft(part)
    draft.drop(event, at: max(room.awake.time, time))
    draft.commit(to: part)
    switch event {
    case .joined(let joining):
      part.forget(joining.slot)
      part.add(joining.slot)
    case .leave(let slot, _), .removed(let slot, _): part.forget(slot)
    default: break
    }
    if ends { endTwin(room, why: "it ran into the watchdog") }
  }

  /// It failed in the silent version alone. Neither what both share nor what is on record counts.
  mutating func noteTwinFailure(_ room: Room, _ event: RoomEvent) {
    guard room.twin != nil, !room.isGhost, event.isBlamed, event.blamed == nil else { return }
    let since = now.monotonic - 60_000_000
    room.twinFailures.removeAll { $0 < since }
    room.twinFailures.append(now.monotonic)
    if room.twinKeepsFailing { unjudged.append(room) }
  }

  mutating func endTwin(_ room: Room, why: String) {
    guard room.host?.twin != nil else { return }
    if !isFollowing, !room.isGhost { reports.append(.twinEnded(room: room.id, why: why)) }
    dropTwin(room)
    schedule(room)
  }

  /// A version whose ticks or timers fail costs the room a repair each time, for as long as it listens; and a room that went
  /// back to it would be frozen.
  mutating func endFailingTwin(_ room: Room) {
    guard !room.isTwinChanging else { return }
    guard fitsReserve(room, 0) else {
      isShortOfSpace = true
      unjudged.append(room)
      return
    }
    room.isTwinChanging = true
    stage(room, .twinEnded(.keptFailing))
  }

  /// The room goes on without its silent version.
  mutating func dropTwin(_ room: Room) {
    if let twin = room.twin.take() { engine.discard(twin) }
    room.host?.twin = nil
    learnVersions(room)
    room.twinFailures = []
    room.isTwinChanging = false
  }

  /// What differs is counted, and told when the room goes back. The silent version's effects are in the engine.
  private func compare(
    _ room: Room, _ part: TwinPart, _ step: EventStep, _ spoken: RoomOutcome?, _ heard: TwinOutcome
  ) {
    let isSame =
      switch (spoken, heard) {
      case (nil, .nothing), (.applied?, .applied), (.refused?, .refused), (.failed?, .failed): true
      default: false
      }
    // Where the one that speaks fails, its sender has not been told anything yet.
    let wasTold = if case .failed? = spoken { false } else { true }
    if !isSame, wasTold, case .input(let slot, let seq, _, _) = step.event, seq.rawValue > 0 { part.note(slot, seq) }
    guard !isFollowing, let counts = room.twinCounts else { return }
    if case .failed? = spoken, case .failed = heard { room.counts?.sharedTraps += 1 }
    if !isSame { counts.outcomeDifferences += 1 }
    guard case .applied = heard else {
      if case .applied? = spoken { noteExtraEffects(room, beside: RoomEffects()) }
      return
    }
    counts.heard.noteOutputs(engine.effects)
    guard case .applied? = spoken else { return }
    let effects = engine.effects
    if effects.commands == otherEffects.commands, effects.bytes == otherEffects.bytes { return }
    if EffectsSummary(effects) != EffectsSummary(otherEffects) { counts.outputDifferences += 1 }
    noteExtraEffects(room, beside: effects)
  }

  /// What cannot be taken back by a full state.
  private func noteExtraEffects(_ room: Room, beside effects: RoomEffects) {
    for command in otherEffects.commands where room.extraEffects.count < Limits.twinEffectsMax {
      switch command {
      case .kick(let slot, _):
        if !effects.commands.contains(where: { if case .kick(slot, _) = $0 { true } else { false } }) {
          room.extraEffects.append("kicked the member of slot \(slot)")
        }
      case .end:
        if !effects.commands.contains(where: { if case .end = $0 { true } else { false } }) {
          room.extraEffects.append("ended the room")
        }
      case .ask(_, let kind, let target, let payload):
        let isShared = effects.commands.contains { other in
          guard case .ask(_, kind, let itsTarget, let itsPayload) = other else { return false }
          return effects.bytes[itsTarget] == otherEffects.bytes[target]
            && effects.bytes[itsPayload] == otherEffects.bytes[payload]
        }
        guard !isShared else { continue }
        let name = String(decoding: otherEffects.bytes[target], as: UTF8.self)
        room.extraEffects.append(kind == .open ? "opened \(name)" : "signalled \(name)")
      default: break
      }
    }
  }
}

extension RoomOutcome {
  var fuel: UInt64 {
    switch self {
    case .applied(let fuel), .refused(let fuel): fuel
    case .failed: 0
    }
  }
}
