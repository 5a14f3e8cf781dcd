// Executing events, live and in replay: the guest is called, then the host's part is settled. One path for both, so
// that replay follows the record (I-5).
import Core
import Wire

/// How an event came out.
enum Settlement {
  case applied
  case refused
  case quarantined(RoomFault.Kind)
  /// The version whose outcome stands was not called at all.
  case nothing
}

/// Why an event is not settled yet.
enum Trouble {
  /// Nothing of it may stand.
  case failed(RoomFault, Spoils)
  /// Of two versions the one that speaks failed.
  case speakerFailed(RoomFault, Settled)
  case twinFailed(RoomFault, Settled)
  /// What it needs is not here.
  case missing(WakeError)
}

extension Worker {
  /// Executes one durable event of a room that is ready, and starts a repair where its code fails. `verdict`: what the
  /// record says of a decided one.
  mutating func perform(
    _ room: Room, _ bytes: UnsafeRawBufferPointer, _ batch: BatchNumber, _ time: Int64, budget: RoomBudget,
    verdict: Annotation? = nil
  ) {
    var reader = ByteReader(bytes)
    guard let (head, event) = try? reader.takeEvent() else {
      preconditionFailure("an event of room \(room.id) that was checked when it was staged does not decode")
    }
    let store = shards[Int(room.shard.rawValue)]!.store
    // Which version that is may change with the event.
    let isNoted = budget != .decided || room.mayKill
    if budget != .decided {
      store.enter(room.id, head.seq)
    } else if room.mayKill {
      store.enter(Suspect(room: room.id, replaying: head.seq), to: nil)
    }
    isMuted = budget != .live
    isFollowing = budget == .decided
    let trouble = run(
      room, EventStep(head: head, event: event, bytes: bytes, batch: batch, time: time), budget, verdict)
    if isNoted { store.leave() }
    if !room.isGhost { counters.events += 1 }
    isFollowing = false
    if let trouble { beginRepair(room, bytes, batch, time, trouble, budget) }
  }

  /// One event on its way through the guest.
  struct EventStep {
    var head: EventHead
    var event: RoomEvent
    var bytes: UnsafeRawBufferPointer
    var batch: BatchNumber
    var time: Int64
  }

  /// Nil, or what is wrong, with the instance spoiled and nothing settled.
  private mutating func run(_ room: Room, _ given: EventStep, _ budget: RoomBudget, _ verdict: Annotation?) -> Trouble?
  {
    var step = given
    if case .created(let creation) = step.event, let fault = make(room, creation, step.time, budget) {
      return .failed(fault, Spoils(speaker: true, twin: false))
    }
    if case .upgraded(let upgrade) = step.event, room.candidate == nil, let error = prepare(room, upgrade) {
      return .missing(error)
    }
    step.time = max(room.awake.time, step.time)
    if room.awake.twin != nil { return runBoth(room, step, budget, verdict) }
    let outcome = timed(room.counts, budget) { worker in
      worker.checked(worker.callGuest(room, step, budget), step.event)
    }
    switch outcome {
    case nil: finish(room, step, .applied, 0)
    case .applied(let fuel): finish(room, step, .applied, fuel)
    case .refused(let fuel): finish(room, step, .refused, fuel)
    case .failed(let fault): return .failed(fault, Spoils(speaker: true, twin: false))
    }
    return nil
  }

  mutating func finish(
    _ room: Room, _ step: EventStep, _ settlement: Settlement, _ fuel: UInt64, verdict: Annotation? = nil
  ) {
    room.watch.note(step.head.seq, step.event, step.bytes[0], step.time, fuel)
    remember(room, step.bytes, step.batch, step.time, fuel, verdict)
    settle(room, step.head.seq, step.event, step.time, settlement)
  }

  private mutating func make(
    _ room: Room, _ creation: RoomEvent.Creation, _ time: Int64, _ budget: RoomBudget
  ) -> RoomFault? {
    let isFirstTry = room.secondTry == nil
    if budget == .live, isFirstTry { creating -= 1 }
    room.host = RoomHost(creation, time: time)
    learnVersions(room)
    if room.instance == nil {
      do throws(EngineError) {
        room.instance = try engine.make(creation.module, limits: creation.limits)
      } catch {
        return RoomFault(kind: .memory, text: error.description)
      }
    }
    if isFirstTry { awaken(room) }
    return nil
  }

  /// What a room may not do at one event is a failure, too.
  func checked(_ outcome: RoomOutcome?, _ event: RoomEvent) -> RoomOutcome? {
    guard case .applied? = outcome else { return outcome }
    if engine.effectCount > Limits.outputsPerEventMax {
      return .failed(
        RoomFault(kind: .output, text: "one event sent more than \(Limits.outputsPerEventMax) messages"))
    }
    if case .signal = event, Self.reply(engine.effects).count > Limits.signalReplyBytesMax {
      return .failed(
        RoomFault(kind: .output, text: "a signal was answered with more than \(Limits.signalReplyBytesMax) bytes"))
    }
    return outcome
  }

  /// The guest call of an event, with the context of the room; nil where the event is none of the guest's business.
  mutating func callGuest(_ room: Room, _ step: EventStep, _ budget: RoomBudget) -> RoomOutcome? {
    let host = room.awake
    engine.context = RoomContext(
      time: step.time, tick: step.event.tickNumber ?? host.tick, random: host.random, nextTimer: host.nextTimer,
      nextRequest: host.nextRequest, openRequests: host.requests.count)
    if !host.strangers.isEmpty, let slot = step.event.addressee, host.strangers.contains(slot) {
      return refuseStranger()
    }
    let outcome =
      switch step.event {
      case .wake: engine.fire(host.timers.due(at: step.time), in: room.instance!, budget: budget)
      case .answered(let key, let outcome, let reply):
        engine.answer(host.requests[key], outcome, reply, in: room.instance!, budget: budget)
      default: engine.deliver(step.event, to: room.instance!, returns: step.event.returns(in: room), budget: budget)
      }
    // An event that is none of the guest's business asks for nothing: what the last call asked for is not its own.
    if outcome == nil { engine.effects.reset() }
    return outcome
  }

  /// The version that speaks never took this member, who is about to be told.
  private mutating func refuseStranger() -> RoomOutcome {
    engine.effects.reset()
    engine.effects.bytes = Array("the room went back to a version that does not know this member".utf8)
    engine.effects.commands = [.refuse(reason: 0..<engine.effects.bytes.count)]
    return .refused(fuelUsed: 0)
  }

  mutating func remember(
    _ room: Room, _ bytes: UnsafeRawBufferPointer, _ batch: BatchNumber, _ time: Int64, _ fuel: UInt64,
    _ verdict: Annotation? = nil
  ) {
    let cost =
      fuel + RoomCost.fuelPerEvent + UInt64(bytes.count) * RoomCost.fuelPerByte
      + UInt64(engine.effectCount * room.awake.memberCount) * RoomCost.fuelPerRecipient
    guard !room.isGhost else {
      room.ghostCost = cost
      return
    }
    TailItem.put(batch, time, bytes, into: &room.tail)
    if let verdict { room.tailAnnotations[verdict.event] = verdict }
    room.tailCost += cost
    tailCost += cost
  }

  // MARK: Settling

  /// The host's part of an event, once its outcome is known. The same in replay.
  mutating func settle(
    _ room: Room, _ seq: EventSeq, _ event: RoomEvent, _ time: Int64, _ outcome: Settlement
  ) {
    let host = room.awake
    host.eventSeq = seq
    host.time = time
    if room.stagedEvent < seq { room.stagedEvent = seq }
    if case .applied = outcome {
      let context = engine.context
      host.random = context.random
      host.nextTimer = context.nextTimer
      host.nextRequest = context.nextRequest
    }
    switch event {
    case .created:
      if case .applied = outcome { carryOut(room, sender: nil, number: InputSeq(0)) }
    case .joined(let joining): settleJoin(room, joining, outcome)
    case .attached(let slot, let generation): settleAttached(room, slot, generation, outcome)
    case .input(let slot, let number, _, _): settleInput(room, slot, number, outcome)
    case .rejected(let slot, let number, _):
      room.awake.decide(slot, number)
      verdict(room, slot, InputVerdict(seq: number, kind: .rejected), "the input is too large")
      oweAck(room, slot)
    case .leave(let slot, let number):
      room.awake.decide(slot, number)
      if case .applied = outcome { carryOut(room, sender: nil, number: number) }
      endMembership(room, slot, .left)
    case .removed(let slot, let reason):
      if case .applied = outcome { carryOut(room, sender: nil, number: InputSeq(0)) }
      endMembership(room, slot, reason)
    case .suspended(let slot):
      room.awake.members[Int(slot.rawValue)]?.suspended = true
      if case .applied = outcome { carryOut(room, sender: nil, number: InputSeq(0)) }
      let c = room.claim(slot)
      room.claims[c].isChanging = false
      if room.claims[c].link < 0 { room.claims[c].graceSince = now.monotonic }
      schedule(room)
    case .tick(let number, _):
      room.awake.tick = number
      if case .applied = outcome { carryOut(room, sender: nil, number: InputSeq(0)) }
    case .timer(let id, _):
      room.awake.timers.removeAll { $0.id == id }
      room.stagedTimers.removeAll { $0 == id }
      if case .applied = outcome { carryOut(room, sender: nil, number: InputSeq(0)) }
    case .wake:
      if host.timers.due(at: time) != nil { host.timers.removeFirst() }
      if room.stagedWakes > 0 { room.stagedWakes -= 1 }
      if case .applied = outcome { carryOut(room, sender: nil, number: InputSeq(0)) }
    case .answered(let key, _, _):
      settleAnswered(room, key)
      if case .applied = outcome { carryOut(room, sender: nil, number: InputSeq(0)) }
    case .upgraded(let upgrade): settleUpgraded(room, seq, upgrade, time)
    case .back(let reason): settleBack(room, seq, reason)
    case .twinEnded(let why): settleTwinEnded(room, why)
    case .frozen(let reason): settleFrozen(room, reason)
    case .signal(let key, _): settleSignal(room, key, outcome)
    case .ended(let reason): settleEnded(room, reason, time)
    case .locked(let isLocked): host.isLocked = isLocked
    case .dropped: settleDropped(room)
    }
    if case .quarantined = outcome, event.isBlamed { host.blame(event.blamed) }
    if !room.commands.isEmpty { answerCommands(room, seq, event) }
  }

  private mutating func settleInput(_ room: Room, _ slot: Slot, _ number: InputSeq, _ outcome: Settlement) {
    if number.rawValue > 0 { room.awake.decide(slot, number) }
    if case .applied = outcome { carryOut(room, sender: slot, number: number) }
    // Where nobody hears the room, the sender has been answered before.
    if !room.isQuiet { tellOutcome(room, slot, number, outcome) }
    if !room.isGhost { counters.inputs += 1 }
    if number.rawValue > 0 { oweAck(room, slot) }
  }

  /// What the host says of an input that was not simply applied.
  mutating func tellOutcome(_ room: Room, _ slot: Slot, _ number: InputSeq, _ outcome: Settlement) {
    switch outcome {
    case .applied: break
    case .refused:
      var reason: [UInt8] = []
      let effects = engine.effects
      for case .refuse(let range) in effects.commands { reason = Array(effects.bytes[range]) }
      verdict(
        room, slot, InputVerdict(seq: number, kind: .refused), String(decoding: reason, as: UTF8.self))
    case .quarantined, .nothing:
      verdict(
        room, slot, InputVerdict(seq: number, kind: .quarantined), "it made the room's code fail and was undone")
    }
  }

  private mutating func settleJoin(_ room: Room, _ joining: RoomEvent.Joining, _ outcome: Settlement) {
    let pending = room.joining.firstIndex { $0.slot == joining.slot }.map { room.joining.remove(at: $0).answer }
    switch outcome {
    case .applied:
      let c = room.claim(joining.slot)
      room.claims[c] = Claim()
      room.awake.put(
        Member(
          membership: joining.membership, player: Array(joining.player), generation: joining.generation),
        at: joining.slot)
      room.emptySince = nil
      carryOut(room, sender: nil, number: InputSeq(0))
      if room.claims[c].link < 0, pending != nil { room.claims[c].unclaimedSince = now.monotonic }
      if let pending { answer(room, pending) }
      schedule(room)
    case .refused:
      let effects = engine.effects
      var reason = "the room refused"
      for case .refuse(let range) in effects.commands {
        reason = String(decoding: effects.bytes[range], as: UTF8.self)
      }
      if let pending { refuse(pending, room.shard, .byRoom, reason) }
    case .quarantined, .nothing:
      if let pending { refuse(pending, room.shard, .failed, "joining made the room's code fail and was undone") }
    }
  }

  private mutating func settleAttached(
    _ room: Room, _ slot: Slot, _ generation: Generation, _ outcome: Settlement
  ) {
    room.awake.members[Int(slot.rawValue)]?.generation = generation
    room.awake.members[Int(slot.rawValue)]?.suspended = false
    if case .applied = outcome { carryOut(room, sender: nil, number: InputSeq(0)) }
    let c = room.claim(slot)
    room.claims[c].isChanging = false
    // An older connection's outputs stop here; the newer one's begin with its answer.
    release(room, c)
    room.claims[c].unclaimedSince = now.monotonic
    schedule(room)
  }

  private mutating func endMembership(_ room: Room, _ slot: Slot, _ reason: LeaveReason) {
    let why = room.kickReasons.isEmpty ? nil : room.kickReasons.removeValue(forKey: slot)
    switch reason {
    case .left: closeMembership(room, slot, .left)
    case .kicked: closeMembership(room, slot, .kicked, text: why ?? [])
    case .expired: closeMembership(room, slot, .expired)
    }
  }

  /// `text`: more than the reason says.
  mutating func closeMembership(
    _ room: Room, _ slot: Slot, _ gone: LinkToGateway.GoneReason, text: [UInt8] = []
  ) {
    guard let member = room.host?[slot] else { return }
    let c = room.claim(slot)
    if room.claims[c].link >= 0 {
      let link = room.claims[c].link
      links[link].out.putAck(room.shard, epoch(room.shard), room.claims[c].route, member.lastSeq)
      links[link].out.putGone(
        room.shard, epoch(room.shard), room.claims[c].route, last: member.lastSeq, known: true, gone,
        text: text)
      release(room, c)
    }
    room.claims[c] = Claim()
    room.awake.end(slot, reason: gone.rawValue)
    if !room.awake.strangers.isEmpty { room.awake.strangers.removeAll { $0 == slot } }
    if room.awake.memberCount == 0 {
      room.idleSince = now.monotonic
      room.emptySince = now.monotonic
    }
    schedule(room)
  }

  private mutating func settleFrozen(_ room: Room, _ reason: RoomEvent.FreezeReason) {
    room.awake.frozen = reason
    room.isEnding = false
    for c in room.claims.indices where room.claims[c].link >= 0 {
      notice(room, to: [room.claims[c].route], room.claims[c].link, "the room is frozen: \(reason.text)")
    }
    if !room.isGhost {
      reports.append(.frozen(room: room.id, reason, text: "its state is intact; it takes no more events"))
    }
    schedule(room)
  }

  /// The cumulative acknowledgement goes out after everything else of this turn that belongs before it.
  mutating func oweAck(_ room: Room, _ slot: Slot) {
    let c = room.claim(slot)
    guard room.claims[c].link >= 0, !room.claims[c].ackIsDue else { return }
    room.claims[c].ackIsDue = true
    acksDue.append((room, slot))
  }
}

/// What replaying costs besides fuel, in fuel: measured on the reference machine at about 12 fuel a nanosecond.
enum RoomCost {
  static let fuelPerEvent: UInt64 = 6_000
  static let fuelPerRecipient: UInt64 = 600
  static let fuelPerByte: UInt64 = 10
  static let fuelPerMillisecond: UInt64 = 12_000_000
  /// Of an instance that is made or whose memory is copied.
  static let fuelPerCopy: UInt64 = 600_000
  static let fuelPerByteCopied: UInt64 = 12
}

extension RoomEvent {
  var tickNumber: UInt64? {
    if case .tick(let number, _) = self { return number }
    return nil
  }
  /// Whether an `attached` event ends a suspension.
  func returns(in room: Room) -> Bool {
    if case .attached(let slot, _) = self { return room.awake[slot]?.suspended ?? false }
    return false
  }
  /// Whom a failure of this event is blamed on; nil: the room itself.
  var blamed: Slot? {
    switch self {
    case .input(let slot, _, _, _), .leave(let slot, _), .attached(let slot, _), .suspended(let slot),
      .removed(let slot, _), .rejected(let slot, _, _):
      slot
    case .joined(let joining): joining.slot
    case .created, .tick, .timer, .frozen, .signal, .ended, .locked, .dropped, .upgraded, .back, .twinEnded, .wake,
      .answered:
      nil
    }
  }
  /// The member that a guest call of this event is about, who must be one already.
  var addressee: Slot? {
    if case .joined = self { return nil }
    return blamed
  }
  /// A signal comes from the game's own backend or another room, an answer from another room: its failure is nobody's in
  /// the room, nor the room's.
  var isBlamed: Bool {
    switch self {
    case .signal, .answered: false
    default: true
    }
  }
}

extension RoomEngine {
  /// Calls the guest as the event says; nil where it says nothing to the guest.
  func deliver(
    _ event: RoomEvent, to instance: any RoomInstance, returns: Bool, budget: RoomBudget
  ) -> RoomOutcome? {
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    switch event {
    case .created(let creation): return call(instance, .create, payload: creation.parameters, budget: budget)
    case .joined(let joining):
      var payload: [UInt8] = []
      payload.putBlob(joining.player)
      payload.append(contentsOf: joining.parameters)
      return payload.withUnsafeBytes { call(instance, .join(joining.slot), payload: $0, budget: budget) }
    case .attached(let slot, _):
      return returns ? call(instance, .returned(slot), payload: nothing, budget: budget) : nil
    case .input(let slot, _, let stamp, let payload):
      return call(instance, .message(slot, stamp: stamp), payload: payload, budget: budget)
    case .leave(let slot, _): return call(instance, .leave(slot, .left), payload: nothing, budget: budget)
    case .removed(let slot, let reason): return call(instance, .leave(slot, reason), payload: nothing, budget: budget)
    case .suspended(let slot): return call(instance, .suspended(slot), payload: nothing, budget: budget)
    case .tick(let number, let skipped):
      return call(instance, .tick(number: number, skipped: skipped), payload: nothing, budget: budget)
    case .timer(let id, let payload): return call(instance, .timer(id), payload: payload, budget: budget)
    case .signal(_, let payload): return call(instance, .signal, payload: payload, budget: budget)
    case .rejected, .frozen, .ended, .locked, .dropped, .upgraded, .back, .twinEnded: return nil
    case .wake: preconditionFailure("a wake fires a timer")
    case .answered: preconditionFailure("an answer is one to a version's own request")
    }
  }

  /// A timer that is due; nil: there is none.
  func fire(_ timer: RoomTimer?, in instance: any RoomInstance, budget: RoomBudget) -> RoomOutcome? {
    guard let timer else { return nil }
    return timer.payload.withUnsafeBytes { call(instance, .timer(timer.id), payload: $0, budget: budget) }
  }
}
