// One call into a room, and what came of it. Allocates nothing when it goes well and the effects are warm.
internal import CWasmtime
package import Core

extension WasmEngine {
  package func call(
    _ instance: any RoomInstance, _ call: RoomCall, payload: UnsafeRawBufferPointer, budget: RoomBudget
  ) -> RoomOutcome {
    if let native = native.instance(instance) { return self.native.call(native, call, payload) }
    let block = WasmInstance.block(of: instance)
    precondition(!block.pointee.isSpoiled, "a failed instance can only be discarded")
    let before = host.pointee.context
    host.pointee.effects.reset()
    host.pointee.begin(.event, block.pointee, outputBytes: Int(block.pointee.limits.outputBytes))
    watchdog.watchThisThread()
    wasmtime_context_set_epoch_deadline(
      block.pointee.context, budget == .decided ? UInt64.max / 2 : options.watchdogTicks)
    let fuel = budget == .decided ? UInt64.max : block.pointee.limits.fuel
    if let fault = give(payload, to: block, fuel) ?? invoke(block, export(call, payload.count), fuel) {
      block.pointee.isSpoiled = true
      host.pointee.effects.reset()
      host.pointee.context = before
      host.pointee.mode = .idle
      return .failed(fault)
    }
    block.pointee.memory = host.pointee.memory
    block.pointee.memoryCount = host.pointee.memoryCount
    host.pointee.mode = .idle
    return decided(call, block, fuel, before)
  }

  /// Sets the arguments and says which function it is.
  private func export(_ call: RoomCall, _ count: Int) -> RoomExport {
    let count = Int32(truncatingIfNeeded: count)
    switch call {
    case .create:
      arguments[0].i32 = count
      return .create
    case .join(let slot):
      set(slot, count)
      return .join
    case .leave(let slot, let reason):
      set(slot, Int32(reason.rawValue))
      return .leave
    case .suspended(let slot):
      set(slot, 0)
      return .suspended
    case .returned(let slot):
      set(slot, 0)
      return .returned
    case .message(let slot, let stamp):
      set(slot, 0)
      arguments[1].i64 = Int64(bitPattern: stamp)
      arguments[2].i32 = count
      return .message
    case .tick(let number, let skipped):
      arguments[0].i64 = Int64(bitPattern: number)
      arguments[1].i32 = Int32(bitPattern: skipped)
      return .tick
    case .timer(let id):
      arguments[0].i32 = Int32(bitPattern: id.rawValue)
      arguments[1].i32 = count
      return .timer
    case .signal:
      arguments[0].i32 = count
      return .signal
    case .answered(let id, let outcome):
      arguments[0].i32 = Int32(bitPattern: id.rawValue)
      arguments[1].i32 = Int32(outcome.rawValue)
      arguments[2].i32 = count
      return .answered
    }
  }
  private func set(_ slot: Slot, _ second: Int32) {
    arguments[0].i32 = Int32(bitPattern: slot.rawValue)
    arguments[1].i32 = second
  }

  /// Writes the payload where the guest wants it. Asking for room is no part of the event's fuel, since an instance that
  /// was just restored is asked again.
  func give(
    _ payload: UnsafeRawBufferPointer, to block: UnsafeMutablePointer<InstanceBlock>, _ fuel: UInt64
  ) -> RoomFault? {
    if payload.isEmpty { return nil }
    if payload.count > block.pointee.inputCapacity {
      arguments[0].i32 = Int32(clamping: payload.count)
      if let fault = invoke(block, .buffer, fuel) { return fault }
      let address = Int(UInt32(bitPattern: arguments[0].i32))
      let memory = block.pointee.wholeMemory()
      host.pointee.memory = block.pointee.memory
      host.pointee.memoryCount = memory.count
      guard address + payload.count <= memory.count else {
        return RoomFault(kind: .trap, text: "oneup_buffer gave a range outside the room's memory")
      }
      block.pointee.inputAddress = address
      block.pointee.inputCapacity = payload.count
    }
    let target = UnsafeMutableRawPointer(block.pointee.memory! + block.pointee.inputAddress)
    target.copyMemory(from: payload.baseAddress!, byteCount: payload.count)
    return nil
  }

  /// Calls with what is in `arguments`; the result, if any, is in the first. A function that the module lacks does nothing.
  func invoke(
    _ block: UnsafeMutablePointer<InstanceBlock>, _ export: RoomExport, _ fuel: UInt64
  ) -> RoomFault? {
    let context = block.pointee.context
    setFuel(context, fuel)
    guard block.pointee.module.has[export.rawValue] else {
      arguments[0].i32 = 0
      return nil
    }
    var trap: OpaquePointer?
    let error = wasmtime_func_call_unchecked(
      context, block.pointee.functions + export.rawValue, arguments, WasmEngine.argumentsMax, &trap)
    if trap == nil, error == nil { return nil }
    if let error { return Faults.fault(taking: error, told: host.pointee.fault, block.pointee.module) }
    guard let trap else { preconditionFailure("neither a trap nor an error, and yet the call failed") }
    return Faults.fault(taking: trap, stackOver: isStackOver(block), block.pointee.module)
  }

  /// The guest's own stack grows down to address 0 and below it, where there is no memory.
  private func isStackOver(_ block: UnsafeMutablePointer<InstanceBlock>) -> Bool {
    guard let index = block.pointee.module.shape.mutableGlobals.firstIndex(where: { $0.name == "__stack_pointer" })
    else {
      return false
    }
    return Int32(truncatingIfNeeded: block.pointee.globalBits(index)) < 0
  }

  /// Applied or refused; in the second case nothing that was asked for stands but the reason.
  private func decided(
    _ call: RoomCall, _ block: UnsafeMutablePointer<InstanceBlock>, _ fuel: UInt64, _ before: RoomContext
  ) -> RoomOutcome {
    let used = fuel - fuelLeft(block.pointee.context)
    var isRefused = false
    switch call {
    case .create, .join, .message, .signal: isRefused = arguments[0].i32 != 0
    default: break
    }
    if isRefused {
      host.pointee.keepRefusal()
      host.pointee.context = before
      return .refused(fuelUsed: used)
    }
    if host.pointee.refusals > 0 { host.pointee.dropRefusals() }
    return .applied(fuelUsed: used)
  }
}

extension HostState {
  /// Leaves the last reason (an empty one where none was given) and what was logged.
  mutating func keepRefusal() {
    var reason = 0..<0
    effects.commands.removeAll { command in
      if case .refuse(let range) = command { reason = range }
      if case .log = command { return false }
      return true
    }
    effects.commands.append(.refuse(reason: reason))
  }
  mutating func dropRefusals() {
    effects.commands.removeAll { if case .refuse = $0 { true } else { false } }
  }
}
