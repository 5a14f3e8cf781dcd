// What a linker put into a module for those who look for mistakes: it makes the source lines, and is not shipped.

package enum DebugSections {
  /// The module without them; its code stays where it was in the file.
  package static func removed(from bytes: [UInt8]) throws(ModuleRefusal) -> [UInt8] {
    var kept = Array(bytes.prefix(8))
    try sections(of: bytes) { (id, name, whole, _) throws(ModuleRefusal) in
      if id != 0 || !name.hasPrefix(".debug_") { kept += bytes[whole] }
    }
    return kept
  }

  /// Where a call can be made or something can fail, and where functions begin: offsets in the file, rising. `start`:
  /// of the code section's content, from which debug information counts.
  package static func places(in bytes: [UInt8]) throws(ModuleRefusal) -> (start: Int, offsets: [Int]) {
    var start = 0
    var offsets: [Int] = []
    try sections(of: bytes) { (id, _, _, content) throws(ModuleRefusal) in
      guard id == 10 else { return }
      start = content.offset
      var reader = content
      for _ in 0..<(try reader.count()) {
        var isFirst = true
        let length = try reader.count()
        var walk = InstructionWalk(reader: try reader.part(length))
        try walk.wholeBody { offset, code in
          if isFirst || mayStop(code) { offsets.append(offset) }
          isFirst = false
        }
      }
    }
    return (start, offsets)
  }

  /// Calls, loops (where fuel is counted), memory, division, conversion to integers, and what never returns.
  private static func mayStop(_ code: UInt8) -> Bool {
    switch code {
    case 0x00, 0x03, 0x10, 0x11, 0x28...0x3E, 0x40, 0x6D...0x70, 0x7F...0x82, 0xA8...0xAB, 0xAE...0xB1, 0xFC: true
    default: false
    }
  }

  private static func sections(
    of bytes: [UInt8],
    _ body: (UInt8, String, Range<Int>, WasmReader) throws(ModuleRefusal) -> Void
  ) throws(ModuleRefusal) {
    let result: Result<Void, ModuleRefusal> = bytes.withUnsafeBytes { bytes in
      do throws(ModuleRefusal) {
        var reader = WasmReader(bytes)
        try reader.skip(8)
        while !reader.isAtEnd {
          let begin = reader.offset
          let id = try reader.byte()
          let length = try reader.count()
          let content = try reader.part(length)
          var named = content
          try body(id, id == 0 ? try named.name() : "", begin..<reader.offset, content)
        }
        return .success(())
      } catch { return .failure(error) }
    }
    try result.get()
  }
}
