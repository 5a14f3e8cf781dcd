// Runs rooms in wasmtime: the engine of production.
internal import CWasmtime
package import Core

/// Called from one thread at a time; the watchdog counts the CPU time of the thread that calls.
/// Instances that are not discarded before the engine goes stay in memory; a process that ends need not bother.
package final class WasmEngine: RoomEngine {

  let options: EngineOptions
  let machine: Machine
  let cache: CompileCache
  let watchdog: Watchdog
  let host: UnsafeMutablePointer<HostState>
  /// Arguments and result of the call into a guest.
  let arguments: UnsafeMutablePointer<wasmtime_val_raw>
  static let argumentsMax = 3
  var modules: [ModuleHash: LoadedModule] = [:]
  var newest: [String: ModuleHash] = [:]
  /// nil: nothing has needed it.
  private var replays: ReplayMachine?
  /// The rooms that are machine code in this process.
  let native: NativeEngine
  /// Made and not discarded, without the throw-away copies.
  package private(set) var rooms = 0

  package init(_ options: EngineOptions = EngineOptions()) throws(EngineError) {
    precondition(options.roomsMax > 0, "an engine is for one room at least")
    self.options = options
    let host = UnsafeMutablePointer<HostState>.allocate(capacity: 1)
    host.initialize(to: HostState())
    let arguments = UnsafeMutablePointer<wasmtime_val_raw>.allocate(capacity: WasmEngine.argumentsMax)
    arguments.initialize(repeating: wasmtime_val_raw(), count: WasmEngine.argumentsMax)
    self.host = host
    self.arguments = arguments
    native = NativeEngine(host)
    machine = try Machine(options, host: host)
    cache = try CompileCache(options.cacheDirectory)
    if let kept = options.keptDirectory { try Files.makeDirectory(kept) }
    watchdog = try Watchdog(machine.engine)
  }

  deinit {
    watchdog.stop()
    modules = [:]
    replays = nil
    host.deinitialize(count: 1)
    host.deallocate()
    arguments.deallocate()
  }

  package var identity: String { machine.identity }
  package func repeats(_ module: ModuleHash) -> Bool { confines(module) }
  package func confines(_ module: ModuleHash) -> Bool { native.modules[module] == nil }
  package var effectCount: Int { host.pointee.effects.commands.count }
  package var effects: RoomEffects {
    _read { yield host.pointee.effects }
    _modify { yield &host.pointee.effects }
  }
  package var context: RoomContext {
    _read { yield host.pointee.context }
    _modify { yield &host.pointee.context }
  }

  package func module(named name: String) -> ModuleSettings? {
    newest[name].flatMap { modules[$0]?.settings ?? native.modules[$0]?.settings }
  }
  package func module(_ hash: ModuleHash) -> ModuleSettings? {
    (try? loadedNative(hash))?.settings ?? (try? loaded(hash))?.settings
  }

  // MARK: Instances

  package func make(_ module: ModuleHash, limits: RoomLimits) throws(EngineError) -> any RoomInstance {
    guard rooms < options.roomsMax else {
      throw EngineError("this worker has its \(options.roomsMax) rooms; raise the limit or add a worker")
    }
    if let module = try loadedNative(module) {
      let instance = try native.make(module, limits)
      rooms += 1
      return instance
    }
    let block = try InstanceBlock.make(try loaded(module), try checked(limits), machine)
    rooms += 1
    return WasmInstance(block: block)
  }

  package func makeForReplay(_ module: ModuleHash, limits: RoomLimits) throws(EngineError) -> any RoomInstance {
    guard rooms < options.roomsMax, try loadedNative(module) == nil else { return try make(module, limits: limits) }
    let replays: ReplayMachine
    if let made = self.replays { replays = made } else { replays = try ReplayMachine(options, host: host) }
    self.replays = replays
    let block = try InstanceBlock.make(
      try replays.module(like: try loaded(module)), try checked(limits), replays.machine)
    rooms += 1
    return WasmInstance(block: block)
  }

  package func restore(
    _ module: ModuleHash, limits: RoomLimits, image: UnsafeRawBufferPointer
  ) throws(EngineError) -> any RoomInstance {
    try restored(try make(module, limits: limits), image)
  }
  package func restoreForReplay(
    _ module: ModuleHash, limits: RoomLimits, image: UnsafeRawBufferPointer
  ) throws(EngineError) -> any RoomInstance {
    try restored(try makeForReplay(module, limits: limits), image)
  }

  private func restored(
    _ instance: any RoomInstance, _ image: UnsafeRawBufferPointer
  ) throws(EngineError) -> any RoomInstance {
    do throws(EngineError) {
      if let room = native.instance(instance) {
        try native.restore(image, into: room)
      } else {
        try RoomImage.restore(image, into: WasmInstance.block(of: instance))
      }
    } catch {
      discard(instance)
      throw error
    }
    return instance
  }

  package func discard(_ instance: any RoomInstance) {
    precondition(rooms > 0, "an instance was discarded twice")
    rooms -= 1
    if let room = native.instance(instance) { return native.discard(room) }
    InstanceBlock.free(WasmInstance.block(of: instance))
  }

  package func image(of instance: any RoomInstance, into bytes: inout [UInt8]) {
    if let room = native.instance(instance) { return native.image(of: room, into: &bytes) }
    let block = WasmInstance.block(of: instance)
    precondition(!block.pointee.isSpoiled, "a failed instance has no state worth keeping")
    RoomImage.append(block, to: &bytes)
  }

  /// One that was restored asks the guest anew where it takes payloads: a call that leaves traces in the guest's memory.
  package func beginAnew(_ instance: any RoomInstance) {
    guard native.instance(instance) == nil else { return }
    WasmInstance.block(of: instance).pointee.inputCapacity = 0
  }

  private func checked(_ limits: RoomLimits) throws(EngineError) -> RoomLimits {
    guard limits.stackBytes == options.limits.stackBytes else {
      throw EngineError(
        "the room was recorded with a stack of \(limits.stackBytes) bytes and this engine gives \(options.limits.stackBytes); set the stack limit back to serve it"
      )
    }
    guard limits.memoryBytes <= SandboxLimits.roomMemoryBytesMax else {
      throw EngineError(
        "the room's memory limit of \(limits.memoryBytes) bytes is over \(SandboxLimits.roomMemoryBytesMax)")
    }
    return limits
  }
}
