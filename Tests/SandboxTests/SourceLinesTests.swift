import Artifacts
import Core
import Foundation
import ModuleBuilder
import Sandbox
import Testing

@Suite("Source lines of faults") struct SourceLinesTests {
  static let path = TestModules.output + "/faulty.lines"
  /// From 1.
  private func line(of code: String) throws -> Int {
    let source = try String(contentsOfFile: TestModules.root + "/Modules/faulty/Sources/Faulty.swift", encoding: .utf8)
    let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
    return try #require(lines.firstIndex { $0.contains(code) }) + 1
  }
  private func fault(_ command: UInt8, lines: String?) throws -> RoomFault {
    let engine = try WasmEngine(EngineOptions(roomsMax: 1))
    let module = TestModules.faulty
    let settings = try engine.load(module.bytes, module.manifest, lines: lines)
    let room = try engine.make(settings.hash, limits: settings.limits)
    defer { engine.discard(room) }
    return try #require(
      [command].withUnsafeBytes { engine.call(room, .message(Slot(0), stamp: 0), payload: $0, budget: .live) }.fault)
  }

  @Test(
    "A backtrace names functions and lines, and the check that failed",
    arguments: [
      (0x01, "Faulty.readBeyondTheEnd(_:)", "numbers[numbers.count + more]", "Index out of range"),
      (0x02, "Faulty.overflow()", "numbers[0] += numbers[1]", "arithmetic overflow"),
      (0x03, "Faulty.unwrapNothing()", "nothing!", "Unexpectedly found nil"),
    ] as [(UInt8, String, String, String)])
  func named(command: UInt8, function: String, code: String, reason: String) throws {
    let fault = try fault(command, lines: Self.path)
    #expect(fault.backtrace.contains("\(function) (Faulty.swift:\(try line(of: code)))"), "\(fault)")
    #expect(fault.backtrace.contains { $0.hasPrefix("Faulty.message(_:from:_:) (Faulty.swift:") }, "\(fault)")
    #expect(fault.text.contains(reason), "\(fault)")
    #expect(!fault.backtrace.contains { $0.contains("[0x") }, "\(fault)")
  }

  @Test("Frames without lines say where they are, and get their lines later") func later() throws {
    let bare = try fault(0x01, lines: nil)
    #expect(bare.backtrace.allSatisfy { $0.hasSuffix("]") && $0.contains(" [0x") }, "\(bare)")
    let hash = TestModules.faulty.manifest.hash
    let lines = try #require(SourceLines.read(Self.path, for: hash))
    #expect(lines.lines(for: bare.backtrace) == (try fault(0x01, lines: Self.path).backtrace))
    #expect(lines.lines(for: ["a [0xzz]", "b]", "c"]) == ["a [0xzz]", "b]", "c"])
    #expect(SourceLines.read(Self.path, for: ModuleHash([UInt8](repeating: 0, count: 32))) == nil)
    #expect(SourceLines.read(Self.path + ".none", for: hash) == nil)
  }

  @Test("Another build's lines are not taken") func others() throws {
    _ = TestModules.tally
    #expect(try fault(0x01, lines: TestModules.output + "/tally.lines").backtrace.contains { $0.contains(" [0x") })
  }

  @Test("A damaged file is an error wherever it is damaged") func damaged() throws {
    let whole = Array(try Data(contentsOf: URL(fileURLWithPath: Self.path)))
    #expect(try whole.withUnsafeBytes { try SourceLines($0) }.encode() == whole)
    for count in stride(from: 0, to: whole.count, by: 97) {
      #expect(throws: DecodingError.self) {
        try Array(whole[..<count]).withUnsafeBytes { _ = try SourceLines($0) }
      }
    }
    var random = RandomState(seed: 1)
    for _ in 0..<200 {
      var bytes = whole
      bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      bytes.withUnsafeBytes { _ = (try? SourceLines($0))?.look(at: 5000) }
    }
  }

  @Test("Lines are kept with the build, for rooms that find it later") func kept() throws {
    let directory = try TestModules.directory("lines")
    let kept = try TestModules.directory("lines-kept")
    let module = TestModules.faulty
    try Data(module.bytes).write(to: URL(fileURLWithPath: directory + "/faulty.wasm"))
    try Data(module.manifest.json()).write(to: URL(fileURLWithPath: directory + "/faulty.json"))
    try FileManager.default.copyItem(atPath: Self.path, toPath: directory + "/faulty.lines")
    let options = EngineOptions(roomsMax: 1, keptDirectory: kept)
    _ = try WasmEngine(options).load(directory: directory)
    let engine = try WasmEngine(options)
    let room = try engine.make(module.manifest.hash, limits: SandboxLimits.room)
    let fault = [1].withUnsafeBytes {
      engine.call(room, .message(Slot(0), stamp: 0), payload: UnsafeRawBufferPointer(rebasing: $0[..<1]), budget: .live)
    }.fault
    #expect(fault?.backtrace.contains { $0.contains("(Faulty.swift:") } == true, "\(String(describing: fault))")
    engine.discard(room)
  }

  @Test("What is shipped has no debug information") func shipped() throws {
    let text = String(decoding: TestModules.faulty.bytes, as: UTF8.self)
    #expect(!text.contains(".debug_info"))
  }
}
