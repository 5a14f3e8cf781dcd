// wasmtime itself, configured so that the same module does the same everywhere.
internal import Artifacts
internal import CWasmtime
internal import Core

/// The library's engine object and the host functions linked to it.
final class Machine {
  /// The library that `dev/setup-wasmtime` pins.
  static let version = "50.0.1"

  let engine: OpaquePointer
  let linker: OpaquePointer
  /// Everything that can change what a module does or how its code looks.
  let identity: String

  /// `isForReplay`: the same but for a larger stack and fewer places. The code is the same too, so it has the same identity.
  init(
    _ options: EngineOptions, host: UnsafeMutablePointer<HostState>, isForReplay: Bool = false
  ) throws(EngineError) {
    let stackTimes = isForReplay ? SandboxLimits.replayStackTimes : 1
    let places = isForReplay ? SandboxLimits.replayPlaces : options.roomsMax + SandboxLimits.scratchInstances
    guard let config = wasm_config_new() else { throw EngineError("wasmtime gave no configuration") }
    wasmtime_config_consume_fuel_set(config, true)
    wasmtime_config_epoch_interruption_set(config, true)
    wasmtime_config_max_wasm_stack_set(config, Int(options.limits.stackBytes * stackTimes))
    wasmtime_config_cranelift_nan_canonicalization_set(config, true)
    wasmtime_config_wasm_relaxed_simd_set(config, false)
    wasmtime_config_wasm_threads_set(config, false)
    wasmtime_config_shared_memory_set(config, false)
    wasmtime_config_wasm_multi_memory_set(config, false)
    wasmtime_config_wasm_memory64_set(config, false)
    wasmtime_config_wasm_exceptions_set(config, false)
    wasmtime_config_gc_support_set(config, false)
    wasmtime_config_parallel_compilation_set(config, !options.compilesAlone)
    if options.reservesLittle {
      wasmtime_config_memory_reservation_set(config, UInt64(SandboxLimits.roomMemoryBytesMax))
      wasmtime_config_memory_guard_size_set(config, 65_536)
    }
    Machine.pool(config, places: UInt32(places))
    guard let engine = wasm_engine_new_with_config(config) else {
      throw EngineError(
        "wasmtime could not reserve places for \(places) rooms; lower the number of rooms or reserve less address space for each"
      )
    }
    guard let linker = wasmtime_linker_new(engine) else { throw EngineError("wasmtime gave no linker") }
    self.engine = engine
    self.linker = linker
    #if arch(x86_64)
      let machine = "x86_64"
    #elseif arch(arm64)
      let machine = "aarch64"
    #endif
    identity =
      "wasmtime \(Machine.version) \(machine) stack=\(options.limits.stackBytes) abi=\(roomABIVersion)"
      + (options.reservesLittle ? " checked" : "")
    try define(host)
  }

  deinit {
    wasmtime_linker_delete(linker)
    wasm_engine_delete(engine)
  }

  private static func pool(_ config: OpaquePointer, places: UInt32) {
    let pool = wasmtime_pooling_allocation_config_new()
    wasmtime_pooling_allocation_config_total_core_instances_set(pool, places)
    wasmtime_pooling_allocation_config_total_memories_set(pool, places)
    wasmtime_pooling_allocation_config_total_tables_set(pool, places)
    wasmtime_pooling_allocation_config_max_memory_size_set(pool, Int(SandboxLimits.roomMemoryBytesMax))
    wasmtime_pooling_allocation_strategy_set(config, pool)
    wasmtime_pooling_allocation_config_delete(pool)
  }

  private func define(_ host: UnsafeMutablePointer<HostState>) throws(EngineError) {
    for function in HostImport.allCases {
      let type = Machine.functionType(function.signature)
      defer { wasm_functype_delete(type) }
      var name = function.name
      var module = hostModuleName
      let error = module.withUTF8 { module in
        name.withUTF8 { name in
          wasmtime_linker_define_func_unchecked(
            linker, UnsafeRawPointer(module.baseAddress!).assumingMemoryBound(to: CChar.self), module.count,
            UnsafeRawPointer(name.baseAddress!).assumingMemoryBound(to: CChar.self), name.count,
            type, function.callback, host, nil)
        }
      }
      if let error { throw EngineError("could not offer \(function.name) to rooms: \(errorText(taking: error))") }
    }
  }

  private static func functionType(_ signature: WasmSignature) -> OpaquePointer? {
    var parameters = wasm_valtypes()
    var results = wasm_valtypes()
    fill(&parameters, signature.parameters)
    fill(&results, signature.results)
    return wasm_functype_new(&parameters, &results)
  }
  private static func fill(_ vector: inout wasm_valtypes, _ types: [WasmType]) {
    let made: [OpaquePointer?] = types.map { wasm_valtype_new(0x7F - $0.rawValue) }
    if made.isEmpty { wasm_valtype_vec_new_empty(&vector) } else { wasm_valtype_vec_new(&vector, made.count, made) }
  }
}

/// The library's words for an error, which is deleted.
func errorText(taking error: OpaquePointer) -> String {
  var message = wasm_bytes()
  wasmtime_error_message(error, &message)
  wasmtime_error_delete(error)
  return text(taking: &message)
}

func text(taking bytes: inout wasm_bytes) -> String {
  let text = text(of: bytes)
  wasm_byte_vec_delete(&bytes)
  return text
}

func text(of bytes: wasm_bytes) -> String {
  var buffer = UnsafeBufferPointer(start: bytes.data, count: bytes.size)
  if buffer.last == 0 { buffer = UnsafeBufferPointer(rebasing: buffer.dropLast()) }
  return String(decoding: buffer, as: UTF8.self)
}
