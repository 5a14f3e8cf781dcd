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
  private let world: World
  private let shard: Int
  private let engine: ScriptedEngine
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
        if let difference = twin.difference(from: snapshot) {
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
    let before = twin
    var outcome: RoomOutcome?
    if annotation == nil {
      outcome = call(&twin, event)
      var isFailed = engine.effects.commands.count > Limits.outputsPerEventMax
      if case .failed? = outcome { isFailed = true }
      if isFailed {
        guard head.number >= lastBatch[place.room]! else {
          return world.fail("I-5", "room \(place.room): event \(place.seq) is decided without a verdict and fails")
        }
        twins[place.room] = before
        twins[place.room]!.isOpen = true
        return
      }
    } else if case .created = event {
      twins[place.room] = nil
      return
    }
    if case .dropped = event {
      twins[place.room] = nil
      return
    }
    twin.eventSeq = place.seq
    settle(&twin, event, outcome, isQuarantined: annotation != nil)
    if annotation?.raisesTimeline == true {
      twin.ownTimeline += 1
      world.ledger.undo(event)
    }
    twins[place.room] = twin
  }

  // MARK: One event

  private mutating func call(_ twin: inout RoomTwin, _ event: RoomEvent) -> RoomOutcome? {
    engine.effects.reset()
    var tick = twin.tick
    if case .tick(let number, _) = event { tick = number }
    engine.context = RoomContext(time: twin.time, tick: tick, random: twin.random, nextTimer: twin.nextTimer)
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    func run(_ call: RoomCall, _ payload: UnsafeRawBufferPointer) -> RoomOutcome {
      let instance = ScriptedInstance(twin.state, twin.limits)
      defer { twin.state = instance.room }
      return engine.call(instance, call, payload: payload, budget: .live)
    }
    let outcome: RoomOutcome
    switch event {
    case .created(let c): outcome = run(.create, c.parameters)
    case .joined(let j):
      var payload: [UInt8] = []
      payload.putBlob(j.player)
      payload.append(contentsOf: j.parameters)
      outcome = payload.withUnsafeBytes { run(.join(j.slot), $0) }
    case .attached(let slot, _):
      guard twin.members[slot.rawValue]?.isSuspended == true else { return nil }
      outcome = run(.returned(slot), nothing)
    case .input(let slot, _, let stamp, let payload): outcome = run(.message(slot, stamp: stamp), payload)
    case .leave(let slot, _): outcome = run(.leave(slot, .left), nothing)
    case .removed(let slot, let reason): outcome = run(.leave(slot, reason), nothing)
    case .suspended(let slot): outcome = run(.suspended(slot), nothing)
    case .tick(let number, let skipped): outcome = run(.tick(number: number, skipped: skipped), nothing)
    case .timer(let id, let payload): outcome = run(.timer(id), payload)
    case .signal(_, let payload): outcome = run(.signal, payload)
    case .rejected, .frozen, .ended, .locked, .dropped, .upgraded, .back, .twinEnded, .wake: return nil
    }
    if case .applied = outcome {
      twin.random = engine.context.random
      twin.nextTimer = engine.context.nextTimer
    }
    return outcome
  }

  private mutating func settle(_ twin: inout RoomTwin, _ event: RoomEvent, _ outcome: RoomOutcome?, isQuarantined: Bool)
  {
    var isApplied = false
    if case .applied? = outcome { isApplied = true }
    switch event {
    case .created: if isApplied { carry(&twin, nil, InputSeq(0)) }
    case .joined(let j):
      guard isApplied else { return }
      twin.members[j.slot.rawValue] = .init(membership: j.membership, generation: j.generation)
      carry(&twin, nil, InputSeq(0))
    case .attached(let slot, let generation):
      twin.members[slot.rawValue]?.generation = generation
      twin.members[slot.rawValue]?.isSuspended = false
      if isApplied { carry(&twin, nil, InputSeq(0)) }
    case .input(let slot, let number, _, _):
      if number.rawValue > 0 { twin.members[slot.rawValue]?.lastSeq = number }
      if isQuarantined {
        say(&twin, slot, [], (number, 2, []))
      } else if isApplied {
        carry(&twin, slot, number)
      } else {
        say(&twin, slot, [], (number, 1, []))
      }
    case .rejected(let slot, let number, _):
      twin.members[slot.rawValue]?.lastSeq = number
      say(&twin, slot, [], (number, 3, []))
    case .leave(let slot, let number):
      twin.members[slot.rawValue]?.lastSeq = number
      if isApplied { carry(&twin, nil, InputSeq(0)) }
      twin.members[slot.rawValue] = nil
    case .removed(let slot, _):
      if isApplied { carry(&twin, nil, InputSeq(0)) }
      twin.members[slot.rawValue] = nil
    case .suspended(let slot):
      twin.members[slot.rawValue]?.isSuspended = true
      if isApplied { carry(&twin, nil, InputSeq(0)) }
    case .tick(let number, _):
      twin.tick = number
      if isApplied { carry(&twin, nil, InputSeq(0)) }
    case .timer(let id, _):
      twin.timers.removeAll { $0.id == id }
      if isApplied { carry(&twin, nil, InputSeq(0)) }
    case .frozen: twin.isFrozen = true
    case .signal(let key, _):
      twin.signals.append(Array(key))
      if twin.signals.count > Limits.signalAnswersMax { twin.signals.removeFirst() }
      if isApplied { carry(&twin, nil, InputSeq(0)) }
    case .ended:
      twin.hasEnded = true
      twin.members = [:]
      twin.timers = []
    case .locked(let isLocked): twin.isLocked = isLocked
    case .upgraded, .back, .twinEnded, .wake: break
    case .dropped: preconditionFailure("answered above")
    }
  }

  private mutating func carry(_ twin: inout RoomTwin, _ sender: Slot?, _ number: InputSeq) {
    let effects = engine.effects
    for command in effects.commands {
      switch command {
      case .send(let target, let isReliable, let range):
        guard isReliable else { continue }
        let all = twin.members.keys.filter { slot in
          switch target {
          case .all: true
          case .only(let one): one.rawValue == slot
          case .except(let one): one.rawValue != slot
          case .some: preconditionFailure("scripted rooms do not send to some")
          }
        }
        guard !all.isEmpty else { continue }
        twin.outSeq = OutSeq(twin.outSeq.rawValue + 1)
        for slot in all { twin.members[slot]!.lastOut = twin.outSeq }
        twin.outputs[twin.outSeq.rawValue] = RoomTwin.digest(Array(effects.bytes[range]), nil)
      case .reply(let range): if let sender { say(&twin, sender, [], (number, 0, Array(effects.bytes[range]))) }
      case .after(let id, let milliseconds, let range):
        let due = twin.time + Int64(milliseconds) * 1_000
        let at = twin.timers.firstIndex { ($0.due, $0.id) > (due, id) } ?? twin.timers.count
        twin.timers.insert(.init(id: id, due: due, payload: Array(effects.bytes[range])), at: at)
      case .cancel(let id): twin.timers.removeAll { $0.id == id }
      case .kick, .refuse, .log, .count, .label, .property, .lock, .end: break
      }
    }
  }

  private func say(_ twin: inout RoomTwin, _ slot: Slot, _ payload: [UInt8], _ verdict: (InputSeq, UInt8, [UInt8])) {
    guard twin.members[slot.rawValue] != nil else { return }
    twin.outSeq = OutSeq(twin.outSeq.rawValue + 1)
    twin.members[slot.rawValue]!.lastOut = twin.outSeq
    twin.outputs[twin.outSeq.rawValue] = RoomTwin.digest(payload, verdict)
  }
}
