// A room's guest outside of its worker: restored from what a crash bundle holds and given the same events with the same
// context, as a rebuild gives them. Nothing that it asks for is carried out; it is only counted.
package import Core

package struct ReplayError: Error, Sendable, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}

/// One guest: of the two versions that a room on probation has, the one that its bundle is about. Owned by one thread, the
/// engine's.
package final class GuestReplay {
  /// Whose timers fire at a timer's event.
  package enum Timers: Sendable {
    /// The one that the record names: for the build that made the record.
    case recorded
    /// The guest's own first one that is due, if any: another build may have set others.
    case own
  }
  package struct Step: Sendable, Hashable {
    package var event: EventSeq
    /// Of the event, as in the journal.
    package var kind: UInt8
    package var time: Int64
    /// Nil: the event is none of the guest's business.
    package var outcome: RoomOutcome?
    package var effects: EffectsSummary
  }

  package let engine: any RoomEngine
  package private(set) var module: ModuleHash
  package private(set) var limits: RoomLimits
  /// Nil after a failure: the instance was spoiled.
  package private(set) var instance: (any RoomInstance)?
  /// What the next call sees, but for its time.
  package private(set) var context: RoomContext
  /// By (due, id).
  package private(set) var timers: [RoomTimer] = []
  /// Recorded, never sent: their answers are on record.
  package private(set) var requests: [OpenRequest] = []
  /// Members whose return is a call.
  private var suspended: Set<Slot> = []
  /// It is the silent version: what undid the other one's event did not undo its own.
  private var isSilent = false
  /// Members that it never took while it was silent: it is not called for them.
  private var lacks: Set<Slot> = []
  /// The build that the bundle is about: an upgrade to another one leaves this guest beside it, in silence.
  private let target: ModuleHash

  /// As it was before the first event of the bundle's tail. `build`: what a room that is created in the tail is made
  /// with, instead of what its creation names.
  package init(_ bundle: CrashBundle, on engine: any RoomEngine, build: ModuleHash? = nil) throws(ReplayError) {
    self.engine = engine
    target = bundle.module
    guard bundle.snapshot.isEmpty else {
      let found = try RestoredSide(bundle)
      (module, limits, context, timers) = (found.module, found.limits, found.context, found.timers)
      (suspended, lacks, isSilent) = (found.suspended, found.lacks, found.isSilent)
      requests = found.requests
      instance = try Self.restore(found.image, found.module, found.limits, engine)
      return
    }
    var first = try ReplayEvent.all(of: bundle).first
    if first == nil { first = try ReplayEvent.culprit(of: bundle) }
    guard let first, let (seed, creation) = first.creation else {
      throw ReplayError("it has no snapshot, and its tail does not begin with the room's creation")
    }
    module = build ?? creation.module
    guard let settings = engine.module(module) else { throw ReplayError(Self.missing(module)) }
    limits = build == nil ? creation.limits : settings.limits
    do throws(EngineError) { instance = try engine.make(module, limits: limits) } catch {
      throw ReplayError("a room of it cannot be made: \(error)")
    }
    context = RoomContext(time: first.time, tick: 0, random: RandomState(seed: seed), nextTimer: TimerID(1))
  }

  /// With another's state, as `save` and `restore` carry it; the other is as before.
  package init(carrying other: GuestReplay, to module: ModuleHash) throws(CarryError) {
    engine = other.engine
    self.module = module
    guard let instance = other.instance else {
      throw CarryError(.unavailable, "the room's code had failed: there is no state to carry")
    }
    guard let settings = engine.module(module) else { throw CarryError(.unavailable, Self.missing(module)) }
    limits = settings.limits
    context = other.context
    timers = other.timers
    requests = other.requests
    suspended = other.suspended
    target = module
    self.instance = try engine.carry(instance, to: module, limits: limits, context: other.context)
  }

  /// With the same state in an instance of its own.
  package init(copying other: GuestReplay) throws(ReplayError) {
    engine = other.engine
    (module, limits, context, timers) = (other.module, other.limits, other.context, other.timers)
    (suspended, lacks, isSilent, target) = (other.suspended, other.lacks, other.isSilent, other.target)
    requests = other.requests
    guard let image = other.image() else { throw ReplayError("the room's code had failed: there is no state to copy") }
    instance = try Self.restore(image, module, limits, engine)
  }

  deinit { if let instance { engine.discard(instance) } }

  // MARK: Events

  /// Runs one event. After a failure there is no instance any more; `rewind` brings one back. `decides`: the event is
  /// run whatever the record says of it.
  package func play(
    _ event: ReplayEvent, budget: RoomBudget, timers which: Timers = .recorded, decides: Bool = false
  ) throws(ReplayError) -> Step {
    guard instance != nil else { throw ReplayError("the room's code had failed: it takes no more events") }
    var step = Step(event: event.seq, kind: event.kind, time: event.time, outcome: nil, effects: EffectsSummary())
    let isUndone = !decides && isUndone(event)
    defer { forgetLeaver(event) }
    try switchVersions(event)
    let returns = follow(event, isUndone: isUndone)
    // Undone in its room: its number alone was used, and its timer or request is gone.
    guard !isUndone else {
      if let tick = event.tick { context.tick = tick }
      _ = try event.withEvent { request(of: $0) }
      _ = try event.withEvent { timer(of: $0, at: event.time, which) }
      return step
    }
    if let slot = event.slot, lacks.contains(slot), event.kind != ReplayEvent.joinedKind { return step }
    step.outcome = try event.withEvent { deliver($0, event, returns, which, budget) }
    settle(&step, event)
    return step
  }

  private func forgetLeaver(_ event: ReplayEvent) {
    _ = try? event.withEvent { decoded in
      switch decoded {
      case .leave(let slot, _), .removed(let slot, _):
        suspended.remove(slot)
        lacks.remove(slot)
      default: break
      }
    }
  }

  private func deliver(
    _ decoded: RoomEvent, _ event: ReplayEvent, _ returns: Bool, _ which: Timers, _ budget: RoomBudget
  ) -> RoomOutcome? {
    context.time = event.time
    if let tick = decoded.tickNumber ?? event.roomTick { context.tick = tick }
    context.openRequests = requests.count
    engine.context = context
    if case .answered(_, let outcome, let reply) = decoded {
      return engine.answer(request(of: decoded), outcome, reply, in: instance!, budget: budget)
        .map { engine.judged($0, decoded) }
    }
    guard let own = timer(of: decoded, at: event.time, which) else {
      switch decoded {
      case .wake: return nil
      case .timer where which == .own: return nil
      default: return engine.deliverJudged(decoded, to: instance!, returns: returns, budget: budget)
      }
    }
    return own.payload.withUnsafeBytes { payload in
      engine.deliverJudged(.timer(own.id, payload: payload), to: instance!, returns: false, budget: budget)
    }
  }

  /// Takes the guest's own timer that an event fires; nil: none of its own.
  private func timer(of event: RoomEvent, at time: Int64, _ which: Timers) -> RoomTimer? {
    switch event {
    case .timer(let id, _) where which == .recorded:
      timers.removeAll { $0.id == id }
      return nil
    case .timer, .wake:
      guard let first = timers.due(at: time) else { return nil }
      timers.removeFirst()
      return first
    default: return nil
    }
  }

  /// Takes the guest's own request that an event answers; nil: it has none such.
  private func request(of event: RoomEvent) -> OpenRequest? {
    guard case .answered(let key, _, _) = event else { return nil }
    defer { requests.removeAll { $0.key == key } }
    return requests[key]
  }

  private func isUndone(_ event: ReplayEvent) -> Bool {
    switch event.verdict {
    case nil: false
    case .quarantined: true
    case .back: !isSilent
    case .twinUndone: isSilent
    }
  }

  /// Where another version speaks from here on.
  private func switchVersions(_ event: ReplayEvent) throws(ReplayError) {
    let upgrade: (ModuleHash, RoomLimits, [UInt8])? = try event.withEvent { decoded in
      switch decoded {
      case .upgraded(let upgrade): return (upgrade.module, upgrade.limits, Array(upgrade.image))
      case .back: isSilent = false
      default: break
      }
      return nil
    }
    if event.verdict == .back { isSilent = false }
    guard let (to, newLimits, image) = upgrade else { return }
    guard to == target || module != target else {
      isSilent = true
      return
    }
    if let old = instance.take() { engine.discard(old) }
    (module, limits) = (to, newLimits)
    instance = try Self.restore(image, to, newLimits, engine)
  }

  /// Who is a member of this version, whatever becomes of the event; whether it ends a suspension.
  private func follow(_ event: ReplayEvent, isUndone: Bool) -> Bool {
    let returns = try? event.withEvent { decoded in
      switch decoded {
      case .joined(let joining): if isUndone, isSilent { lacks.insert(joining.slot) }
      case .suspended(let slot): suspended.insert(slot)
      case .attached(let slot, _): return suspended.remove(slot) != nil
      default: break
      }
      return false
    }
    return returns ?? false
  }

  private func settle(_ step: inout Step, _ event: ReplayEvent) {
    if case .refused? = step.outcome, isSilent, step.kind == ReplayEvent.joinedKind, let slot = event.slot {
      lacks.insert(slot)
    }
    switch step.outcome {
    case .applied:
      context.random = engine.context.random
      context.nextTimer = engine.context.nextTimer
      context.nextRequest = engine.context.nextRequest
      step.effects = EffectsSummary(engine.effects)
      keepTimers()
      var index = 0
      requests.add(engine.effects, event: step.event, time: step.time, index: &index)
    case .refused: step.effects = EffectsSummary(engine.effects)
    case .failed:
      if let instance { engine.discard(instance) }
      instance = nil
    case nil: break
    }
  }

  private func keepTimers() {
    let effects = engine.effects
    for command in effects.commands {
      if case .cancel(let id) = command { timers.removeAll { $0.id == id } }
      guard case .after(let id, let milliseconds, let payload) = command, timers.count < Limits.timersMax else {
        continue
      }
      let due = context.time + Int64(clamping: min(milliseconds, 100 * 365 * 86_400_000)) * 1_000
      let at = timers.firstIndex { ($0.due, $0.id) > (due, id) } ?? timers.count
      timers.insert(RoomTimer(id: id, due: due, payload: Array(effects.bytes[payload])), at: at)
    }
  }

  // MARK: State

  /// The whole mutable state; nil after a failure.
  package func image() -> [UInt8]? {
    guard let instance else { return nil }
    var bytes: [UInt8] = []
    engine.image(of: instance, into: &bytes)
    return bytes
  }

  /// What `rewind` goes back to.
  package struct Mark: Sendable {
    let image: [UInt8]
    let context: RoomContext
    let timers: [RoomTimer]
    let requests: [OpenRequest]
    let suspended: Set<Slot>
    let lacks: Set<Slot>
  }
  package func mark() -> Mark? {
    image().map {
      Mark(image: $0, context: context, timers: timers, requests: requests, suspended: suspended, lacks: lacks)
    }
  }
  package func rewind(to mark: Mark) throws(ReplayError) {
    if let instance { engine.discard(instance) }
    instance = nil
    instance = try Self.restore(mark.image, module, limits, engine)
    context = mark.context
    (timers, requests, suspended, lacks) = (mark.timers, mark.requests, mark.suspended, mark.lacks)
  }

  /// Empty where the room has nothing to show.
  package func look(_ view: RoomView) throws(EngineError) -> [UInt8] {
    var bytes: [UInt8] = []
    if let instance { try engine.describe(instance, as: view, into: &bytes) }
    return bytes
  }

  /// Makes a call that is no event, as its worker did. Nil: it returned, or has nothing to be made of here.
  package func make(_ call: NotedCall, to target: ModuleHash? = nil) throws(ReplayError) -> RoomFault? {
    do throws(EngineError) {
      switch call {
      case .describe: _ = try look(.state(nil))
      case .check: _ = try look(.check)
      case .inspect: _ = try look(.json)
      case .save: _ = image()
      case .carry: return target.flatMap { carriedTo($0) }
      // The room stands, so it was restored and its record was followed.
      case .restore, .replay, .wake: break
      }
    } catch { return RoomFault(kind: .trap, text: error.description) }
    return nil
  }
  private func carriedTo(_ target: ModuleHash) -> RoomFault? {
    do throws(CarryError) {
      _ = try GuestReplay(carrying: self, to: target)
      return nil
    } catch { return error.fault ?? RoomFault(kind: .trap, text: error.text) }
  }

  // MARK: Helpers

  private static func missing(_ module: ModuleHash) -> String {
    "the build \(module) is not here: put its .wasm and .json into the modules directory, or export the crash where it is"
  }

  private static func restore(
    _ image: [UInt8], _ module: ModuleHash, _ limits: RoomLimits, _ engine: any RoomEngine
  ) throws(ReplayError) -> any RoomInstance {
    do throws(EngineError) {
      return try image.withUnsafe { (image) throws(EngineError) in
        try engine.restore(module, limits: limits, image: image)
      }
    } catch { throw ReplayError("its state cannot be restored: \(error)") }
  }
}

/// The version of a snapshot that a bundle is about.
private struct RestoredSide {
  var module: ModuleHash
  var limits: RoomLimits
  var context: RoomContext
  var timers: [RoomTimer]
  var requests: [OpenRequest]
  var suspended: Set<Slot> = []
  var lacks: Set<Slot> = []
  var isSilent = false
  var image: [UInt8]

  init(_ bundle: CrashBundle) throws(ReplayError) {
    do throws(DecodingError) {
      self = try bundle.snapshot.withUnsafe { (bytes) throws(DecodingError) in
        Self(try RoomSnapshot(bytes), bundle.module)
      }
    } catch { throw ReplayError("its snapshot \(error)") }
  }

  private init(_ snapshot: RoomSnapshot, _ wanted: ModuleHash) {
    let host = snapshot.host
    if let twin = host.twin, let twinImage = snapshot.twinImage, twin.module == wanted, host.module != wanted {
      (module, limits, timers, image) = (twin.module, twin.limits, twin.timers, Array(twinImage))
      requests = twin.requests
      context = RoomContext(
        time: host.time, tick: host.tick, random: twin.random, nextTimer: twin.nextTimer, nextRequest: twin.nextRequest)
      lacks = Set(twin.lacks)
      isSilent = true
    } else {
      (module, limits, timers, image) = (host.module, host.limits, host.timers, Array(snapshot.image))
      requests = host.requests
      context = RoomContext(
        time: host.time, tick: host.tick, random: host.random, nextTimer: host.nextTimer, nextRequest: host.nextRequest)
      lacks = Set(host.strangers)
    }
    for i in host.members.indices where host.members[i]?.suspended == true { suspended.insert(Slot(UInt32(i))) }
  }
}

extension Worker {
  /// What a crash bundle's replay is compared with.
  mutating func reportRebuilt(_ room: Room, _ event: EventSeq, _ instance: any RoomInstance, _ build: ModuleHash) {
    var image: [UInt8] = []
    guard save(room, instance, build, into: &image) else { return }
    reports.append(.rebuilt(room: room.id, event: event, image: image))
  }
}

extension [UInt8] {
  func withUnsafe<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    var result: Result<R, E>?
    withUnsafeBytes { bytes in
      do throws(E) { result = .success(try body(bytes)) } catch { result = .failure(error) }
    }
    return try result!.get()
  }
}
