// Walks over instructions to find those that a room may not use.

/// An allow-list: what is not known here is refused, so a newer instruction cannot slip past.
struct InstructionWalk {
  var reader: WasmReader

  /// To the end of a function's body. `visit` is given the place and the first byte of each instruction.
  mutating func wholeBody(_ visit: (Int, UInt8) -> Void = { _, _ in }) throws(ModuleRefusal) {
    for _ in 0..<(try reader.count()) {
      try reader.skipLEB(bits: 32)
      _ = try reader.byte()
    }
    var last: UInt8 = 0
    while !reader.isAtEnd {
      let place = reader.offset
      last = try instruction()
      visit(place, last)
    }
    guard last == 0x0B else { throw .malformed("has a function without an end") }
  }

  /// To the end of a constant expression.
  mutating func constant() throws(ModuleRefusal) {
    while try instruction() != 0x0B {}
  }

  /// One instruction with its operands; gives its first byte.
  private mutating func instruction() throws(ModuleRefusal) -> UInt8 {
    let code = try reader.byte()
    switch code {
    case 0x00, 0x01, 0x05, 0x0B, 0x0F, 0x1A, 0x1B, 0x45...0xC4, 0xD1: break
    case 0x02...0x04: try reader.skipLEB(bits: 33)
    case 0x0C, 0x0D, 0x10, 0x12, 0x20...0x25, 0xD2: try reader.skipLEB(bits: 32)
    case 0x0E: for _ in 0...(try reader.count()) { try reader.skipLEB(bits: 32) }
    case 0x11, 0x13:
      try reader.skipLEB(bits: 32)
      try reader.skipLEB(bits: 32)
    case 0x1C: for _ in 0..<(try reader.count()) { _ = try reader.byte() }
    case 0x26: throw .instruction("table.set")
    case 0x28...0x3E: try memoryOperand()
    case 0x3F, 0x40: _ = try reader.byte()
    case 0x41: try reader.skipLEB(bits: 32)
    case 0x42: try reader.skipLEB(bits: 64)
    case 0x43: try reader.skip(4)
    case 0x44: try reader.skip(8)
    case 0xD0: try reader.skipLEB(bits: 33)
    case 0xFC: try bulk()
    case 0xFD: try vector()
    case 0xFE: throw .instruction("an atomic instruction")
    default: throw .unknownInstruction("0x" + String(code, radix: 16))
    }
    return code
  }

  private mutating func memoryOperand() throws(ModuleRefusal) {
    // Bit 6 of the alignment would name a memory other than the first.
    guard try reader.u32() < 64 else { throw .unknownInstruction("of a second memory") }
    try reader.skipLEB(bits: 32)
  }

  private mutating func bulk() throws(ModuleRefusal) {
    switch try reader.u32() {
    case 0...7: break
    case 8: throw .instruction("memory.init")
    case 9: throw .instruction("data.drop")
    case 10: try reader.skip(2)
    case 11: try reader.skip(1)
    case 12: throw .instruction("table.init")
    case 13: throw .instruction("elem.drop")
    case 14: throw .instruction("table.copy")
    case 15: throw .instruction("table.grow")
    case 16: try reader.skipLEB(bits: 32)
    case 17: throw .instruction("table.fill")
    case let code: throw .unknownInstruction("0xfc \(code)")
    }
  }

  private mutating func vector() throws(ModuleRefusal) {
    switch try reader.u32() {
    case 0...11, 92, 93: try memoryOperand()
    case 12, 13: try reader.skip(16)
    case 21...34: try reader.skip(1)
    case 84...91:
      try memoryOperand()
      try reader.skip(1)
    case 14...20, 35...83, 94...255: break
    case let code: throw .unknownInstruction("0xfd \(code)")
    }
  }
}
