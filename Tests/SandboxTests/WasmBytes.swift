// WebAssembly written by hand, for modules that no compiler would make.

/// The smallest room there is, in pieces that a test can spoil.
struct HandMade {
  var types: [[UInt8]] = [
    [0x60, 0, 1, 0x7F], [0x60, 1, 0x7F, 1, 0x7F], [0x60, 2, 0x7F, 0x7F, 0], [0x60, 0, 0],
    [0x60, 3, 0x7F, 0x7E, 0x7F, 1, 0x7F],
  ]
  /// Module, name, kind, what it is.
  var imports: [(String, String, UInt8, [UInt8])] = []
  /// Type and body without its size: locals, instructions, end.
  var functions: [(type: UInt8, body: [UInt8])] = [
    (0, [0, 0x41, 1, 0x0B]), (0, [0, 0x41, 16, 0x0B]), (1, [0, 0x41, 0x80, 0x08, 0x0B]),
  ]
  var tables: [[UInt8]] = []
  var memories: [[UInt8]] = [[0, 1]]
  var globals: [[UInt8]] = []
  var exports: [(String, UInt8, UInt8)] = [
    ("memory", 2, 0), ("oneup_abi", 0, 0), ("oneup_settings", 0, 1), ("oneup_buffer", 0, 2),
  ]
  /// Settings: 24 bytes at address 16: no ticks, 10 members.
  var data: [[UInt8]] = [
    [0, 0x41, 16, 0x0B, 24, 24, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0] + [UInt8](repeating: 0, count: 12)
  ]
  /// Any section more, in the place its number has.
  var others: [(id: UInt8, content: [UInt8])] = []

  var bytes: [UInt8] {
    var sections: [(UInt8, [UInt8])] = []
    sections.append((1, vector(types)))
    sections.append((2, vector(imports.map { name($0.0) + name($0.1) + [$0.2] + $0.3 })))
    sections.append((3, vector(functions.map { [$0.type] })))
    sections.append((4, vector(tables)))
    sections.append((5, vector(memories)))
    sections.append((6, vector(globals)))
    sections.append((7, vector(exports.map { name($0.0) + [$0.1, $0.2] })))
    sections += others.filter { $0.id < 10 || $0.id == 12 }.map { ($0.id, $0.content) }
    sections.append((10, vector(functions.map { leb($0.body.count) + $0.body })))
    sections.append((11, vector(data)))
    sections += others.filter { $0.id == 11 || $0.id > 12 }.map { ($0.id, $0.content) }
    return [0, 0x61, 0x73, 0x6D, 1, 0, 0, 0]
      + sections.filter { $0.1 != [0] }.flatMap { [$0.0] + leb($0.1.count) + $0.1 }
  }

  /// One more function, `() -> ()`, with these instructions.
  mutating func add(_ instructions: [UInt8]) { functions.append((3, [0] + instructions + [0x0B])) }

  private func vector(_ items: [[UInt8]]) -> [UInt8] { leb(items.count) + items.flatMap { $0 } }
  private func name(_ text: String) -> [UInt8] { leb(text.utf8.count) + Array(text.utf8) }
  private func leb(_ value: Int) -> [UInt8] {
    value < 128 ? [UInt8(value)] : [UInt8(value & 0x7F | 0x80)] + leb(value >> 7)
  }
}
