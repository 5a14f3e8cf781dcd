// From a trap to what people are told.
internal import CWasmtime
internal import Core
internal import Glibc

@_silgen_name("swift_demangle")
private func demangle(
  _ name: UnsafePointer<CChar>?, _ count: Int, _ output: UnsafeMutablePointer<CChar>?,
  _ outputCount: UnsafeMutablePointer<Int>?, _ flags: UInt32
) -> UnsafeMutablePointer<CChar>?

enum Faults {
  /// Reads and deletes the error by which a host function ended the call; `told` is what it had against the guest.
  static func fault(taking error: OpaquePointer, told: RoomFault?) -> RoomFault {
    var frames = wasm_frames()
    wasmtime_error_wasm_trace(error, &frames)
    let names = backtrace(taking: &frames)
    guard var fault = told else {
      return RoomFault(kind: .trap, text: "the call could not be made: \(errorText(taking: error))", backtrace: names)
    }
    wasmtime_error_delete(error)
    fault.backtrace = names
    return fault
  }

  /// Reads and deletes the trap.
  static func fault(taking trap: OpaquePointer, stackOver: Bool) -> RoomFault {
    var fault = fault(of: trap, stackOver: stackOver)
    var frames = wasm_frames()
    wasm_trap_trace(trap, &frames)
    fault.backtrace = backtrace(taking: &frames)
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
    "a check in the room's code failed (out of range, overflow, nil, or a failed precondition)",
  ]

  private static func backtrace(taking frames: inout wasm_frames) -> [String] {
    defer { wasm_frame_vec_delete(&frames) }
    return (0..<min(frames.size, SandboxLimits.backtraceFramesMax)).map { index in
      let frame = frames.data[index]
      guard let name = wasmtime_frame_func_name(frame) else { return "function \(wasm_frame_func_index(frame))" }
      return demangled(text(of: name.pointee))
    }
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
