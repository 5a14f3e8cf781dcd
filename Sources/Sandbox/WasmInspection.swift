// Looking at a room without touching it: on a throw-away copy.
internal import CWasmtime
package import Core

extension WasmEngine {
  package func describe(
    _ module: ModuleHash, limits: RoomLimits, of instance: any RoomInstance, for slot: Slot?,
    into bytes: inout [UInt8]
  ) throws(EngineError) {
    precondition(
      WasmInstance.block(of: instance).pointee.module.hash == module, "an instance is described with its own module")
    try onCopy(of: instance) { (copy: UnsafeMutablePointer<InstanceBlock>) throws(EngineError) in
      arguments[0].i32 = slot.map { Int32(bitPattern: $0.rawValue) } ?? -1
      try inspect(copy, .describe)
      bytes.append(contentsOf: host.pointee.stateBytes)
    }
  }

  /// What the room finds wrong with itself, or nil.
  package func check(_ instance: any RoomInstance) throws(EngineError) -> String? {
    var complaint: String?
    try onCopy(of: instance) { (copy: UnsafeMutablePointer<InstanceBlock>) throws(EngineError) in
      try inspect(copy, .check)
      if arguments[0].i32 != 0 { complaint = String(decoding: host.pointee.stateBytes, as: UTF8.self) }
    }
    return complaint
  }

  private func onCopy(
    of instance: any RoomInstance, _ body: (UnsafeMutablePointer<InstanceBlock>) throws(EngineError) -> Void
  ) throws(EngineError) {
    let block = WasmInstance.block(of: instance)
    precondition(!block.pointee.isSpoiled, "a failed instance has no state worth looking at")
    let copy = try InstanceBlock.make(block.pointee.module, block.pointee.limits, machine)
    defer { InstanceBlock.free(copy) }
    try RoomImage.copy(block, to: copy)
    try body(copy)
  }

  /// Under the room's limits and the watchdog. Leaves the effects of the last event alone.
  func inspect(_ block: UnsafeMutablePointer<InstanceBlock>, _ export: RoomExport) throws(EngineError) {
    host.pointee.stateBytes.removeAll(keepingCapacity: true)
    host.pointee.begin(.inspection, block.pointee, outputBytes: 0)
    defer { host.pointee.mode = .idle }
    watchdog.watchThisThread()
    wasmtime_context_set_epoch_deadline(block.pointee.context, options.watchdogTicks)
    if let fault = invoke(block, export, block.pointee.limits.fuel) {
      let place = fault.backtrace.isEmpty ? "" : " in " + fault.backtrace.joined(separator: " < ")
      throw EngineError("\(export.name) of \(block.pointee.module.manifest.name) failed: \(fault.text)\(place)")
    }
  }
}
