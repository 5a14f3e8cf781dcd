// A room's guest outside of its worker: restored from what a crash bundle holds and given the same events with the same
// context, as a rebuild gives them. Nothing that it asks for is carried out; it is only counted.
package import Core

package struct ReplayError: Error, Sendable, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}

/// One guest of one build. Owned by one thread, the engine's.
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
  package let module: ModuleHash
  package let limits: RoomLimits
  /// Nil after a failure: the instance was spoiled.
  package private(set) var instance: (any RoomInstance)?
  /// What the next call sees, but for its time.
  package private(set) var context: RoomContext
  /// By (due, id).
  package private(set) var timers: [RoomTimer] = []
  /// Members whose return is a call.
  private var suspended: Set<Slot> = []

  /// As it was before the first event of the bundle's tail. `build`: what a room that is created in the tail is made
  /// with, instead of what its creation names.
  package init(_ bundle: CrashBundle, on engine: any RoomEngine, build: ModuleHash? = nil) throws(ReplayError) {
    self.engine = engine
    guard bundle.snapshot.isEmpty else {
      let (host, image) = try Self.snapshot(bundle)
      do throws(EngineError) {
        instance = try image.withUnsafe { (image) throws(EngineError) in
          try engine.restore(host.module, limits: host.limits, image: image)
        }
      } catch { throw ReplayError("its snapshot cannot be restored: \(error)") }
      (module, limits) = (host.module, host.limits)
      context = RoomContext(time: host.time, tick: host.tick, random: host.random, nextTimer: host.nextTimer)
      timers = host.timers
      for i in host.members.indices where host.members[i]?.suspended == true { suspended.insert(Slot(UInt32(i))) }
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
    suspended = other.suspended
    self.instance = try engine.carry(instance, to: module, limits: limits, context: other.context)
  }

  /// With the same state in an instance of its own.
  package init(copying other: GuestReplay) throws(ReplayError) {
    engine = other.engine
    (module, limits, context, timers) = (other.module, other.limits, other.context, other.timers)
    suspended = other.suspended
    guard let image = other.image() else { throw ReplayError("the room's code had failed: there is no state to copy") }
    instance = try Self.restore(image, module, limits, engine)
  }

  deinit { if let instance { engine.discard(instance) } }

  // MARK: Events

  /// Runs one event. After a failure there is no instance any more; `rewind` brings one back.
  package func play(
    _ event: ReplayEvent, budget: RoomBudget, timers which: Timers = .recorded
  ) throws(ReplayError) -> Step {
    guard let instance else { throw ReplayError("the room's code had failed: it takes no more events") }
    var step = Step(event: event.seq, kind: event.kind, time: event.time, outcome: nil, effects: EffectsSummary())
    let returns = follow(event)
    // Undone in its room: its number alone was used.
    if event.isUndone {
      if let tick = event.tick { context.tick = tick }
      return step
    }
    step.outcome = try event.withEvent { decoded in
      var decoded = decoded
      context.time = event.time
      if let tick = decoded.tickNumber ?? event.roomTick { context.tick = tick }
      var own: RoomTimer?
      if case .wake = decoded {
        guard let first = timers.due(at: event.time) else { return nil }
        own = first
        timers.removeFirst()
      } else if case .timer(let id, _) = decoded {
        switch which {
        case .recorded: timers.removeAll { $0.id == id }
        case .own:
          guard let first = timers.first, first.due <= event.time else { return nil }
          own = timers.removeFirst()
        }
      }
      engine.context = context
      guard let own else { return engine.deliverJudged(decoded, to: instance, returns: returns, budget: budget) }
      return own.payload.withUnsafeBytes { payload in
        decoded = .timer(own.id, payload: payload)
        return engine.deliverJudged(decoded, to: instance, returns: returns, budget: budget)
      }
    }
    settle(&step)
    return step
  }

  /// Who is suspended, whatever becomes of the event; whether it ends a suspension.
  private func follow(_ event: ReplayEvent) -> Bool {
    let returns = try? event.withEvent { decoded in
      switch decoded {
      case .suspended(let slot): suspended.insert(slot)
      case .attached(let slot, _): return suspended.remove(slot) != nil
      case .leave(let slot, _), .removed(let slot, _): suspended.remove(slot)
      default: break
      }
      return false
    }
    return returns ?? false
  }

  private func settle(_ step: inout Step) {
    switch step.outcome {
    case .applied:
      context.random = engine.context.random
      context.nextTimer = engine.context.nextTimer
      step.effects = EffectsSummary(engine.effects)
      keepTimers()
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
  }
  package func mark() -> Mark? { image().map { Mark(image: $0, context: context, timers: timers) } }
  package func rewind(to mark: Mark) throws(ReplayError) {
    if let instance { engine.discard(instance) }
    instance = nil
    instance = try Self.restore(mark.image, module, limits, engine)
    context = mark.context
    timers = mark.timers
  }

  /// Empty where the room has nothing to show.
  package func look(_ view: RoomView) throws(EngineError) -> [UInt8] {
    var bytes: [UInt8] = []
    if let instance { try engine.describe(instance, as: view, into: &bytes) }
    return bytes
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

  private static func snapshot(_ bundle: CrashBundle) throws(ReplayError) -> (RoomHost, [UInt8]) {
    do throws(DecodingError) {
      return try bundle.snapshot.withUnsafe { (bytes) throws(DecodingError) in
        let snapshot = try RoomSnapshot(bytes)
        return (snapshot.host, Array(snapshot.image))
      }
    } catch { throw ReplayError("its snapshot \(error)") }
  }
}

extension Worker {
  /// What a crash bundle's replay is compared with.
  mutating func reportRebuilt(_ room: Room, _ event: EventSeq) {
    guard let instance = room.instance else { return }
    var image: [UInt8] = []
    engine.image(of: instance, into: &image)
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
