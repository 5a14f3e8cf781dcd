// The module `reply` as Swift in the worker's own process: no sandbox, no fuel, no memory of its own. For comparison
// only: no server can be told to run rooms like this.
import Core

final class HostRoom: RoomInstance {
  var count: UInt64 = 0
}

final class HostEngine: RoomEngine {
  let identity = "host"
  var effects = RoomEffects()
  var effectCount: Int { effects.commands.count }
  var context = RoomContext(time: 0, tick: 0, random: RandomState(seed: 0), nextTimer: TimerID(1))
  private let settings: ModuleSettings

  /// `settings`: of the module that it stands for.
  init(_ settings: ModuleSettings) { self.settings = settings }

  func module(named name: String) -> ModuleSettings? { name == settings.name ? settings : nil }
  func module(_ hash: ModuleHash) -> ModuleSettings? { hash == settings.hash ? settings : nil }
  func make(_ module: ModuleHash, limits: RoomLimits) -> any RoomInstance { HostRoom() }

  func call(
    _ instance: any RoomInstance, _ call: RoomCall, payload: UnsafeRawBufferPointer, budget: RoomBudget
  ) -> RoomOutcome {
    effects.reset()
    guard case .message(let slot, _) = call else { return .applied(fuelUsed: 0) }
    unsafeDowncast(instance, to: HostRoom.self).count += 1
    effects.bytes.append(contentsOf: payload)
    effects.commands.append(.send(.only(slot), reliable: true, payload: 0..<payload.count))
    return .applied(fuelUsed: 1_000)
  }

  func image(of instance: any RoomInstance, into bytes: inout [UInt8]) {
    bytes.put(unsafeDowncast(instance, to: HostRoom.self).count)
  }
  func restore(
    _ module: ModuleHash, limits: RoomLimits, image: UnsafeRawBufferPointer
  ) throws(EngineError) -> any RoomInstance {
    let room = HostRoom()
    var reader = ByteReader(image)
    do throws(DecodingError) { room.count = try reader.take() } catch { throw EngineError("the image \(error)") }
    return room
  }
  func carry(
    _ instance: any RoomInstance, to module: ModuleHash, limits: RoomLimits, context: RoomContext
  ) throws(CarryError) -> any RoomInstance { throw CarryError(.cannotSave, "its rooms have no save") }
  func offer(_ module: ModuleHash) throws(EngineError) {}
  func discard(_ instance: any RoomInstance) {}
  func describe(_ instance: any RoomInstance, as view: RoomView, into bytes: inout [UInt8]) {
    image(of: instance, into: &bytes)
  }
}
