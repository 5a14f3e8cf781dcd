// A room's state on its way to another build: `save` on a copy, `restore` in a fresh instance.
internal import Artifacts
internal import CWasmtime
package import Core

extension WasmEngine {
  package func offer(_ module: ModuleHash) throws(EngineError) { newest[try loaded(module).manifest.name] = module }

  package func carry(
    _ instance: any RoomInstance, to module: ModuleHash, limits: RoomLimits, context: RoomContext
  ) throws(CarryError) -> any RoomInstance {
    let saved = try save(instance)
    let made: any RoomInstance
    do throws(EngineError) { made = try make(module, limits: limits) } catch {
      throw CarryError(.unavailable, error.description)
    }
    do throws(CarryError) {
      try restore(saved, into: WasmInstance.block(of: made), context)
    } catch {
      discard(made)
      throw error
    }
    return made
  }

  private func save(_ instance: any RoomInstance) throws(CarryError) -> [UInt8] {
    let module = WasmInstance.block(of: instance).pointee.module
    guard module.has[RoomExport.save.rawValue] else {
      throw CarryError(
        .cannotSave, "\(module.manifest.name) \(module.manifest.version) has no save: its rooms stay on it")
    }
    var saved: [UInt8] = []
    var fault: RoomFault?
    do throws(EngineError) {
      try onCopy(of: instance) { (copy: UnsafeMutablePointer<InstanceBlock>) throws(EngineError) in
        fault = ask(copy, .save)
        saved = host.pointee.stateBytes
      }
    } catch { throw CarryError(.unavailable, error.description) }
    if let fault { throw CarryError(.saveFailed, "its save failed: \(fault.text)", fault: fault) }
    return saved
  }

  /// Under the limits of one event, like any other call; what it asks for is void: its timers are the room's already.
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
    let fuel = block.pointee.limits.fuel
    let fault = saved.withUnsafeBytes { bytes -> RoomFault? in
      if let fault = give(bytes, to: block, fuel) { return fault }
      arguments[0].i32 = Int32(clamping: bytes.count)
      return invoke(block, .restore, fuel)
    }
    if let fault { throw CarryError(.restoreFailed, "its restore failed: \(fault.text)", fault: fault) }
    guard arguments[0].i32 == 0 else {
      throw CarryError(.refused, "\(manifest.name) \(manifest.version) does not understand the room's state")
    }
    block.pointee.memory = host.pointee.memory
    block.pointee.memoryCount = host.pointee.memoryCount
  }
}
