// Runs rooms that are machine code in this process, beside those in the sandbox. They are trusted: there is no fuel, no
// memory limit and no watchdog, a trap ends the process, and what `save` writes is a room's image.
internal import Artifacts
internal import Core

/// Shares the host's side of a call with the sandbox, so that what came of it is read in one place.
final class NativeEngine {
  private let host: UnsafeMutablePointer<HostState>
  private let table: UnsafeMutablePointer<NativeHostTable>
  private(set) var modules: [ModuleHash: NativeModule] = [:]
  private var instances = 0

  /// `host` must outlive this.
  init(_ host: UnsafeMutablePointer<HostState>) {
    self.host = host
    table = .allocate(capacity: 1)
    table.initialize(to: NativeHostTable(host))
  }
  deinit { table.deallocate() }

  /// nil: it is none of ours. Where there are no native rooms this costs one look at a number.
  @inline(__always) func instance(_ instance: any RoomInstance) -> NativeInstance? {
    guard instances > 0, type(of: instance) == NativeInstance.self else { return nil }
    return unsafeDowncast(instance as AnyObject, to: NativeInstance.self)
  }

  // MARK: Modules

  /// Before anything of the library is run.
  func check(_ manifest: Manifest, _ options: EngineOptions) throws(EngineError) {
    guard options.trustsNative(manifest) else {
      throw EngineError(
        "\(manifest.name) \(manifest.version) is a native module, which nothing confines, and this server trusts nobody who signed it with one: build it for WebAssembly, or name the key in --trust-native"
      )
    }
  }

  /// `path`: of the build's own file, whose bytes are the manifest's.
  func load(_ path: String, _ manifest: Manifest, _ options: EngineOptions) throws(EngineError) -> NativeModule {
    if let module = modules[manifest.hash] { return module }
    try check(manifest, options)
    let module = try NativeModule(path, manifest, options.limits)
    let instance = try make(module, options.limits)
    defer { discard(instance) }
    let settings = module.functions.settings(instance.room)
    let size = Int(settings.loadUnaligned(as: UInt32.self))
    try module.settings.read(UnsafeRawBufferPointer(start: settings, count: max(4, min(size, 64))))
    modules[manifest.hash] = module
    return module
  }

  // MARK: Instances

  func make(_ module: NativeModule, _ limits: RoomLimits) throws(EngineError) -> NativeInstance {
    guard let room = module.functions.make(table) else {
      throw EngineError("no room of \(module.manifest.name) could be made")
    }
    instances += 1
    return NativeInstance(module, limits, room)
  }
  func discard(_ instance: NativeInstance) {
    instances -= 1
    instance.module.functions.free(instance.room)
  }

  func image(of instance: NativeInstance, into bytes: inout [UInt8]) {
    precondition(!instance.isSpoiled, "a failed instance has no state worth keeping")
    // However large: whoever asks for it sees whether it fits where it is to go. Only where another build would have to
    // take it over is there a bound.
    if let fault = look(instance, bytesMax: .max, { $0.save($1) }) {
      preconditionFailure("\(instance.module.manifest.name) cannot be saved: \(fault.text)")
    }
    bytes.append(contentsOf: host.pointee.stateBytes)
  }

  func restore(_ image: UnsafeRawBufferPointer, into instance: NativeInstance) throws(EngineError) {
    // What it asks for is void, as when it was moved here.
    let before = host.pointee.context
    defer { host.pointee.context = before }
    if let fault = take(image, instance) { throw EngineError("the image cannot be restored: \(fault)") }
  }

  func save(_ instance: NativeInstance) throws(CarryError) -> [UInt8] {
    if let fault = look(instance, bytesMax: SandboxLimits.savedBytesMax, { $0.save($1) }) {
      throw CarryError(.saveFailed, "its save failed: \(fault.text)", fault: fault)
    }
    return host.pointee.stateBytes
  }

  func carry(_ saved: [UInt8], into instance: NativeInstance, _ context: RoomContext) throws(CarryError) {
    let before = host.pointee.context
    host.pointee.context = context
    defer { host.pointee.context = before }
    let manifest = instance.module.manifest
    if let why = saved.withUnsafeBytes({ take($0, instance) }) {
      throw CarryError(.refused, "\(manifest.name) \(manifest.version) does not understand the room's state: \(why)")
    }
  }

  /// nil: it did; else why it did not.
  private func take(_ saved: UnsafeRawBufferPointer, _ instance: NativeInstance) -> String? {
    host.pointee.effects.reset()
    host.pointee.begin(.event, outputBytes: Int(instance.limits.outputBytes))
    defer {
      host.pointee.effects.reset()
      host.pointee.mode = .idle
      instance.inputCapacity = 0
    }
    give(saved, to: instance)
    if instance.module.functions.restore(instance.room, UInt32(saved.count)) == 0 { return nil }
    return host.pointee.refusal ?? "it does not say why"
  }

  // MARK: Looking

  func describe(_ instance: NativeInstance, as view: RoomView, into bytes: inout [UInt8]) throws(EngineError) {
    precondition(!instance.isSpoiled, "a failed instance has no state worth looking at")
    var isFine = false
    let fault = look(instance) { functions, room in
      switch view {
      case .state(let slot): functions.describe?(room, slot.map { Int32(bitPattern: $0.rawValue) } ?? -1)
      case .json: functions.json?(room)
      case .check: isFine = (functions.check?(room) ?? 0) == 0
      }
    }
    if let fault { throw EngineError("\(instance.module.manifest.name) cannot be looked at: \(fault.text)") }
    if !isFine { bytes.append(contentsOf: host.pointee.stateBytes) }
  }

  func schema(of module: NativeModule) throws(EngineError) -> [UInt8] {
    let instance = try make(module, module.settings.limits)
    defer { discard(instance) }
    if let fault = look(instance, { $0.schema?($1) }) {
      throw EngineError("\(module.manifest.name) cannot be asked for its schema: \(fault.text)")
    }
    return host.pointee.stateBytes
  }

  /// On the room itself: there are no copies. A module's functions that look must change nothing.
  private func look(
    _ instance: NativeInstance, bytesMax: Int = Limits.stateBytesMax,
    _ body: (NativeFunctions, UnsafeMutableRawPointer) -> Void
  ) -> RoomFault? {
    host.pointee.stateBytes.removeAll(keepingCapacity: true)
    host.pointee.stateBytesMax = bytesMax
    host.pointee.begin(.inspection, outputBytes: 0)
    body(instance.module.functions, instance.room)
    host.pointee.mode = .idle
    return host.pointee.fault
  }

  // MARK: Events

  func call(_ instance: NativeInstance, _ call: RoomCall, _ payload: UnsafeRawBufferPointer) -> RoomOutcome {
    precondition(!instance.isSpoiled, "a failed instance can only be discarded")
    let before = host.pointee.context
    host.pointee.effects.reset()
    host.pointee.begin(.event, outputBytes: Int(instance.limits.outputBytes))
    give(payload, to: instance)
    let isRefused = run(call, instance, UInt32(truncatingIfNeeded: payload.count))
    host.pointee.mode = .idle
    if let fault = host.pointee.fault {
      // The room went on to its end and may have changed: it is rebuilt, like any that failed.
      instance.isSpoiled = true
      host.pointee.effects.reset()
      host.pointee.context = before
      return .failed(fault)
    }
    if isRefused {
      host.pointee.keepRefusal()
      host.pointee.context = before
      return .refused(fuelUsed: 0)
    }
    if host.pointee.refusals > 0 { host.pointee.dropRefusals() }
    return .applied(fuelUsed: 0)
  }

  private func run(_ call: RoomCall, _ instance: NativeInstance, _ count: UInt32) -> Bool {
    let functions = instance.module.functions
    let room = instance.room
    switch call {
    case .create: return functions.create?(room, count) ?? 0 != 0
    case .join(let slot): return functions.join?(room, slot.rawValue, count) ?? 0 != 0
    case .leave(let slot, let reason): functions.leave?(room, slot.rawValue, UInt32(reason.rawValue))
    case .suspended(let slot): functions.suspended?(room, slot.rawValue)
    case .returned(let slot): functions.returned?(room, slot.rawValue)
    case .message(let slot, let stamp): return functions.message?(room, slot.rawValue, stamp, count) ?? 0 != 0
    case .tick(let number, let skipped): functions.tick?(room, number, skipped)
    case .timer(let id): functions.timer?(room, id.rawValue, count)
    case .signal: return functions.signal?(room, count) ?? 0 != 0
    case .answered(let id, let outcome): functions.answered?(room, id.rawValue, UInt32(outcome.rawValue), count)
    }
    return false
  }

  private func give(_ payload: UnsafeRawBufferPointer, to instance: NativeInstance) {
    guard let from = payload.baseAddress, !payload.isEmpty else { return }
    if payload.count > instance.inputCapacity {
      instance.input = instance.module.functions.buffer(instance.room, UInt32(payload.count))
      instance.inputCapacity = payload.count
    }
    guard let input = instance.input else {
      preconditionFailure("\(instance.module.manifest.name) gave no place for a payload")
    }
    input.copyMemory(from: from, byteCount: payload.count)
  }
}
