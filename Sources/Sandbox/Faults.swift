// From a trap to what people are told.
internal import CWasmtime
internal import Core
internal import Glibc

@_silgen_name("swift_demangle")
private func demangle(
  _ name: UnsafePointer<CChar>?, _ count: Int, _ output: UnsafeMutablePointer<CChar>?,
  _ outputCount: UnsafeMutablePointer<Int>?, _ flags: UInt32
) -> UnsafeMutablePointer<CChar>?

/// Source lines are looked up in `LoadedModule.sourceLines`; without them a frame says where it is in the module.
enum Faults {
  /// Reads and deletes the error by which a host function ended the call; `told` is what it had against the guest.
  static func fault(taking error: OpaquePointer, told: RoomFault?, _ module: LoadedModule) -> RoomFault {
    var frames = wasm_frames()
    wasmtime_error_wasm_trace(error, &frames)
    let trace = backtrace(taking: &frames, module)
    guard var fault = told else {
      return RoomFault(
        kind: .trap, text: "the call could not be made: \(errorText(taking: error))", backtrace: trace.frames)
    }
    wasmtime_error_delete(error)
    fault.backtrace = trace.frames
    return fault
  }

  /// Reads and deletes the trap.
  static func fault(taking trap: OpaquePointer, stackOver: Bool, _ module: LoadedModule) -> RoomFault {
    var fault = fault(of: trap, stackOver: stackOver)
    var frames = wasm_frames()
    wasm_trap_trace(trap, &frames)
    let trace = backtrace(taking: &frames, module)
    fault.backtrace = trace.frames
    if fault.text == checkFailed, let reason = trace.reason {
      fault.text = "a check in the room's code failed: \(reason)"
    }
    wasm_trap_delete(trap)
    return fault
  }

  private static func fault(of trap: OpaquePointer, stackOver: Bool) -> RoomFault {
    var code: UInt8 = 0
    guard wasmtime_trap_code(trap, &code) else {
      return RoomFault(kind: .trap, text: "the room was stopped for a reason the engine did not name")
    }
    switch Int(code) {
    case Int(WASMTIME_TRAP_STACK): return RoomFault(kind: .stack, text: "the room's calls went too deep")
    case Int(WASMTIME_TRAP_MEMORY) where stackOver:
      return RoomFault(kind: .stack, text: "the room's calls went too deep")
    case Int(WASMTIME_TRAP_INTERRUPT):
      return RoomFault(kind: .watchdog, text: "the room took too much processor time in one event")
    case Int(WASMTIME_TRAP_FUEL): return RoomFault(kind: .fuel, text: "the room did more work in one event than it may")
    default:
      let names = trapNames
      return RoomFault(
        kind: .trap, text: Int(code) < names.count ? names[Int(code)] : "the room trapped (code \(code))")
    }
  }

  /// By the library's trap codes.
  private static let trapNames = [
    "the room's calls went too deep",
    "the room touched memory it does not have",
    "the room's memory access was not aligned",
    "the room called a function that does not exist",
    "the room called an empty function reference",
    "the room called a function with the wrong type",
    "an integer computation of the room overflowed",
    "the room divided by zero",
    "the room turned a number into an integer that cannot hold it",
    checkFailed,
  ]
  private static let checkFailed =
    "a check in the room's code failed (out of range, overflow, nil, or a failed precondition)"

  /// Innermost first. `reason`: the check that failed in the innermost one.
  private static func backtrace(
    taking frames: inout wasm_frames, _ module: LoadedModule
  ) -> (frames: [String], reason: String?) {
    defer { wasm_frame_vec_delete(&frames) }
    var names: [String] = []
    var reason: String?
    let lines = frames.size > 0 ? module.sourceLines : nil
    for index in 0..<frames.size where names.count < SandboxLimits.backtraceFramesMax {
      let frame = frames.data[index]
      let offset = UInt32(truncatingIfNeeded: wasm_frame_module_offset(frame))
      if let found = lines?.look(at: offset) {
        names += found.frames
        if index == 0 { reason = found.reason }
        continue
      }
      let name = wasmtime_frame_func_name(frame).map { demangled(text(of: $0.pointee)) }
      names.append(SourceLines.frame(name ?? "function \(wasm_frame_func_index(frame))", at: offset))
    }
    return (Array(names.prefix(SandboxLimits.backtraceFramesMax)), reason)
  }

  /// Swift names for people; others as they are.
  static func demangled(_ name: String) -> String {
    var name = name
    let found = name.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { demangle($0.baseAddress, $0.count, nil, nil, 0) }
    }
    guard let found else { return name }
    defer { free(found) }
    return String(cString: found)
  }
}
