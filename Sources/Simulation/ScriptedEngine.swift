// Rooms written in Swift for the simulator, behind the seam that wasmtime fills in production. Deterministic, but for
// what the environment does to a call: the watchdog and the death of the process.
package import Core
import WorkerCore

/// A scripted room's place in its engine.
package final class ScriptedInstance: RoomInstance {
  var room: ScriptedRoom
  /// As the room's record has them.
  let limits: RoomLimits
  let build: ScriptedBuild
  init(_ room: ScriptedRoom, _ limits: RoomLimits, _ build: ScriptedBuild) {
    self.room = room
    self.limits = limits
    self.build = build
  }
}

/// What happens to calls from outside; shared by all engines of a run.
package final class EngineEnvironment {
  package enum Doom: Sendable { case before, after }
  var random: RandomState
  /// Of 256: how often the watchdog fires at a `slow` call, and the process dies at a `crash`.
  package var watchdogChance: UInt64 = 0
  package var deathChance: UInt64 = 0
  /// The next events at which the process dies, whatever they are: after so many calls.
  package var doomIn: (calls: Int, Doom)?
  /// Outside of events this call kills, in rooms of that build; nil: nothing does, and rooms are confined.
  var deadly: (call: NotedCall, build: ScriptedBuild)?
  /// Else whoever looks does so from outside.
  var isInTurn = false
  /// The death is told to whoever runs the process: nothing that the worker does afterwards takes effect.
  var onDeath: (() -> Void)?
  package init(seed: UInt64) { random = RandomState(seed: seed) }

  func strike(_ call: NotedCall, _ build: ScriptedBuild) {
    guard let deadly, deadly.call == call, deadly.build == build, isInTurn || call != .save else { return }
    onDeath?()
  }
  func happens(_ chance: UInt64) -> Bool { chance > 0 && random.next() % 256 < chance }
}

package final class ScriptedEngine: RoomEngine {
  package var identity: String
  package var effects = RoomEffects()
  package var effectCount: Int { effects.commands.count }
  package var context = RoomContext(time: 0, tick: 0, random: RandomState(seed: 0), nextTimer: TimerID(1))
  package let environment: EngineEnvironment?
  /// What a call costs; high, so that snapshots come often.
  package var fuelPerCall: UInt64
  package var modules: [ModuleSettings]
  /// Of the call under way.
  private var build = ScriptedBuild.first
  static let burnCalls: UInt64 = 3

  /// Without an environment nothing happens to a call: for twins.
  package init(
    environment: EngineEnvironment?, fuelPerCall: UInt64, fuelCallsMax: UInt64 = 2, identity: String = "scripted-1"
  ) {
    self.environment = environment
    self.fuelPerCall = fuelPerCall
    self.identity = identity
    modules = Self.standard(fuelPerCall, fuelCallsMax)
  }

  /// `calls`: how many calls' fuel one event may use.
  package static func standard(_ fuel: UInt64, _ calls: UInt64 = 2) -> [ModuleSettings] {
    func module(_ name: String, _ id: UInt8, ticks: UInt32 = 0, empty: Bool = false) -> ModuleSettings {
      ModuleSettings(
        name: name, version: "1", hash: ModuleHash([id] + Array(repeating: 0, count: 31)), ticksPerSecond: ticks,
        membersMax: 64, ticksWhenEmpty: empty,
        limits: RoomLimits(fuel: fuel * calls, memoryBytes: 1 << 20, stackBytes: 1 << 16, outputBytes: 1 << 16))
    }
    var brief = module("brief", 4)
    brief.keepEmptySeconds = 120
    return builds([
      module("tally", 1), module("ticker", 2, ticks: 4), module("restless", 3, ticks: 1, empty: true), brief,
    ])
  }

  package func module(named name: String) -> ModuleSettings? { modules.first { $0.name == name } }
  package func module(_ hash: ModuleHash) -> ModuleSettings? { modules.first { $0.hash == hash } }
  package func make(_ module: ModuleHash, limits: RoomLimits) throws(EngineError) -> any RoomInstance {
    ScriptedInstance(ScriptedRoom(), limits, ScriptedBuild.of(module))
  }
  package func confines(_ module: ModuleHash) -> Bool { environment?.deadly == nil }
  package func image(of instance: any RoomInstance, into bytes: inout [UInt8]) {
    environment?.strike(.save, scripted(instance).build)
    scripted(instance).room.encode(into: &bytes)
  }
  func scripted(_ instance: any RoomInstance) -> ScriptedInstance {
    guard let own = instance as? ScriptedInstance else { preconditionFailure("another engine's instance") }
    return own
  }
  package func restore(
    _ module: ModuleHash, limits: RoomLimits, image: UnsafeRawBufferPointer
  ) throws(EngineError) -> any RoomInstance {
    environment?.strike(.restore, ScriptedBuild.of(module))
    do throws(DecodingError) {
      return ScriptedInstance(try ScriptedRoom(image), limits, ScriptedBuild.of(module))
    } catch {
      throw EngineError("the image \(error)")
    }
  }
  /// The first of a name in `modules` is the one that new rooms get.
  package func offer(_ module: ModuleHash) throws(EngineError) {
    guard let at = modules.firstIndex(where: { $0.hash == module }) else {
      throw EngineError("the module \(module) is not here")
    }
    modules.insert(modules.remove(at: at), at: 0)
  }
  package func discard(_ instance: any RoomInstance) {}
  package func describe(
    _ instance: any RoomInstance, as view: RoomView, into bytes: inout [UInt8]
  ) throws(EngineError) {
    environment?.strike(NotedCall(view), scripted(instance).build)
    if case .state = view { scripted(instance).room.encode(into: &bytes) }
  }

  // MARK: Calls

  package func call(
    _ instance: any RoomInstance, _ call: RoomCall, payload: UnsafeRawBufferPointer, budget: RoomBudget
  ) -> RoomOutcome {
    effects.reset()
    var doomed: EngineEnvironment.Doom?
    if budget != .decided, let environment, let doom = environment.doomIn {
      environment.doomIn = doom.calls > 0 ? (doom.calls - 1, doom.1) : nil
      if doom.calls == 0 { doomed = doom.1 }
    }
    if doomed == .before { environment?.onDeath?() }
    build = scripted(instance).build
    if budget == .decided { environment?.strike(.replay, build) }
    let outcome = run(&scripted(instance).room, call, payload, budget, scripted(instance).limits)
    if doomed == .after { environment?.onDeath?() }
    return outcome
  }

  private func run(
    _ room: inout ScriptedRoom, _ call: RoomCall, _ payload: UnsafeRawBufferPointer, _ budget: RoomBudget,
    _ limits: RoomLimits
  ) -> RoomOutcome {
    room.mixed = room.mixed &* 31 &+ UInt64(bitPattern: context.time)
    switch call {
    case .create: if payload.first == ScriptedCommand.trap.rawValue { return spoil(&room, .trap) }
    case .join(let slot):
      switch payload.last.flatMap({ ScriptedCommand(rawValue: $0) }) {
      case .refuse where build != .odd: return refuse()
      case .wave where build == .odd: return refuse()
      case .trap: return spoil(&room, .trap)
      default: say(.joined, slot)
      }
    case .leave(let slot, _): say(.left, slot)
    case .suspended(let slot): say(.suspended, slot)
    case .returned(let slot): say(.returned, slot)
    case .message(let slot, _): return message(&room, slot, payload, budget, limits)
    case .tick(let number, let skipped):
      if build == .restive || build == .restiveToo { return spoil(&room, .trap) }
      room.ticks &+= 1
      room.mixed ^= UInt64(skipped)
      var bytes = [ScriptedOutput.ticked.rawValue]
      bytes.put(number)
      send(.all, bytes, reliable: number % 8 == 0)
    case .signal: return signal(&room, payload, budget)
    case .answered(let id, let outcome): return answered(&room, id, outcome, payload)
    case .timer:
      var r = ByteReader(payload)
      if let operation: UInt64 = try? r.take() { append(&room, operation, .all) }
    }
    return .applied(fuelUsed: fuelPerCall)
  }

  private func message(
    _ room: inout ScriptedRoom, _ slot: Slot, _ payload: UnsafeRawBufferPointer, _ budget: RoomBudget,
    _ limits: RoomLimits
  ) -> RoomOutcome {
    var r = ByteReader(payload)
    guard let kind: UInt8 = try? r.take(), let command = ScriptedCommand(rawValue: kind),
      let operation: UInt64 = try? r.take()
    else { return refuse() }
    if build == .odd {
      if command == .split { return spoil(&room, .trap) }
      if command == .appendAndReply { return refuse() }
      _ = context.random.next()
    }
    switch command {
    case .refuse: return refuse()
    case .trap: return spoil(&room, .trap)
    case .burn:
      // Unlimited in a decided replay: then it is applied.
      if budget != .decided, limits.fuel < fuelPerCall * Self.burnCalls { return spoil(&room, .fuel) }
    case .slow:
      if budget != .decided, let environment, environment.happens(environment.watchdogChance) {
        return spoil(&room, .watchdog)
      }
    case .crash:
      if budget != .decided, let environment, environment.happens(environment.deathChance) { environment.onDeath?() }
    default: break
    }
    apply(command, to: &room, operation, slot, &r)
    return .applied(fuelUsed: fuelPerCall)
  }

  /// A message that does not fail; `r` has what follows the operation.
  private func apply(
    _ command: ScriptedCommand, to room: inout ScriptedRoom, _ operation: UInt64, _ slot: Slot, _ r: inout ByteReader
  ) {
    switch command {
    case .append, .burn, .slow, .crash: append(&room, operation, .all)
    case .refuse, .trap: preconditionFailure("a message that fails is not applied")
    case .appendAndReply:
      append(&room, operation, .all)
      let range = put([1, 2, 3])
      effects.commands.append(.reply(payload: range))
    case .later: later(operation, milliseconds: (try? r.take()) ?? 0)
    case .kick:
      append(&room, operation, .all)
      let who: UInt8 = (try? r.take()) ?? 0
      effects.commands.append(.kick(Slot(UInt32(who)), reason: put([])))
    case .draw:
      let drawn = context.random.next()
      room.mixed ^= drawn
      append(&room, operation, .all)
      send(.only(slot), [ScriptedOutput.filler.rawValue, UInt8(truncatingIfNeeded: drawn)])
    case .wave:
      var bytes = [ScriptedOutput.waved.rawValue]
      bytes.put(operation)
      send(.all, bytes, reliable: false)
    case .split:
      append(&room, operation, .only(slot))
      append(&room, operation, .except(slot), isAgain: true)
    case .shower:
      append(&room, operation, .all)
      let count: UInt8 = (try? r.take()) ?? 1
      for i in 0..<min(count, 100) { send(.all, [ScriptedOutput.filler.rawValue, i]) }
    case .flood:
      for i in 0..<200 { send(.all, [ScriptedOutput.filler.rawValue, UInt8(i)]) }
    case .end:
      append(&room, operation, .all)
      effects.commands.append(.end(reason: put(Array("the game is over".utf8))))
    case .drift:
      append(&room, operation, .all)
      if let environment { room.mixed ^= environment.random.next() }
    case .dress:
      append(&room, operation, .all)
      effects.commands.append(.label(put(Array("the arena".utf8))))
      effects.commands.append(.property(put(Array("mode=duel".utf8))))
      effects.commands.append(.count(name: put(Array("dresses".utf8)), amount: 2))
    case .ask:
      append(&room, operation, .all)
      ask(&room, operation, (try? r.take()) ?? 0)
    }
  }

  private func later(_ operation: UInt64, milliseconds: UInt16) {
    let delay = build == .odd ? UInt64(milliseconds) * 2 + 7 : UInt64(milliseconds)
    var timer: [UInt8] = []
    timer.put(operation)
    let range = put(timer)
    effects.commands.append(.after(context.nextTimer, milliseconds: delay, payload: range))
    context.nextTimer = context.nextTimer.next
  }

  /// `append`: kept apart from members' operations, told to nobody, answered with itself. u8 command, u64 operation.
  private func signal(
    _ room: inout ScriptedRoom, _ payload: UnsafeRawBufferPointer, _ budget: RoomBudget
  ) -> RoomOutcome {
    var r = ByteReader(payload)
    guard let kind: UInt8 = try? r.take(), let command = ScriptedCommand(rawValue: kind),
      let operation: UInt64 = try? r.take(), command != .refuse
    else { return refuse() }
    if command == .trap { return spoil(&room, .trap) }
    room.signals.append(operation)
    if command == .end { effects.commands.append(.end(reason: put(Array("signalled".utf8)))) }
    var reply: [UInt8] = []
    reply.put(operation)
    // More than a room may answer.
    if command == .flood { reply += [UInt8](repeating: 0, count: 2_000) }
    effects.commands.append(.reply(payload: put(reply)))
    return .applied(fuelUsed: fuelPerCall)
  }

  /// The odd build asks for something else: the operation with its highest bit set.
  private func ask(_ room: inout ScriptedRoom, _ operation: UInt64, _ byte: UInt8) {
    let ask = ScriptedAsk(byte: byte)
    let operation = build == .odd ? operation | 1 << 63 : operation
    var payload: [UInt8] = []
    if !ask.opens {
      payload.append(ask.command.rawValue)
      payload.put(operation)
    }
    let target = Array(ask.target.utf8)
    let kind = ask.opens ? RequestKind.open : .signal
    guard let id = context.takeRequest(kind, targetBytes: target.count, payloadBytes: payload.count) else { return }
    effects.commands.append(.ask(id, kind, target: put(target), payload: put(payload)))
    room.open.append(.init(id: id, operation: operation, ask: byte))
  }

  private func answered(
    _ room: inout ScriptedRoom, _ id: RequestID, _ outcome: RequestOutcome, _ payload: UnsafeRawBufferPointer
  ) -> RoomOutcome {
    guard let i = room.open.firstIndex(where: { $0.id == id }) else { return refuse() }
    let request = room.open.remove(at: i)
    room.answers.append(.init(operation: request.operation, outcome: outcome, ask: request.ask))
    if ScriptedAsk(byte: request.ask).answerTraps { return spoil(&room, .trap) }
    var bytes = [ScriptedOutput.answered.rawValue, outcome.rawValue]
    bytes.put(request.operation)
    send(.all, bytes)
    return .applied(fuelUsed: fuelPerCall)
  }

  private func put(_ bytes: [UInt8]) -> Range<Int> {
    let start = effects.bytes.count
    effects.bytes.append(contentsOf: bytes)
    return start..<effects.bytes.count
  }
  private func send(_ target: RoomEffects.Target, _ bytes: [UInt8], reliable: Bool = true) {
    let range = put(bytes)
    effects.commands.append(.send(target, reliable: reliable, payload: range))
  }
  private func say(_ output: ScriptedOutput, _ slot: Slot) {
    send(.all, [output.rawValue, UInt8(truncatingIfNeeded: slot.rawValue)])
  }
  private func append(
    _ room: inout ScriptedRoom, _ operation: UInt64, _ target: RoomEffects.Target, isAgain: Bool = false
  ) {
    if !isAgain { room.operations.append(operation) }
    var bytes = [ScriptedOutput.appended.rawValue]
    bytes.put(UInt32(room.operations.count - 1))
    bytes.put(operation)
    send(target, bytes)
  }
  private func refuse() -> RoomOutcome {
    effects.reset()
    let range = put(Array("no".utf8))
    effects.commands.append(.refuse(reason: range))
    return .refused(fuelUsed: fuelPerCall)
  }
  /// Leaves the room half changed, as a trap does, with effects and draws begun.
  private func spoil(_ room: inout ScriptedRoom, _ kind: RoomFault.Kind) -> RoomOutcome {
    room.operations.append(UInt64.max)
    send(.all, [ScriptedOutput.filler.rawValue])
    _ = context.random.next()
    context.nextTimer = context.nextTimer.next
    context.nextRequest = context.nextRequest.next
    return .failed(RoomFault(kind: kind, text: "scripted \(kind)"))
  }
}
