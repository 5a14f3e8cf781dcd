// A second engine with a larger stack, for replaying what was decided under another version of wasmtime, whose code may
// have needed less stack for the same calls (protocol §4.3). How deep the host's stack may grow is looked up when a call
// begins and is no part of compiled code, so both engines run the same code.
internal import CWasmtime
internal import Core

final class ReplayMachine {
  let machine: Machine
  private let limits: RoomLimits
  private var modules: [ModuleHash: LoadedModule] = [:]

  init(_ options: EngineOptions, host: UnsafeMutablePointer<HostState>) throws(EngineError) {
    machine = try Machine(options, host: host, isForReplay: true)
    limits = options.limits
  }

  deinit { modules = [:] }

  /// The module of the other engine, compiled there.
  func module(like other: LoadedModule) throws(EngineError) -> LoadedModule {
    if let module = modules[other.hash] { return module }
    var bytes = wasm_bytes()
    if let error = wasmtime_module_serialize(other.compiled, &bytes) {
      throw EngineError("the compiled module could not be copied: \(errorText(taking: error))")
    }
    defer { wasm_byte_vec_delete(&bytes) }
    var compiled: OpaquePointer?
    let data = UnsafeRawPointer(bytes.data)?.assumingMemoryBound(to: UInt8.self)
    if let error = wasmtime_module_deserialize(machine.engine, data, bytes.size, &compiled) {
      throw EngineError("the compiled module does not fit an engine with a larger stack: \(errorText(taking: error))")
    }
    guard let compiled else { preconditionFailure("wasmtime reported success without a module") }
    let module = try LoadedModule(
      other.manifest, hash: other.hash, shape: other.shape, compiled: compiled, machine: machine, limits: limits)
    module.startPages = other.startPages
    module.settings = other.settings
    module.linesPaths = other.linesPaths
    modules[other.hash] = module
    return module
  }
}
