// Plays a shard's record from its oldest kept end, once, without a crash, and compares every snapshot on the way.
import Core
import Wire
import WorkerCore

struct TwinReplay {
  private struct Verdict: Hashable {
    var room: RoomID
    /// A room whose creation failed may be created again, with its numbers from 1.
    var life: Int
    var event: EventSeq
  }
  let world: World
  private let shard: Int
  let engine: ScriptedEngine
  /// The record is damaged: a room that lacks an event is known up to there.
  var mayMissEvents = false
  private var twins: [RoomID: RoomTwin] = [:]
  private var lives: [RoomID: Int] = [:]
  private var annotations: [Verdict: Annotation] = [:]
  private var lastBatch: [RoomID: BatchNumber] = [:]

  init(_ world: World, shard: Int) {
    self.world = world
    self.shard = shard
    engine = ScriptedEngine(environment: nil, fuelPerCall: world.options.fuelPerCall)
  }

  mutating func run(_ entries: [LogModel.Entry]) -> [RoomID: RoomTwin] {
    for entry in entries { entry.bytes.withUnsafeBytes { collect(entry.kind, $0) } }
    lives = [:]
    for entry in entries where world.violation == nil { entry.bytes.withUnsafeBytes { play(entry.kind, $0) } }
    return twins
  }

  private mutating func collect(_ kind: UInt8, _ bytes: UnsafeRawBufferPointer) {
    var r = ByteReader(bytes)
    switch kind {
    case WorkerCore.RecordKind.batch:
      guard let head = try? BatchHead(&r) else { return world.fail("I-2", "a batch of shard \(shard) does not decode") }
      while !r.isAtEnd {
        guard let (place, event) = try? r.takeEvent() else {
          return world.fail("I-2", "an event of shard \(shard) does not decode")
        }
        if case .created = event { lives[place.room, default: 0] += 1 }
        lastBatch[place.room] = head.number
      }
    case WorkerCore.RecordKind.annotations:
      while !r.isAtEnd, let annotation = try? Annotation(&r) { keep(annotation) }
    case WorkerCore.RecordKind.tail:
      guard let room: RoomID = try? r.take(), let count: UInt32 = try? r.take() else { return }
      for _ in 0..<count { if let annotation = try? Annotation(&r), annotation.room == room { keep(annotation) } }
    default: break
    }
  }
  private mutating func keep(_ a: Annotation) {
    annotations[Verdict(room: a.room, life: lives[a.room] ?? 0, event: a.event)] = a
  }

  private mutating func play(_ kind: UInt8, _ bytes: UnsafeRawBufferPointer) {
    var r = ByteReader(bytes)
    switch kind {
    case WorkerCore.RecordKind.batch:
      guard let head = try? BatchHead(&r) else { return }
      while !r.isAtEnd, world.violation == nil, let (place, event) = try? r.takeEvent() {
        if case .created(let creation) = event {
          lives[place.room, default: 0] += 1
          twins[place.room] = RoomTwin(creation, time: head.time)
        }
        play(place, event, head)
      }
    case WorkerCore.RecordKind.snapshot:
      guard let snapshot = try? RoomSnapshot(bytes) else {
        return world.fail("I-2", "a snapshot of shard \(shard) does not decode")
      }
      if let twin = twins[snapshot.room], !twin.isOpen, twin.eventSeq >= snapshot.host.eventSeq {
        guard twin.eventSeq == snapshot.host.eventSeq else { return }
        if let difference = twin.difference(from: snapshot, mayDrift: world.options.mayDrift) {
          world.fail("I-2", "a snapshot of room \(snapshot.room) and its twin: \(difference)")
        }
      } else {
        twins[snapshot.room] = RoomTwin(snapshot)
      }
    default: break
    }
  }

  private mutating func play(_ place: EventHead, _ event: RoomEvent, _ head: BatchHead) {
    guard var twin = twins[place.room], !twin.isOpen, place.seq > twin.eventSeq else { return }
    guard place.seq.rawValue == twin.eventSeq.rawValue + 1 else {
      if mayMissEvents {
        twins[place.room]!.isOpen = true
        return
      }
      return world.fail("I-2", "room \(place.room): event \(place.seq) follows \(twin.eventSeq)")
    }
    let annotation = annotations[Verdict(room: place.room, life: lives[place.room] ?? 0, event: place.seq)]
    twin.time = max(twin.time, head.time)
    switch (annotation?.verdict, event) {
    case (.quarantined, .created), (_, .dropped):
      twins[place.room] = nil
      return
    default: break
    }
    let before = twins[place.room]!
    let isLast = head.number >= lastBatch[place.room]!
    guard let outcome = outcome(&twin, event, annotation, isLast) else {
      twins[place.room] = before
      twins[place.room]!.isOpen = true
      return
    }
    twin.eventSeq = place.seq
    settle(&twin, event, outcome, isBack: annotation?.verdict == .back)
    if annotation?.raisesTimeline == true, annotation?.verdict == .quarantined {
      twin.ownTimeline += 1
      world.ledger.undo(event)
    }
    twins[place.room] = twin
  }

  // MARK: One event

  /// What came of it in the version whose outcome stands, with its effects in the engine; the other one has followed.
  /// Nil: nobody knows yet.
  private mutating func outcome(
    _ twin: inout RoomTwin, _ event: RoomEvent, _ annotation: Annotation?, _ isLast: Bool
  ) -> Outcome? {
    engine.effects.reset()
    switch annotation?.verdict {
    case .quarantined:
      if twin.silent != nil { undoSilent(&twin, event) }
      return .undone
    case .back:
      guard let silent = twin.silent else {
        world.fail("I-5", "a room goes back at event \(twin.eventSeq) with one version")
        return nil
      }
      let heard = silent.lacks(event) ? .uncalled : run(&twin, event, isSilent: true)
      if case .failed = heard {
        world.fail("I-5", "a room went back to an outcome that fails")
        return nil
      }
      world.ledger.differs(event)
      let outcome: Outcome = silent.lacks(event) ? .undone : heard
      // The sender is answered first, and on the old timeline.
      if case .input(let slot, let number, _, _) = event, number.rawValue > 0 {
        switch outcome {
        case .undone: say(&twin, slot, [], (number, 2, []))
        case .refused: say(&twin, slot, [], (number, 1, []))
        default:
          for case .reply(let range) in engine.effects.commands {
            say(&twin, slot, [], (number, 0, Array(engine.effects.bytes[range])))
          }
        }
      }
      goBack(&twin)
      return outcome
    case .twinUndone, nil: break
    }
    let spoken = run(&twin, event, isSilent: false)
    if case .failed = spoken {
      if isLast { return nil }
      world.fail("I-5", "an event after \(twin.eventSeq) is decided without a verdict and fails")
      return nil
    }
    guard twin.silent != nil else { return spoken }
    let effects = engine.effects
    let context = engine.context
    defer {
      engine.effects = effects
      engine.context = context
    }
    if let annotation {
      undoSilent(&twin, event)
      world.ledger.differs(event)
      if annotation.fault == .watchdog || annotation.fault == .death { twin.silent = nil }
      return spoken
    }
    let heard = twin.silent!.lacks(event) ? .uncalled : run(&twin, event, isSilent: true)
    if case .failed = heard {
      if isLast { return nil }
      world.fail("I-5", "an event after \(twin.eventSeq) is decided without a verdict and its silent version fails")
      return nil
    }
    if heard.isApplied { followSilently(&twin) }
    compare(&twin, event, spoken, heard)
    return spoken
  }

  private mutating func compare(_ twin: inout RoomTwin, _ event: RoomEvent, _ spoken: Outcome, _ heard: Outcome) {
    switch event {
    case .joined(let j):
      twin.silent!.lacks.remove(j.slot.rawValue)
      switch (spoken, heard) {
      case (.applied, .refused): twin.silent!.lacks.insert(j.slot.rawValue)
      case (.refused, .applied):
        // Taken back.
        setContext(twin, event, isSilent: true)
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        _ = call(&twin, isSilent: true, .leave(j.slot, .left), nothing)
        followSilently(&twin)
      default: break
      }
    case .leave(let slot, _), .removed(let slot, _): twin.silent!.lacks.remove(slot.rawValue)
    case .input:
      if spoken.isApplied != heard.isApplied { world.ledger.differs(event) }
    default: break
    }
  }

  /// Nothing of the event is left in the silent version, but that its time has come.
  private func undoSilent(_ twin: inout RoomTwin, _ event: RoomEvent) {
    dropTimer(&twin.silent!.version, event, twin.time)
    switch event {
    case .joined(let j): twin.silent!.lacks.insert(j.slot.rawValue)
    case .leave(let slot, _), .removed(let slot, _): twin.silent!.lacks.remove(slot.rawValue)
    default: break
    }
  }
  func dropTimer(_ version: inout RoomTwin.Version, _ event: RoomEvent, _ time: Int64) {
    switch event {
    case .wake: if let first = version.timers.first, first.due <= time { version.timers.removeFirst() }
    case .timer(let id, _): version.timers.removeAll { $0.id == id }
    case .answered(let key, _, _): version.requests.removeAll { $0.key == key }
    default: break
    }
  }
  private func followSilently(_ twin: inout RoomTwin) {
    var version = twin.silent!.version
    version.random = engine.context.random
    version.nextTimer = engine.context.nextTimer
    version.nextRequest = engine.context.nextRequest
    for command in engine.effects.commands { keepTimer(&version, command, twin.time) }
    version.keepRequests(engine.effects, EventSeq(twin.eventSeq.rawValue + 1), twin.time)
    twin.silent!.version = version
  }
  func keepTimer(_ version: inout RoomTwin.Version, _ command: RoomEffects.Command, _ time: Int64) {
    switch command {
    case .after(let id, let milliseconds, let range):
      let due = time + Int64(milliseconds) * 1_000
      let at = version.timers.firstIndex { ($0.due, $0.id) > (due, id) } ?? version.timers.count
      version.timers.insert(.init(id: id, due: due, payload: Array(engine.effects.bytes[range])), at: at)
    case .cancel(let id): version.timers.removeAll { $0.id == id }
    default: break
    }
  }
  func goBack(_ twin: inout RoomTwin) {
    guard let silent = twin.silent else { return }
    twin.version = silent.version
    twin.strangers = silent.lacks.filter { twin.members[$0] != nil }
    twin.silent = nil
    twin.ownTimeline += 1
  }

  private func setContext(_ twin: RoomTwin, _ event: RoomEvent, isSilent: Bool) {
    let version = isSilent ? twin.silent!.version : twin.version
    var tick = twin.tick
    if case .tick(let number, _) = event { tick = number }
    engine.context = RoomContext(
      time: twin.time, tick: tick, random: version.random, nextTimer: version.nextTimer,
      nextRequest: version.nextRequest, openRequests: version.requests.count)
  }
  private func call(
    _ twin: inout RoomTwin, isSilent: Bool, _ call: RoomCall, _ payload: UnsafeRawBufferPointer
  ) -> Outcome {
    let version = isSilent ? twin.silent!.version : twin.version
    let instance = ScriptedInstance(version.state, version.limits, ScriptedBuild.of(version.module))
    defer { if isSilent { twin.silent!.version.state = instance.room } else { twin.version.state = instance.room } }
    let outcome = engine.call(instance, call, payload: payload, budget: .live)
    if engine.effects.commands.count > Limits.outputsPerEventMax { return .failed }
    return switch outcome {
    case .applied: .applied
    case .refused: .refused
    case .failed: .failed
    }
  }

  /// Runs it in one version. A timer that it fires is gone.
  private mutating func run(_ twin: inout RoomTwin, _ event: RoomEvent, isSilent: Bool) -> Outcome {
    engine.effects.reset()
    setContext(twin, event, isSilent: isSilent)
    let version = isSilent ? twin.silent!.version : twin.version
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    if !isSilent, let slot = TwinReplay.addressee(event), twin.strangers.contains(slot.rawValue) { return .refused }
    var outcome: Outcome
    switch event {
    case .created(let c): outcome = call(&twin, isSilent: isSilent, .create, c.parameters)
    case .joined(let j):
      var payload: [UInt8] = []
      payload.putBlob(j.player)
      payload.append(contentsOf: j.parameters)
      outcome = payload.withUnsafeBytes { call(&twin, isSilent: isSilent, .join(j.slot), $0) }
    case .attached(let slot, _):
      guard twin.members[slot.rawValue]?.isSuspended == true else { return .uncalled }
      outcome = call(&twin, isSilent: isSilent, .returned(slot), nothing)
    case .input(let slot, _, let stamp, let payload):
      outcome = call(&twin, isSilent: isSilent, .message(slot, stamp: stamp), payload)
    case .leave(let slot, _): outcome = call(&twin, isSilent: isSilent, .leave(slot, .left), nothing)
    case .removed(let slot, let reason): outcome = call(&twin, isSilent: isSilent, .leave(slot, reason), nothing)
    case .suspended(let slot): outcome = call(&twin, isSilent: isSilent, .suspended(slot), nothing)
    case .tick(let number, let skipped):
      outcome = call(&twin, isSilent: isSilent, .tick(number: number, skipped: skipped), nothing)
    case .timer(let id, let payload):
      if isSilent, !version.timers.contains(where: { $0.id == id }) { return .uncalled }
      outcome = call(&twin, isSilent: isSilent, .timer(id), payload)
    case .wake:
      guard let first = version.timers.first, first.due <= twin.time else { return .uncalled }
      outcome = first.payload.withUnsafeBytes { call(&twin, isSilent: isSilent, .timer(first.id), $0) }
    case .signal(_, let payload): outcome = call(&twin, isSilent: isSilent, .signal, payload)
    case .answered(let key, let what, let reply):
      guard let request = version.requests.first(where: { $0.key == key }) else { return .uncalled }
      engine.context.openRequests -= 1
      outcome = call(&twin, isSilent: isSilent, .answered(request.id, what), reply)
    case .rejected, .frozen, .ended, .locked, .dropped, .upgraded, .back, .twinEnded: return .uncalled
    }
    if isSilent { dropTimer(&twin.silent!.version, event, twin.time) }
    return outcome
  }

  fileprivate static func addressee(_ event: RoomEvent) -> Slot? {
    switch event {
    case .input(let slot, _, _, _), .leave(let slot, _), .attached(let slot, _), .suspended(let slot),
      .removed(let slot, _):
      slot
    default: nil
    }
  }
}

extension RoomTwin.Silent {
  fileprivate func lacks(_ event: RoomEvent) -> Bool {
    TwinReplay.addressee(event).map { lacks.contains($0.rawValue) } ?? false
  }
}
