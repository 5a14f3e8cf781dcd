// Why a module is not accepted.
internal import Artifacts

/// Each case is one rule of the room interface; the description says which, and what helps.
package enum ModuleRefusal: Error, Hashable, Sendable, CustomStringConvertible {
  case malformed(String)
  case tooLarge(bytes: Int)
  case unknownSection(UInt8)
  case startFunction
  case foreignImport(String)
  case importType(String)
  case memoryCount(Int)
  case sharedMemory
  case wideMemory
  case memoryNotExported
  case tableType
  case hiddenGlobal(Int)
  case globalType(Int)
  case tooManyGlobals
  case missingExport(String)
  case exportType(name: String, expected: String)
  case instruction(String)
  case unknownInstruction(String)

  package var description: String {
    switch self {
    case .malformed(let what): "the module \(what): it is not valid WebAssembly"
    case .tooLarge(let bytes): "the module has \(bytes) bytes; \(ArtifactLimits.moduleBytesMax) are allowed"
    case .unknownSection(let id):
      "the module has a section \(id) that rooms may not have: compile for WebAssembly 2.0 without exceptions"
    case .startFunction: "the module has a start function: do the work in oneup_create instead"
    case .foreignImport(let name):
      "the module imports \(name), which no room has: only the functions of docs/room-abi.md exist"
    case .importType(let name): "the module imports \(name) with another type than docs/room-abi.md gives it"
    case .memoryCount(let count): "the module has \(count) memories; a room has exactly one, its own"
    case .sharedMemory: "the module's memory is shared: rooms have no threads"
    case .wideMemory: "the module's memory is a 64-bit one: compile for wasm32"
    case .memoryNotExported: "the module does not export its memory as \"memory\""
    case .tableType: "the module has a table of something other than functions"
    case .hiddenGlobal(let index):
      "the mutable global \(index) is not exported, so it could not be saved: link with --export for it (the stack pointer: --export=__stack_pointer)"
    case .globalType(let index): "the mutable global \(index) holds a reference or a vector, which cannot be saved"
    case .tooManyGlobals: "the module has more than \(SandboxLimits.mutableGlobalsMax) mutable globals"
    case .missingExport(let name): "the module does not export \(name), which every room must"
    case .exportType(let name, let expected): "the module's \(name) has another type than \(expected)"
    case .instruction(let name): "the module uses \(name), which changes state that cannot be saved, or needs threads"
    case .unknownInstruction(let name):
      "the module uses the instruction \(name), which rooms may not use: compile for WebAssembly 2.0"
    }
  }
}
