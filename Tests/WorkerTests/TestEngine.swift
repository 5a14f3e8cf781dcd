// Scripted rooms whose environment fails on demand.
import Core
import Simulation
import WorkerCore

/// What happens to calls; the same for all owners of a script.
final class Faults {
  /// The next so many instances find no place.
  var placesMissing = 0
  /// The next so many live or undecided calls trip the watchdog.
  var trips = 0
  /// What they do instead of that.
  var tripKind = RoomFault.Kind.watchdog
  /// Instances made and not discarded, by the present owner.
  var instances = 0
  /// The next so many calls do not count for `trips`.
  var tripsAfter = 0
  /// Builds whose bytes are gone.
  var missing: Set<ModuleHash> = []
  /// Rooms may be played again to see that they come out the same.
  var repeats = false
  /// The room's members' appends go too deep for a usual stack; then how many instances had a larger one.
  var isDeep = false
  var largerStacks = 0
  /// How many rooms of each module there may be; 0: as many as like.
  var roomsMax: UInt32 = 0
  /// Before each call.
  var atCall: () -> Void = {}
  /// Rooms' code may kill the process.
  var isNative = false
  /// Before each call that is no event, and each of a decided one.
  var atOther: (NotedCall) -> Void = { _ in }
}

final class TestEngine: RoomEngine {
  let inner: ScriptedEngine
  let faults: Faults
  private var larger: Set<ObjectIdentifier> = []

  init(_ faults: Faults) {
    self.faults = faults
    inner = ScriptedEngine(environment: nil, fuelPerCall: 1_000)
    faults.instances = 0
  }
  var identity: String { inner.identity }
  func repeats(_ module: ModuleHash) -> Bool { faults.repeats }
  func confines(_ module: ModuleHash) -> Bool { !faults.isNative }
  var effectCount: Int { inner.effectCount }
  var effects: RoomEffects {
    get { inner.effects }
    set { inner.effects = newValue }
  }
  var context: RoomContext {
    get { inner.context }
    set { inner.context = newValue }
  }
  func module(named name: String) -> ModuleSettings? { inner.module(named: name).map(bounded) }
  func module(_ hash: ModuleHash) -> ModuleSettings? {
    faults.missing.contains(hash) ? nil : inner.module(hash).map(bounded)
  }
  private func bounded(_ settings: ModuleSettings) -> ModuleSettings {
    var settings = settings
    settings.roomsMax = faults.roomsMax
    return settings
  }

  func make(_ module: ModuleHash, limits: RoomLimits) throws(EngineError) -> any RoomInstance {
    try place()
    return try inner.make(module, limits: limits)
  }
  func restore(
    _ module: ModuleHash, limits: RoomLimits, image: UnsafeRawBufferPointer
  ) throws(EngineError) -> any RoomInstance {
    try place()
    faults.atOther(.restore)
    return try inner.restore(module, limits: limits, image: image)
  }
  func makeForReplay(_ module: ModuleHash, limits: RoomLimits) throws(EngineError) -> any RoomInstance {
    let instance = try make(module, limits: limits)
    larger.insert(ObjectIdentifier(instance))
    faults.largerStacks += 1
    return instance
  }
  func restoreForReplay(
    _ module: ModuleHash, limits: RoomLimits, image: UnsafeRawBufferPointer
  ) throws(EngineError) -> any RoomInstance {
    let instance = try restore(module, limits: limits, image: image)
    larger.insert(ObjectIdentifier(instance))
    faults.largerStacks += 1
    return instance
  }
  func carry(
    _ instance: any RoomInstance, to module: ModuleHash, limits: RoomLimits, context: RoomContext
  ) throws(CarryError) -> any RoomInstance {
    faults.atOther(.carry)
    do throws(EngineError) { try place() } catch { throw CarryError(.unavailable, error.description) }
    do throws(CarryError) {
      return try inner.carry(instance, to: module, limits: limits, context: context)
    } catch {
      faults.instances -= 1
      throw error
    }
  }
  func offer(_ module: ModuleHash) throws(EngineError) { try inner.offer(module) }
  private func place() throws(EngineError) {
    if faults.placesMissing > 0 {
      faults.placesMissing -= 1
      throw EngineError("no place")
    }
    faults.instances += 1
  }
  func discard(_ instance: any RoomInstance) {
    faults.instances -= 1
    larger.remove(ObjectIdentifier(instance))
    inner.discard(instance)
  }
  func call(
    _ instance: any RoomInstance, _ call: RoomCall, payload: UnsafeRawBufferPointer, budget: RoomBudget
  ) -> RoomOutcome {
    faults.atCall()
    if budget == .decided { faults.atOther(.replay) }
    if faults.isDeep, case .message = call, payload.first == ScriptedCommand.append.rawValue,
      !larger.contains(ObjectIdentifier(instance))
    {
      return .failed(RoomFault(kind: .stack, text: "too deep"))
    }
    if faults.tripsAfter > 0 {
      faults.tripsAfter -= 1
    } else if budget != .decided, faults.trips > 0 {
      faults.trips -= 1
      return .failed(RoomFault(kind: faults.tripKind, text: "tripped"))
    }
    return inner.call(instance, call, payload: payload, budget: budget)
  }
  func image(of instance: any RoomInstance, into bytes: inout [UInt8]) {
    faults.atOther(.save)
    inner.image(of: instance, into: &bytes)
  }
  func describe(_ instance: any RoomInstance, as view: RoomView, into bytes: inout [UInt8]) throws(EngineError) {
    faults.atOther(NotedCall(view))
    try inner.describe(instance, as: view, into: &bytes)
  }
}
