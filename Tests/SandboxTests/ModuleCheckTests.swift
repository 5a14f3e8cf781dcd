import Artifacts
import Core
import Sandbox
import Testing

@Suite("Which modules are accepted") struct ModuleCheckTests {
  func refusal(_ change: (inout HandMade) -> Void) -> ModuleRefusal? {
    var module = HandMade()
    change(&module)
    do throws(ModuleRefusal) {
      _ = try ModuleShape(checking: module.bytes)
      return nil
    } catch { return error }
  }

  @Test("The smallest room is accepted and runs") func smallest() throws {
    let bytes = HandMade().bytes
    let engine = try WasmEngine(EngineOptions(roomsMax: 1))
    let settings = try engine.load(bytes, Manifest(name: "least", version: "1", module: bytes))
    #expect(settings.membersMax == 10)
    let instance = try engine.make(settings.hash, limits: settings.limits)
    #expect(
      engine.call(instance, .create, payload: UnsafeRawBufferPointer(start: nil, count: 0), budget: .live)
        == .applied(fuelUsed: 0))
    engine.discard(instance)
  }

  @Test("Mutable globals are part of the image") func globals() throws {
    var module = HandMade()
    module.globals = [[0x7F, 1, 0x41, 5, 0x0B], [0x7E, 1, 0x42, 6, 0x0B], [0x7F, 0, 0x41, 7, 0x0B]]
    module.globals += [[0x7D, 1, 0x43, 0, 0, 0xC0, 0x3F, 0x0B], [0x7C, 1, 0x44, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 0x0B]]
    module.exports += [("five", 3, 0), ("six", 3, 1), ("float", 3, 3), ("double", 3, 4), ("oneup_suspended", 0, 3)]
    module.types.append([0x60, 1, 0x7F, 0])
    // suspended(slot): five += slot, six += 1.
    module.functions.append((5, [0, 0x23, 0, 0x20, 0, 0x6A, 0x24, 0, 0x23, 1, 0x42, 1, 0x7C, 0x24, 1, 0x0B]))
    let bytes = module.bytes
    let room = try TestRoom((bytes, Manifest(name: "globals", version: "1", module: bytes)))
    #expect(room.call(.suspended(Slot(37))).isApplied)
    let image = room.image()
    let expected: [UInt64] = [42, 7, UInt64((1.5 as Float).bitPattern), (1.5 as Double).bitPattern]
    for (index, value) in expected.enumerated() {
      #expect(image.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 7 + index * 9 + 1, as: UInt64.self) } == value)
    }
    // The format is a promise: version, pages, globals, one run with the settings at address 16, the end.
    var golden: [UInt8] = [1, 1, 0, 0, 0, 4, 0]
    for (type, value) in zip([0x7F, 0x7E, 0x7D, 0x7C] as [UInt8], expected) {
      golden.append(type)
      golden.put(value)
    }
    golden += [0, 0, 0, 0, 1, 0, 0, 0] + [UInt8](repeating: 0, count: 16) + [24, 0, 0, 0, 0, 0, 0, 0, 10]
    golden += [UInt8](repeating: 0, count: 256 - 25) + [0, 0, 0, 0, 0, 0, 0, 0]
    #expect(image == golden)
    #expect(room.call(.suspended(Slot(1))).isApplied)
    try room.restore(image)
    #expect(room.image() == image)
  }

  @Test("What is outside of the host's list is refused") func imports() {
    #expect(
      refusal {
        $0.imports = [("oneup", "time", 0, [5])]; $0.types.append([0x60, 0, 1, 0x7E])
      } == .exportType(name: "oneup_abi", expected: "() -> (i32)"))
    #expect(
      refusal { $0.imports = [("wasi_snapshot_preview1", "fd_write", 0, [0])] }
        == .foreignImport("wasi_snapshot_preview1.fd_write"))
    #expect(refusal { $0.imports = [("oneup", "open", 0, [0])] } == .foreignImport("oneup.open"))
    #expect(refusal { $0.imports = [("oneup", "send", 0, [0])] } == .importType("oneup.send"))
    #expect(refusal { $0.imports = [("oneup", "memory", 2, [0, 1])] } == .foreignImport("oneup.memory"))
    #expect(refusal { $0.imports = [("oneup", "reply", 0, [99])] } == .importType("oneup.reply"))
  }

  @Test("Memory: one, its own, small, exported, not shared") func memory() {
    #expect(refusal { $0.memories = [] } == .memoryCount(0))
    #expect(refusal { $0.memories = [[0, 1], [0, 1]] } == .memoryCount(2))
    #expect(refusal { $0.memories = [[3, 1, 1]] } == .sharedMemory)
    #expect(refusal { $0.memories = [[4, 1]] } == .wideMemory)
    #expect(refusal { $0.exports.removeFirst() } == .memoryNotExported)
  }

  @Test("State that could not be saved is refused") func state() {
    #expect(refusal { $0.globals = [[0x7F, 1, 0x41, 0, 0x0B]] } == .hiddenGlobal(0))
    #expect(refusal { $0.globals = [[0x7F, 0, 0x41, 0, 0x0B]] } == nil)
    #expect(
      refusal {
        $0.globals = [[0x70, 1, 0xD0, 0x70, 0x0B]]; $0.exports.append(("g", 3, 0))
      } == .globalType(0))
    #expect(
      refusal {
        $0.globals = [[0x7B, 1, 0xFD, 12] + [UInt8](repeating: 0, count: 16) + [0x0B]]; $0.exports.append(("g", 3, 0))
      } == .globalType(0))
    #expect(refusal { $0.tables = [[0x6F, 0, 1]] } == .tableType)
    #expect(refusal { $0.tables = [[0x70, 0, 1]] } == nil)
    #expect(refusal { $0.others = [(8, [3])] } == .startFunction)
    #expect(refusal { $0.others = [(13, [1, 0, 0])] } == .unknownSection(13))
  }

  @Test(
    "Instructions that change what is not saved are refused",
    arguments: [
      ([0x26, 0], "table.set"), ([0xFC, 8, 0, 0], "memory.init"), ([0xFC, 9, 0], "data.drop"),
      ([0xFC, 12, 0, 0], "table.init"), ([0xFC, 13, 0], "elem.drop"), ([0xFC, 14, 0, 0], "table.copy"),
      ([0xFC, 15, 0], "table.grow"), ([0xFC, 17, 0], "table.fill"), ([0xFE, 0, 2, 0], "an atomic instruction"),
      // The same behind others, and with a number written longer than need be.
      ([0x41, 5, 0x1A, 0x44, 1, 2, 3, 4, 5, 6, 7, 8, 0x1A, 0xFC, 0x8F, 0, 0], "table.grow"),
    ] as [([UInt8], String)])
  func instructions(code: [UInt8], name: String) {
    #expect(refusal { $0.add(code) } == .instruction(name))
  }

  @Test("Instructions that are not known are refused, known ones are not")
  func knownInstructions() {
    #expect(refusal { $0.add([0x06, 0x40, 0x0B]) } == .unknownInstruction("0x6"))
    #expect(refusal { $0.add([0xFD, 0x80, 2]) } == .unknownInstruction("0xfd 256"))
    #expect(refusal { $0.add([0x41, 0, 0x28, 0x42, 0, 0, 0x1A]) } == .unknownInstruction("of a second memory"))
    let all: [UInt8] = [
      0x02, 0x40, 0x41, 0, 0x0D, 0, 0x41, 1, 0x0E, 1, 0, 0, 0x0B, 0x41, 0, 0x41, 0, 0x41, 1, 0xFC, 10, 0, 0,
      0x41, 0, 0x41, 0, 0x41, 1, 0xFC, 11, 0, 0x3F, 0, 0x1A, 0xD0, 0x70, 0xD1, 0x1A, 0xFD, 12,
    ]
    #expect(refusal { $0.add(all + [UInt8](repeating: 0, count: 16) + [0xFD, 21, 3, 0x1A]) } == nil)
  }

  @Test("Every room function must have its type") func exports() {
    #expect(refusal { $0.exports.removeLast() } == .missingExport("oneup_buffer"))
    #expect(
      refusal { $0.exports.append(("oneup_message", 0, 0)) }
        == .exportType(name: "oneup_message", expected: "(i32, i64, i32) -> (i32)"))
    #expect(
      refusal { $0.exports.append(("oneup_message", 0, 99)) }
        == .exportType(name: "oneup_message", expected: "(i32, i64, i32) -> (i32)"))
    #expect(
      refusal { $0.exports.append(("oneup_tick", 2, 0)) }
        == .exportType(name: "oneup_tick", expected: "(i64, i32) -> ()"))
  }

  @Test("A room that does not keep to the interface fails, and does no harm") func badGuests() throws {
    func load(_ change: (inout HandMade) -> Void) throws -> TestRoom {
      var module = HandMade()
      change(&module)
      let bytes = module.bytes
      return try TestRoom((bytes, Manifest(name: "bad", version: "1", module: bytes)))
    }
    // Settings, and then the buffer, outside of the memory.
    #expect(throws: EngineError.self) { try load { $0.functions[1].body = [0, 0x41, 0x7F, 0x0B] } }
    #expect(throws: EngineError.self) { try load { $0.functions[0].body = [0, 0x41, 9, 0x0B] } }
    #expect(throws: EngineError.self) { try load { $0.data = [] } }
    #expect(throws: EngineError.self) { try load { $0.functions[0].body = [0, 0x00, 0x0B] } }
    // Of the wrong types inside: the engine's to find.
    #expect(throws: EngineError.self) { try load { $0.add([0x6A]) } }
    let silent = try load {
      $0.exports.append(("oneup_message", 0, 3))
      $0.functions.append((4, [0, 0x00, 0x0B]))
    }
    #expect(silent.message([1]).fault?.backtrace == ["function 3 [0x8c]"], "there are no names to tell")
    let buffer = try load { $0.functions[2].body = [0, 0x41, 0x7F, 0x0B] }
    #expect(buffer.message([1]).fault?.kind == .trap)
    // reply(address -1, 16 bytes); state in an event.
    for name in ["reply", "state"] {
      let room = try load {
        $0.imports = [("oneup", name, 0, [2])]
        $0.exports = [
          ("memory", 2, 0), ("oneup_abi", 0, 1), ("oneup_settings", 0, 2), ("oneup_buffer", 0, 3),
          ("oneup_message", 0, 4),
        ]
        $0.functions.append((4, [0, 0x41, 0x7F, 0x41, 16, 0x10, 0, 0x41, 0, 0x0B]))
      }
      #expect(room.message([1]).fault?.kind == .trap)
    }
  }

  @Test("Garbage is refused, never a crash") func fuzz() {
    var random = RandomState(seed: 11)
    let modules = [HandMade().bytes, TestModules.tally.bytes]
    for round in 0..<4000 {
      var bytes = modules[round % 2]
      for _ in 0...random.next() % 8 {
        let place = Int(random.next() % UInt64(round % 3 == 0 ? min(bytes.count, 600) : bytes.count))
        switch random.next() % 3 {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes.removeSubrange(place..<min(place + Int(random.next() % 9), bytes.count))
        default: bytes.insert(contentsOf: [0xFF, 0xFF, 0xFF, 0xFF, 0x0F].prefix(Int(random.next() % 6)), at: place)
        }
        if bytes.isEmpty { bytes = [0] }
      }
      if random.next() % 4 == 0 { bytes = Array(bytes.prefix(Int(random.next() % UInt64(bytes.count + 1)))) }
      _ = try? ModuleShape(checking: bytes)
    }
  }

  @Test("Every refusal has a sentence of its own") func sentences() {
    let all: [ModuleRefusal] = [
      .malformed("x"), .tooLarge(bytes: 1), .unknownSection(1), .startFunction, .foreignImport("x"), .importType("x"),
      .memoryCount(0), .sharedMemory, .wideMemory, .memoryNotExported, .tableType, .hiddenGlobal(0), .globalType(0),
      .tooManyGlobals, .missingExport("x"), .exportType(name: "x", expected: "y"), .instruction("x"),
      .unknownInstruction("x"),
    ]
    #expect(Set(all.map(\.description)).count == all.count)
  }
}
