// Which modules are accepted: those whose whole mutable state can be reached, and that ask for nothing but the host's
// documented functions (protocol §5.2). Types of instructions are the engine's to validate; this looks at what it allows.
internal import Artifacts

/// What the sandbox needs to know of an accepted module.
package struct ModuleShape: Hashable, Sendable {
  package struct MutableGlobal: Hashable, Sendable {
    package var name: String
    package var type: WasmType
  }
  /// In the order of the module's globals.
  package var mutableGlobals: [MutableGlobal] = []
  package var memoryPagesMin: UInt32 = 0
  /// The names of docs/room-abi.md that the module exports.
  package var roomExports: Set<String> = []

  /// Checks a module's bytes. Never traps, whatever they are.
  package init(checking bytes: UnsafeRawBufferPointer) throws(ModuleRefusal) {
    guard bytes.count <= ArtifactLimits.moduleBytesMax else { throw .tooLarge(bytes: bytes.count) }
    var check = ModuleCheck()
    try check.sections(of: WasmReader(bytes))
    try check.finish(&self)
  }
  package init(checking bytes: [UInt8]) throws(ModuleRefusal) {
    let result: Result<ModuleShape, ModuleRefusal> = bytes.withUnsafeBytes { bytes in
      do throws(ModuleRefusal) { return .success(try ModuleShape(checking: bytes)) } catch { return .failure(error) }
    }
    self = try result.get()
  }
}

private struct ModuleCheck {
  /// nil: a type no room function has.
  var types: [WasmSignature?] = []
  /// Types of all functions, imported ones first.
  var functions: [UInt32] = []
  var memories = 0
  var memoryPagesMin: UInt32 = 0
  var globals: [(type: UInt8, mutable: Bool)] = []
  var exports: [(name: String, kind: UInt8, index: Int)] = []

  mutating func sections(of whole: WasmReader) throws(ModuleRefusal) {
    var reader = whole
    for expected: UInt8 in [0x00, 0x61, 0x73, 0x6D, 0x01, 0x00, 0x00, 0x00] where try reader.byte() != expected {
      throw .malformed("does not start like version 1")
    }
    var last = 0
    while !reader.isAtEnd {
      let id = try reader.byte()
      let length = try reader.count()
      var section = try reader.part(length)
      if id == 0 { continue }
      guard let place = sectionOrder.firstIndex(of: id) else { throw .unknownSection(id) }
      guard place >= last else { throw .malformed("has its sections twice or out of order") }
      last = place + 1
      try self.section(id, &section)
    }
  }

  mutating func section(_ id: UInt8, _ reader: inout WasmReader) throws(ModuleRefusal) {
    switch id {
    case 1: try typeSection(&reader)
    case 2: try importSection(&reader)
    case 3: for _ in 0..<(try reader.count()) { functions.append(try reader.u32()) }
    case 4: try tableSection(&reader)
    case 5: try memorySection(&reader)
    case 6: try globalSection(&reader)
    case 7: try exportSection(&reader)
    case 8: throw .startFunction
    case 10: try codeSection(&reader)
    // Elements and data: they set the start state only, which the engine validates and an image contains.
    default: return
    }
    guard reader.isAtEnd else { throw .malformed("has a section longer than what is in it") }
  }

  mutating func typeSection(_ reader: inout WasmReader) throws(ModuleRefusal) {
    for _ in 0..<(try reader.count()) {
      guard try reader.byte() == 0x60 else { throw .malformed("has a type that is not a function's") }
      let parameters = try valueTypes(&reader)
      let results = try valueTypes(&reader)
      if let parameters, let results { types.append(WasmSignature(parameters, results)) } else { types.append(nil) }
    }
  }

  /// nil where one is a vector or a reference.
  func valueTypes(_ reader: inout WasmReader) throws(ModuleRefusal) -> [WasmType]? {
    var found: [WasmType]? = []
    for _ in 0..<(try reader.count()) {
      let byte = try reader.byte()
      if let type = WasmType(rawValue: byte) {
        found?.append(type)
      } else if [0x7B, 0x70, 0x6F].contains(byte) {
        found = nil
      } else {
        throw .malformed("has a value type that rooms do not have")
      }
    }
    return found
  }

  mutating func importSection(_ reader: inout WasmReader) throws(ModuleRefusal) {
    for _ in 0..<(try reader.count()) {
      let module = try reader.name()
      let name = try reader.name()
      let kind = try reader.byte()
      guard module == hostModuleName, kind == 0, let known = HostImport.named(name) else {
        throw .foreignImport("\(module).\(name)")
      }
      let type = try reader.u32()
      guard signature(type) == known.signature else { throw .importType("\(module).\(name)") }
      functions.append(type)
    }
  }

  func signature(_ type: UInt32) -> WasmSignature? {
    Int(type) < types.count ? types[Int(type)] : nil
  }

  func tableSection(_ reader: inout WasmReader) throws(ModuleRefusal) {
    for _ in 0..<(try reader.count()) {
      guard try reader.byte() == 0x70 else { throw .tableType }
      let flags = try reader.byte()
      guard flags <= 1 else { throw .tableType }
      _ = try reader.u32()
      if flags == 1 { _ = try reader.u32() }
    }
  }

  mutating func memorySection(_ reader: inout WasmReader) throws(ModuleRefusal) {
    memories = try reader.count()
    for _ in 0..<memories {
      let flags = try reader.byte()
      if flags & 0x02 != 0 { throw .sharedMemory }
      guard flags <= 1 else { throw .wideMemory }
      memoryPagesMin = try reader.u32()
      if flags == 1 { _ = try reader.u32() }
    }
  }

  mutating func globalSection(_ reader: inout WasmReader) throws(ModuleRefusal) {
    for _ in 0..<(try reader.count()) {
      let type = try reader.byte()
      let mutable = try reader.byte()
      guard mutable <= 1 else { throw .malformed("has a global that is neither constant nor mutable") }
      globals.append((type, mutable == 1))
      var walk = InstructionWalk(reader: reader)
      try walk.constant()
      reader = walk.reader
    }
  }

  mutating func exportSection(_ reader: inout WasmReader) throws(ModuleRefusal) {
    for _ in 0..<(try reader.count()) {
      let name = try reader.name()
      let kind = try reader.byte()
      exports.append((name, kind, Int(try reader.u32())))
    }
  }

  func codeSection(_ reader: inout WasmReader) throws(ModuleRefusal) {
    for _ in 0..<(try reader.count()) {
      let length = try reader.count()
      var walk = InstructionWalk(reader: try reader.part(length))
      try walk.wholeBody()
    }
  }

  /// The rules that need the whole module.
  func finish(_ shape: inout ModuleShape) throws(ModuleRefusal) {
    guard memories == 1 else { throw .memoryCount(memories) }
    guard exports.contains(where: { $0.name == "memory" && $0.kind == 2 }) else { throw .memoryNotExported }
    shape.memoryPagesMin = memoryPagesMin
    let exported = Dictionary(
      exports.filter { $0.kind == 3 }.map { ($0.index, $0.name) }, uniquingKeysWith: { first, _ in first })
    for (index, global) in globals.enumerated() where global.mutable {
      guard let type = WasmType(rawValue: global.type) else { throw .globalType(index) }
      guard let name = exported[index] else { throw .hiddenGlobal(index) }
      shape.mutableGlobals.append(ModuleShape.MutableGlobal(name: name, type: type))
    }
    guard shape.mutableGlobals.count <= SandboxLimits.mutableGlobalsMax else { throw .tooManyGlobals }
    for known in RoomExport.allCases {
      guard let export = exports.first(where: { $0.name == known.name }) else {
        if known.isRequired { throw .missingExport(known.name) }
        continue
      }
      guard export.kind == 0, export.index < functions.count, signature(functions[export.index]) == known.signature
      else {
        throw .exportType(name: known.name, expected: "\(known.signature)")
      }
      shape.roomExports.insert(known.name)
    }
  }
}

/// Sections in the order they must come; "data count" (12) sits before the code. Tags (13) are not among them.
private let sectionOrder: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11]
