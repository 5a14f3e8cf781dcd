// One room's place in the engine: a store, an instance in it, and everything about it that a call would else look up.
internal import Artifacts
internal import CWasmtime
internal import Core

struct InstanceBlock {
  let module: LoadedModule
  let limits: RoomLimits
  let store: OpaquePointer
  let context: OpaquePointer
  /// By `RoomExport`; those the module lacks are empty.
  let functions: UnsafeMutablePointer<wasmtime_func>
  /// In the order of `ModuleShape.mutableGlobals`.
  let globals: UnsafeMutablePointer<wasmtime_global>
  var memoryHandle: wasmtime_memory
  var memory: UnsafeMutablePointer<UInt8>?
  /// As far as it is known: the memory may have grown since.
  var memoryCount: Int
  /// Where the guest takes payloads, and how large one may be before it must be asked again.
  var inputAddress = 0
  var inputCapacity = 0
  /// A call failed in it: its state is void.
  var isSpoiled = false
}

/// A handle on a room's instance. It must be given to `discard` once, and not be used after that.
package final class WasmInstance: RoomInstance {
  let block: UnsafeMutablePointer<InstanceBlock>
  init(block: UnsafeMutablePointer<InstanceBlock>) { self.block = block }

  /// Of an instance that this engine made: others do not know what it is, so none can come from elsewhere.
  static func block(of instance: any RoomInstance) -> UnsafeMutablePointer<InstanceBlock> {
    unsafeDowncast(instance as AnyObject, to: WasmInstance.self).block
  }
}

extension InstanceBlock {
  /// A fresh instance of the module.
  static func make(
    _ module: LoadedModule, _ limits: RoomLimits, _ machine: Machine
  ) throws(EngineError) -> UnsafeMutablePointer<InstanceBlock> {
    guard let store = wasmtime_store_new(machine.engine, nil, nil), let context = wasmtime_store_context(store) else {
      preconditionFailure("wasmtime gave no store")
    }
    wasmtime_store_limiter(store, Int64(limits.memoryBytes), -1, 1, -1, 1)
    setFuel(context, limits.fuel)
    wasmtime_context_set_epoch_deadline(context, UInt64.max / 2)
    var instance = wasmtime_instance()
    var trap: OpaquePointer?
    if let error = wasmtime_instance_pre_instantiate(module.prepared, context, &instance, &trap) {
      wasmtime_store_delete(store)
      throw EngineError("no instance of \(module.manifest.name) could be made: \(errorText(taking: error))")
    }
    if let trap {
      wasm_trap_delete(trap)
      wasmtime_store_delete(store)
      throw EngineError(
        "no instance of \(module.manifest.name) could be made: its start state is outside its own memory")
    }
    let exports = Exports(context: context, instance: instance)
    let functions = UnsafeMutablePointer<wasmtime_func>.allocate(capacity: RoomExport.allCases.count)
    for export in RoomExport.allCases {
      let has = module.has[export.rawValue]
      (functions + export.rawValue).initialize(to: has ? exports[export.name].of.func : wasmtime_func())
    }
    let names = module.shape.mutableGlobals
    let globals = UnsafeMutablePointer<wasmtime_global>.allocate(capacity: max(1, names.count))
    for (index, global) in names.enumerated() { (globals + index).initialize(to: exports[global.name].of.global) }
    var memoryHandle = exports["memory"].of.memory
    let block = UnsafeMutablePointer<InstanceBlock>.allocate(capacity: 1)
    block.initialize(
      to: InstanceBlock(
        module: module, limits: limits, store: store, context: context, functions: functions, globals: globals,
        memoryHandle: memoryHandle, memory: wasmtime_memory_data(context, &memoryHandle),
        memoryCount: wasmtime_memory_data_size(context, &memoryHandle)))
    return block
  }

  static func free(_ block: UnsafeMutablePointer<InstanceBlock>) {
    wasmtime_store_delete(block.pointee.store)
    block.pointee.functions.deallocate()
    block.pointee.globals.deallocate()
    block.deinitialize(count: 1)
    block.deallocate()
  }

  /// The memory as it is now.
  mutating func wholeMemory() -> UnsafeMutableRawBufferPointer {
    memory = wasmtime_memory_data(context, &memoryHandle)
    memoryCount = wasmtime_memory_data_size(context, &memoryHandle)
    return UnsafeMutableRawBufferPointer(start: memory, count: memoryCount)
  }

  /// Grows the memory to `bytes`, which must be whole pages and not less than it has.
  mutating func grow(to bytes: Int) throws(EngineError) {
    let missing = bytes - wholeMemory().count
    guard missing > 0 else { return }
    var before: UInt64 = 0
    if let error = wasmtime_memory_grow(context, &memoryHandle, UInt64(missing / 65_536), &before) {
      throw EngineError("the room's memory could not grow to \(bytes) bytes: \(errorText(taking: error))")
    }
    _ = wholeMemory()
  }

  func globalBits(_ index: Int) -> UInt64 {
    var value = wasmtime_val()
    wasmtime_global_get(context, globals + index, &value)
    return switch module.shape.mutableGlobals[index].type {
    case .i32: UInt64(UInt32(bitPattern: value.of.i32))
    case .f32: UInt64(value.of.f32_bits)
    case .i64: UInt64(bitPattern: value.of.i64)
    case .f64: value.of.f64_bits
    }
  }
  func setGlobal(_ index: Int, bits: UInt64) {
    var value = wasmtime_val()
    switch module.shape.mutableGlobals[index].type {
    case .i32:
      value.kind = UInt8(WASMTIME_VAL_I32)
      value.of.i32 = Int32(truncatingIfNeeded: bits)
    case .f32:
      value.kind = UInt8(WASMTIME_VAL_F32)
      value.of.f32_bits = UInt32(truncatingIfNeeded: bits)
    case .i64:
      value.kind = UInt8(WASMTIME_VAL_I64)
      value.of.i64 = Int64(bitPattern: bits)
    case .f64:
      value.kind = UInt8(WASMTIME_VAL_F64)
      value.of.f64_bits = bits
    }
    if let error = wasmtime_global_set(context, globals + index, &value) {
      preconditionFailure("a checked global could not be set: \(errorText(taking: error))")
    }
  }
}

/// Sets what the next call may burn.
func setFuel(_ context: OpaquePointer, _ fuel: UInt64) {
  if let error = wasmtime_context_set_fuel(context, fuel) {
    preconditionFailure("fuel is configured but cannot be set: \(errorText(taking: error))")
  }
}
func fuelLeft(_ context: OpaquePointer) -> UInt64 {
  var fuel: UInt64 = 0
  if let error = wasmtime_context_get_fuel(context, &fuel) {
    preconditionFailure("fuel is configured but cannot be read: \(errorText(taking: error))")
  }
  return fuel
}

private struct Exports {
  let context: OpaquePointer
  var instance: wasmtime_instance

  /// The export must be there: the module was checked for it.
  subscript(name: String) -> wasmtime_extern {
    var item = wasmtime_extern()
    var name = name
    var instance = instance
    let found = name.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) {
        wasmtime_instance_export_get(context, &instance, $0.baseAddress, $0.count, &item)
      }
    }
    precondition(found, "a checked module lacks the export \(name)")
    return item
  }
}
