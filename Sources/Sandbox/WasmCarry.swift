// A room's state on its way to another build: `save` on a copy, `restore` in a fresh instance.
internal import Artifacts
internal import CWasmtime
package import Core

extension WasmEngine {
  package func offer(_ module: ModuleHash) throws(EngineError) {
    if let native = try loadedNative(module) {
      newest[native.manifest.name] = module
    } else {
      newest[try loaded(module).manifest.name] = module
    }
  }

  package func carry(
    _ instance: any RoomInstance, to module: ModuleHash, limits: RoomLimits, context: RoomContext
  ) throws(CarryError) -> any RoomInstance {
    let saved: [UInt8]
    if let room = native.instance(instance) { saved = try native.save(room) } else { saved = try save(instance) }
    let made: any RoomInstance
    do throws(EngineError) { made = try make(module, limits: limits) } catch {
      throw CarryError(.unavailable, error.description)
    }
    do throws(CarryError) {
      if let room = native.instance(made) {
        try native.carry(saved, into: room, context)
      } else {
        try restore(saved, into: WasmInstance.block(of: made), context)
      }
    } catch {
      discard(made)
      throw error
    }
    return made
  }

  private func save(_ instance: any RoomInstance) throws(CarryError) -> [UInt8] {
    let block = WasmInstance.block(of: instance)
    let module = block.pointee.module
    guard module.has[RoomExport.save.rawValue] else {
      throw CarryError(
        .cannotSave, "\(module.manifest.name) \(module.manifest.version) has no save: its rooms stay on it")
    }
    // The copy is thrown away, so it may need more than the room: what is saved stands beside the state there.
    var limits = block.pointee.limits
    limits.memoryBytes = SandboxLimits.roomMemoryBytesMax
    var saved: [UInt8] = []
    var fault: RoomFault?
    do throws(EngineError) {
      try onCopy(of: instance, limits) { (copy: UnsafeMutablePointer<InstanceBlock>) throws(EngineError) in
        fault = ask(copy, .save, bytesMax: SandboxLimits.savedBytesMax)
        swap(&saved, &host.pointee.stateBytes)
      }
    } catch { throw CarryError(.unavailable, error.description) }
    if let fault { throw CarryError(.saveFailed, "its save failed: \(fault.text)", fault: fault) }
    return saved
  }

  /// What it asks for is void: its timers and its sequence of random numbers are the room's already.
  private func restore(
    _ saved: [UInt8], into block: UnsafeMutablePointer<InstanceBlock>, _ context: RoomContext
  ) throws(CarryError) {
    let manifest = block.pointee.module.manifest
    guard block.pointee.module.has[RoomExport.restore.rawValue] else {
      throw CarryError(.cannotSave, "\(manifest.name) \(manifest.version) has no restore: only new rooms can use it")
    }
    let before = host.pointee.context
    host.pointee.context = context
    host.pointee.effects.reset()
    host.pointee.begin(.event, block.pointee, outputBytes: Int(block.pointee.limits.outputBytes))
    defer {
      host.pointee.effects.reset()
      host.pointee.context = before
      host.pointee.mode = .idle
    }
    watchdog.watchThisThread()
    wasmtime_context_set_epoch_deadline(block.pointee.context, options.watchdogTicks)
    let fuel = SandboxLimits.fuel(block.pointee.limits.fuel, times: SandboxLimits.wholeStateEvents)
    let fault = saved.withUnsafeBytes { bytes -> RoomFault? in
      if let fault = give(bytes, to: block, fuel) { return fault }
      arguments[0].i32 = Int32(clamping: bytes.count)
      return invoke(block, .restore, fuel)
    }
    if let fault { throw CarryError(.restoreFailed, "its restore failed: \(fault.text)", fault: fault) }
    guard arguments[0].i32 == 0 else {
      let reason = host.pointee.refusal.map { ": \($0)" } ?? ""
      throw CarryError(
        .refused, "\(manifest.name) \(manifest.version) does not understand the room's state\(reason)")
    }
    block.pointee.memory = host.pointee.memory
    block.pointee.memoryCount = host.pointee.memoryCount
    // The guest may have given the bytes' place back; like any instance that was just restored it is asked again.
    block.pointee.inputCapacity = 0
  }
}

extension HostState {
  /// The last reason that was given, if any.
  var refusal: String? {
    for case .refuse(let reason) in effects.commands.reversed() {
      return String(decoding: effects.bytes[reason], as: UTF8.self)
    }
    return nil
  }
}
