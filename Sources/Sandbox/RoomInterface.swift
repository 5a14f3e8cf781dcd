// The room interface of docs/room-abi.md: which functions a module exports and may import, and their types.

/// The only module name that imports may have.
package let hostModuleName = "oneup"

package enum WasmType: UInt8, Sendable {
  case i32 = 0x7F
  case i64 = 0x7E
  case f32 = 0x7D
  case f64 = 0x7C
}

struct WasmSignature: Hashable, Sendable, CustomStringConvertible {
  var parameters: [WasmType]
  var results: [WasmType]
  init(_ parameters: [WasmType], _ results: [WasmType] = []) {
    self.parameters = parameters
    self.results = results
  }
  var description: String {
    "(" + parameters.map { "\($0)" }.joined(separator: ", ") + ") -> ("
      + results.map { "\($0)" }.joined(separator: ", ") + ")"
  }
}

/// What a module exports; called by its number.
enum RoomExport: Int, CaseIterable {
  case abi, settings, buffer, create, join, leave, suspended, returned, message, tick, timer, describe, check
  case signal, json, schema, save, restore, answered

  var name: String { Self.names[rawValue] }
  /// Put together once: each instance looks all of them up.
  private static let names = allCases.map { "oneup_\($0)" }
  /// The others are simply not called when they are missing.
  var isRequired: Bool { self == .abi || self == .settings || self == .buffer }
  var signature: WasmSignature {
    switch self {
    case .abi, .settings, .check: WasmSignature([], [.i32])
    case .json, .schema, .save: WasmSignature([])
    case .buffer, .create, .signal, .restore: WasmSignature([.i32], [.i32])
    case .join: WasmSignature([.i32, .i32], [.i32])
    case .leave, .timer: WasmSignature([.i32, .i32])
    case .suspended, .returned, .describe: WasmSignature([.i32])
    case .message: WasmSignature([.i32, .i64, .i32], [.i32])
    case .tick: WasmSignature([.i64, .i32])
    case .answered: WasmSignature([.i32, .i32, .i32])
    }
  }
}

/// What a module may import. A game that imports anything else is refused.
enum HostImport: Int, CaseIterable {
  case send, reply, refuse, random, after, cancel, kick, log, time, tick, state, outOfMemory
  case sendTo, count, label, property, lock, end, ask

  var name: String {
    switch self {
    case .outOfMemory: "out_of_memory"
    case .sendTo: "send_to"
    default: "\(self)"
    }
  }
  var signature: WasmSignature {
    switch self {
    case .send, .sendTo: WasmSignature([.i32, .i32, .i32, .i32, .i32])
    case .reply, .refuse, .state, .label, .property, .end: WasmSignature([.i32, .i32])
    case .count: WasmSignature([.i32, .i32, .i64])
    case .random, .time, .tick: WasmSignature([], [.i64])
    case .after: WasmSignature([.i64, .i32, .i32], [.i32])
    case .ask: WasmSignature([.i32, .i32, .i32, .i32, .i32], [.i32])
    case .cancel, .lock: WasmSignature([.i32])
    case .kick, .log: WasmSignature([.i32, .i32, .i32])
    case .outOfMemory: WasmSignature([])
    }
  }
  static func named(_ name: String) -> HostImport? { allCases.first { $0.name == name } }
}
