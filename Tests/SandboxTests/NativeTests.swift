import Artifacts
import Core
import Foundation
import ModuleBuilder
import Sandbox
import Testing

@Suite("Native rooms") struct NativeTests {
  typealias Module = (bytes: [UInt8], manifest: Manifest)
  static let tally = build("tally")
  static let faulty = build("faulty")
  static let arena = build("arena")
  private static func build(_ name: String) -> Module {
    do {
      let built = try ModuleBuilder.build(
        directory: TestModules.root + "/Modules/" + name, output: TestModules.output + "/native",
        options: BuildOptions(withVariants: false, format: .native))
      return (Array(try Data(contentsOf: URL(fileURLWithPath: built.module))), built.manifest)
    } catch { fatalError("\(name) does not build: \(error)") }
  }
  private func options(rooms: Int = 8) throws -> EngineOptions {
    var options = EngineOptions(roomsMax: rooms, keptDirectory: try TestModules.directory("native-kept"))
    options.trustsNative = { _ in true }
    return options
  }
  private func json(_ room: TestRoom) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try room.engine.describe(room.instance, as: .json, into: &bytes)
    return bytes
  }

  @Test("The same source says the same, native or in the sandbox") func same() throws {
    let native = try TestRoom(Self.tally, options())
    let wasm = try TestRoom(TestModules.tally)
    #expect(Self.tally.manifest.format == .native)
    #expect(Self.tally.manifest.schema == TestModules.tally.manifest.schema)
    for room in [native, wasm] { #expect(room.join(3, "ann").isApplied) }
    var random = RandomState(seed: 9)
    for _ in 0..<2_000 {
      var payload = add(random.next())
      if random.next() % 8 == 0 { payload.removeLast(Int(random.next() % 9)) }
      let outcomes = (native.message(payload, from: 3), wasm.message(payload, from: 3))
      #expect(outcomes.0.isApplied == outcomes.1.isApplied)
      #expect(native.sent == wasm.sent)
      #expect(native.engine.effects.commands.count == wasm.engine.effects.commands.count)
    }
    #expect(try native.describe() == wasm.describe())
    #expect(try native.check() == "")
    #expect(try json(native) == json(wasm))
    var settings = native.settings
    settings.hash = wasm.settings.hash
    #expect(settings == wasm.settings)
  }

  @Test("It asks other rooms like one in the sandbox") func asks() throws {
    try RoomCallTests.asks(try TestRoom(Self.tally, options()))
  }

  @Test("What a room saved is its image, and the same comes of it") func image() throws {
    let room = try TestRoom(Self.arena, options())
    #expect(room.join(0, "ann").isApplied && room.join(1, "ben").isApplied)
    for number in 1...200 { _ = room.call(.tick(number: UInt64(number), skipped: 0)) }
    let image = room.image()
    let context = room.engine.context
    func goOn() throws -> [[[UInt8]]] {
      room.engine.context = context
      return try (201...260 as ClosedRange<UInt64>).map { number in
        room.engine.context.time += 50_000
        room.engine.context.tick = number
        try #require(room.call(.tick(number: number, skipped: 0)).isApplied)
        return room.sent
      }
    }
    let first = try goOn()
    let end = room.image()
    try room.restore(image)
    #expect(room.image() == image)
    #expect(try goOn() == first)
    #expect(room.image() == end)
  }

  @Test("Rooms of one library do not see each other, and sandboxed ones stand beside them") func apart() throws {
    let room = try TestRoom(Self.tally, options())
    let second = try room.engine.make(room.settings.hash, limits: room.limits)
    let wasm = try room.engine.load(TestModules.faulty.bytes, TestModules.faulty.manifest)
    let third = try room.engine.make(wasm.hash, limits: wasm.limits)
    let before = room.image()
    #expect(room.message(add(1)).isApplied)
    var other: [UInt8] = []
    room.engine.image(of: second, into: &other)
    #expect(other == before && room.image() != before)
    let trap = [1].withUnsafeBytes {
      room.engine.call(
        third, .message(Slot(0), stamp: 0), payload: UnsafeRawBufferPointer(rebasing: $0[..<1]), budget: .live)
    }
    #expect(trap.fault?.kind == .trap)
    #expect(room.message(add(2)).isApplied)
    room.engine.discard(second)
    room.engine.discard(third)
    #expect(room.engine.rooms == 1)
  }

  private func chatty() throws -> Module {
    let directory = try TestModules.directory("chatty")
    try FileManager.default.createDirectory(atPath: directory + "/Sources", withIntermediateDirectories: true)
    try Data(#"{"name": "chatty", "version": "1.0.0", "room": "Chatty"}"#.utf8).write(
      to: URL(fileURLWithPath: directory + "/module.json"))
    let source = """
      import OneUpRoom
      struct Chatty: Room {
        static let settings = Settings()
        var said: UInt32 = 0
        mutating func fields<C: Coder>(_ c: inout C) { c.hidden(1, "said", &said) }
        mutating func message(_ message: Incoming, from sender: Member, _ room: Context) throws(Refused) {
          var reader = message.reader
          for _ in 0..<(try reader.u8()) {
            room.send([7])
            said += 1
          }
          _ = room.after(.seconds(1))
          _ = room.random()
        }
      }
      """
    try Data(source.utf8).write(to: URL(fileURLWithPath: directory + "/Sources/Chatty.swift"))
    let built = try ModuleBuilder.build(
      directory: directory, output: directory + "/out",
      options: BuildOptions(sdk: TestModules.root + "/Sources/OneUpRoom", format: .native))
    return (Array(try Data(contentsOf: URL(fileURLWithPath: built.module))), built.manifest)
  }

  @Test("Asking for too much fails the event; the room is rebuilt from its image") func tooMuch() throws {
    let room = try TestRoom(chatty(), options())
    #expect(room.message([3]).isApplied && room.sent.count == 3)
    let image = room.image()
    let before = room.engine.context
    #expect(before.nextTimer == TimerID(2))
    let fault = try #require(room.message([200]).fault)
    #expect(fault.kind == .output)
    #expect(room.engine.effects.commands.isEmpty && room.engine.context == before)
    try room.restore(image)
    #expect(room.engine.context == before)
    #expect(room.message([2]).isApplied && room.sent.count == 2)
    #expect(room.message([]).isRefused)
  }

  @Test("A state beyond what may be carried is an image all the same, and a refused carry with a sentence")
  func tooLarge() throws {
    let directory = try TestModules.directory("hoard")
    try FileManager.default.createDirectory(atPath: directory + "/Sources", withIntermediateDirectories: true)
    try Data(#"{"name": "hoard", "version": "1.0.0", "room": "Hoard"}"#.utf8).write(
      to: URL(fileURLWithPath: directory + "/module.json"))
    let source = """
      import OneUpRoom
      struct Hoard: Room {
        static let settings = Settings()
        var things: [UInt64] = []
        mutating func fields<C: Coder>(_ c: inout C) { c.hidden(1, "things", &things) }
        mutating func message(_ message: Incoming, from sender: Member, _ room: Context) throws(Refused) {
          things = Array(repeating: .max, count: 5_000_000)
        }
      }
      """
    try Data(source.utf8).write(to: URL(fileURLWithPath: directory + "/Sources/Hoard.swift"))
    let built = try ModuleBuilder.build(
      directory: directory, output: directory + "/out",
      options: BuildOptions(sdk: TestModules.root + "/Sources/OneUpRoom", format: .native))
    let hoard = (Array(try Data(contentsOf: URL(fileURLWithPath: built.module))), built.manifest)
    let room = try TestRoom(hoard, options())
    #expect(room.join(0, "ann").isApplied && room.message([]).isApplied)
    let image = room.image()
    #expect(image.count > SandboxLimits.savedBytesMax)
    let error = #expect(throws: CarryError.self) {
      _ = try room.engine.carry(
        room.instance, to: room.settings.hash, limits: room.limits, context: room.engine.context)
    }
    #expect(error?.kind == .saveFailed)
    #expect(error?.text.contains("more than \(SandboxLimits.savedBytesMax) bytes") == true, "\(error?.text ?? "")")
    #expect(room.message([]).isApplied && room.image() == image)
  }

  @Test("A room moves into the sandbox and out of it") func carried() throws {
    let room = try TestRoom(Self.tally, options())
    for operation in 0..<1_000 as Range<UInt64> { _ = room.message(add(operation * operation)) }
    room.engine.effects.reset()
    let wasm = try room.engine.load(TestModules.tally.bytes, TestModules.tally.manifest)
    let native = room.instance
    let state = try room.describe()
    room.instance = try room.engine.carry(
      native, to: wasm.hash, limits: wasm.limits, context: room.engine.context)
    room.engine.discard(native)
    #expect(try room.describe() == state && room.check() == "")
    let sandboxed = room.instance
    room.instance = try room.engine.carry(
      sandboxed, to: room.settings.hash, limits: room.limits, context: room.engine.context)
    room.engine.discard(sandboxed)
    #expect(try room.describe() == state && room.check() == "")
    #expect(room.message(add(5)).isApplied)
    #expect(throws: CarryError.self) {
      let faulty = try room.engine.load(Self.faulty.bytes, Self.faulty.manifest)
      _ = try room.engine.carry(room.instance, to: faulty.hash, limits: faulty.limits, context: room.engine.context)
    }
  }

  @Test("Nothing native is loaded that nobody answers for, and nothing that was changed") func trust() throws {
    var options = try options()
    options.trustsNative = { _ in false }
    let engine = try WasmEngine(options)
    #expect { try engine.load(Self.tally.bytes, Self.tally.manifest) } throws: { "\($0)".contains("--trust-native") }
    #expect(throws: EngineError.self) {
      try WasmEngine(try self.options()).load(Self.tally.bytes + [0], Self.tally.manifest)
    }
    var homeless = EngineOptions(roomsMax: 1)
    homeless.trustsNative = { _ in true }
    #expect(throws: EngineError.self) { try WasmEngine(homeless).load(Self.tally.bytes, Self.tally.manifest) }
    let bytes = Array("no library".utf8)
    let manifest = Manifest(name: "none", version: "1.0.0", module: bytes, format: .native)
    #expect { try WasmEngine(try self.options()).load(bytes, manifest) } throws: {
      "\($0)".contains("could not be loaded")
    }
  }

  @Test("A kept build is found again, if it is still trusted") func kept() throws {
    var options = try options()
    let hash = Self.tally.manifest.hash
    _ = try WasmEngine(options).load(Self.tally.bytes, Self.tally.manifest)
    let later = try WasmEngine(options)
    #expect(later.module(hash)?.name == "tally")
    try later.offer(hash)
    #expect(later.module(named: "tally")?.hash == hash)
    options.trustsNative = { _ in false }
    #expect(try WasmEngine(options).module(hash) == nil)
    options.trustsNative = { _ in true }
    let path = try #require(options.keptDirectory) + "/\(hash).so"
    try FileManager.default.removeItem(atPath: path)
    try Data(Self.faulty.bytes).write(to: URL(fileURLWithPath: path))
    #expect(try WasmEngine(options).module(hash) == nil, "other bytes under its name")
  }

  @Test("A report of a dead process says where in the module it was") func report() throws {
    let module = Self.faulty.manifest.hash
    let lines = try #require(SourceLines.read(TestModules.output + "/native/faulty.lines", for: module))
    let place = try #require(
      lines.rows.first {
        lines.look(at: $0.offset).map { $0.reason == "Index out of range" && $0.frames.count > 1 } ?? false
      })
    func report(_ frames: String, image: String = "\(module).so") throws -> JSON {
      try JSON(
        Array(
          #"""
          {"threads": [{"frames": []}, {"crashed": true, "frames": [\#(frames)]}],
           "images": [{"name": "libc.so.6", "baseAddress": "0x1000", "endOfText": "0x2000"},
                      {"name": "\#(image)", "baseAddress": "0x7f0000000000", "endOfText": "0x7f0000100000"}]}
          """#.utf8))
    }
    func frame(_ kind: String, _ offset: UInt32) -> String {
      #"{"kind": "\#(kind)", "address": "0x\#(String(0x7f00_0000_0000 + UInt64(offset), radix: 16))"}"#
    }
    let died = try report(
      frame("programCounter", place.offset) + "," + frame("returnAddress", place.offset + 1)
        + #", {"kind": "returnAddress", "address": "0x1500"}, {"kind": "truncated"}"#)
    let expected = try #require(lines.look(at: place.offset))
    let found = try #require(NativeReport.backtrace(died, of: module, lines: lines))
    #expect(found.frames == expected.frames + expected.frames && found.reason == "Index out of range")
    let bare = try #require(NativeReport.backtrace(died, of: module, lines: nil))
    #expect(bare.frames.count == 2 && lines.lines(for: bare.frames) == found.frames)
    let elsewhere = try report(#"{"kind": "programCounter", "address": "0x1500"}"# + "," + frame("returnAddress", 9))
    #expect(NativeReport.backtrace(elsewhere, of: module, lines: lines) == nil)
    #expect(
      try NativeReport.backtrace(report(frame("programCounter", 9), image: "x.so"), of: module, lines: nil) == nil)
    for text in ["{}", "[]", #"{"images": 1, "threads": [1]}"#, #"{"images": [{"name": "\#(module).so"}]}"#] {
      #expect(try NativeReport.backtrace(JSON(Array(text.utf8)), of: module, lines: nil) == nil)
    }
  }
}
