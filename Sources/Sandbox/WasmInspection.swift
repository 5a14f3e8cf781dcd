// Looking at a room without touching it: on a throw-away copy.
internal import Artifacts
internal import CWasmtime
package import Core

extension WasmEngine {
  package func describe(
    _ instance: any RoomInstance, as view: RoomView, into bytes: inout [UInt8]
  ) throws(EngineError) {
    if let room = native.instance(instance) { return try native.describe(room, as: view, into: &bytes) }
    try onCopy(of: instance) { (copy: UnsafeMutablePointer<InstanceBlock>) throws(EngineError) in
      switch view {
      case .state(let slot):
        arguments[0].i32 = slot.map { Int32(bitPattern: $0.rawValue) } ?? -1
        try inspect(copy, .describe)
      case .json: try inspect(copy, .json)
      case .check:
        try inspect(copy, .check)
        if arguments[0].i32 == 0 { host.pointee.stateBytes.removeAll(keepingCapacity: true) }
      }
      bytes.append(contentsOf: host.pointee.stateBytes)
    }
  }

  /// What the module says of its messages and its state, as JSON; empty where it says nothing. Asked of a fresh instance.
  package func schema(of module: ModuleHash) throws(EngineError) -> [UInt8] {
    if let module = try loadedNative(module) { return try native.schema(of: module) }
    let loaded = try loaded(module)
    let block = try InstanceBlock.make(loaded, loaded.settings.limits, machine)
    defer { InstanceBlock.free(block) }
    try inspect(block, .schema)
    return host.pointee.stateBytes
  }

  /// `limits`: the copy's, where they are not the room's.
  func onCopy(
    of instance: any RoomInstance, _ limits: RoomLimits? = nil,
    _ body: (UnsafeMutablePointer<InstanceBlock>) throws(EngineError) -> Void
  ) throws(EngineError) {
    let block = WasmInstance.block(of: instance)
    precondition(!block.pointee.isSpoiled, "a failed instance has no state worth looking at")
    let copy = try InstanceBlock.make(block.pointee.module, limits ?? block.pointee.limits, machine)
    defer { InstanceBlock.free(copy) }
    try RoomImage.copy(block, to: copy)
    try body(copy)
  }

  /// Under the room's limits and the watchdog. Leaves the effects of the last event alone.
  func inspect(_ block: UnsafeMutablePointer<InstanceBlock>, _ export: RoomExport) throws(EngineError) {
    if let fault = ask(block, export) {
      let place = fault.backtrace.isEmpty ? "" : " in " + fault.backtrace.joined(separator: " < ")
      throw EngineError("\(export.name) of \(block.pointee.module.manifest.name) failed: \(fault.text)\(place)")
    }
  }

  /// What it writes with `state` is in `stateBytes` afterwards.
  func ask(
    _ block: UnsafeMutablePointer<InstanceBlock>, _ export: RoomExport, bytesMax: Int = Limits.stateBytesMax
  ) -> RoomFault? {
    host.pointee.stateBytes.removeAll(keepingCapacity: true)
    host.pointee.stateBytesMax = bytesMax
    host.pointee.begin(.inspection, block.pointee, outputBytes: 0)
    defer { host.pointee.mode = .idle }
    watchdog.watchThisThread()
    wasmtime_context_set_epoch_deadline(block.pointee.context, options.watchdogTicks)
    let events = export == .check || export == .save ? SandboxLimits.wholeStateEvents : 1
    return invoke(block, export, SandboxLimits.fuel(block.pointee.limits.fuel, times: events))
  }
}
