import Artifacts
import Core
import Foundation
import Sandbox
import Testing

@Suite("The engine") struct EngineTests {
  @Test("A full pool is an error, and a discarded place can be used again") func pool() throws {
    let room = try TestRoom(TestModules.tally, EngineOptions(roomsMax: 2))
    let second = try room.engine.make(room.settings.hash, limits: room.limits)
    #expect(throws: EngineError.self) { try room.engine.make(room.settings.hash, limits: room.limits) }
    #expect(try !room.describe().isEmpty, "looking at a room needs no room's place")
    room.engine.discard(second)
    room.engine.discard(try room.engine.make(room.settings.hash, limits: room.limits))
  }

  @Test("As many rooms as a worker may have") func manyRooms() throws {
    let room = try TestRoom(TestModules.tally, EngineOptions())
    var others: [any RoomInstance] = []
    for number in 1..<Limits.liveRoomsMax {
      let instance = try room.engine.make(room.settings.hash, limits: room.limits)
      let outcome = add(UInt64(number)).withUnsafeBytes {
        room.engine.call(instance, .message(Slot(0), stamp: 0), payload: $0, budget: .live)
      }
      #expect(outcome.isApplied)
      others.append(instance)
    }
    #expect(throws: EngineError.self) { try room.engine.make(room.settings.hash, limits: room.limits) }
    for other in others { room.engine.discard(other) }
    #expect(room.engine.rooms == 1)
  }

  @Test("What one engine compiled is not compiled again by the next") func compiledOnce() throws {
    let directory = try TestModules.directory("once")
    let cache = try TestModules.directory("once-cache")
    let options = EngineOptions(roomsMax: 3, cacheDirectory: cache)
    try Data(TestModules.tally.bytes).write(to: URL(fileURLWithPath: directory + "/tally.wasm"))
    try Data(TestModules.tally.manifest.json()).write(to: URL(fileURLWithPath: directory + "/tally.json"))
    #expect(try WasmEngine(options).load(directory: directory).loaded.count == 1)
    func files() throws -> [String: UInt64] {
      let names = try FileManager.default.contentsOfDirectory(atPath: cache)
      return try Dictionary(
        uniqueKeysWithValues: names.map {
          let number = try FileManager.default.attributesOfItem(atPath: cache + "/" + $0)[.systemFileNumber]
          return ($0, try #require(number as? NSNumber).uint64Value)
        })
    }
    let before = try files()
    #expect(before.count == 1)
    #expect(try WasmEngine(options).load(directory: directory).loaded.count == 1)
    #expect(try files() == before)
  }

  @Test("Rooms of one engine do not see each other") func apart() throws {
    let room = try TestRoom(TestModules.tally)
    let fresh = room.image()
    let other = try room.engine.make(room.settings.hash, limits: room.limits)
    _ = room.engine.call(other, .create, payload: UnsafeRawBufferPointer(start: nil, count: 0), budget: .live)
    #expect(room.message(add(1)).isApplied)
    var image: [UInt8] = []
    room.engine.image(of: other, into: &image)
    #expect(image == fresh)
    room.engine.discard(other)
  }

  @Test("Little reservation gives the same results") func littleReservation() throws {
    let large = try TestRoom(TestModules.tally)
    let little = try TestRoom(TestModules.tally, EngineOptions(roomsMax: 4, reservesLittle: true))
    for operation in 0..<10_000 as Range<UInt64> {
      #expect(large.message(add(operation)) == little.message(add(operation)))
    }
    #expect(large.image() == little.image())
  }

  @Test("Compiled code is kept in a directory of one's own only") func cache() throws {
    let directory = try TestModules.directory("cache")
    let options = EngineOptions(roomsMax: 1, cacheDirectory: directory)
    let first = try TestRoom(TestModules.tally, options)
    let files = try FileManager.default.contentsOfDirectory(atPath: directory)
    #expect(files.count == 1)
    let second = try TestRoom(TestModules.tally, options)
    #expect(first.message(add(1)) == second.message(add(1)))
    // Garbage there is compiled anew.
    // In a file of its own: the first engine still runs the old one.
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: directory + "/" + files[0]), options: .atomic)
    #expect(try TestRoom(TestModules.tally, options).message(add(1)).isApplied)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory)
    #expect(throws: EngineError.self) { try WasmEngine(options) }
  }

  @Test("Modules are found in a directory; older builds stay for their rooms") func loading() throws {
    let directory = try TestModules.directory("modules")
    let options = EngineOptions(roomsMax: 1, keptDirectory: try TestModules.directory("kept"))
    func put(_ name: String, _ module: (bytes: [UInt8], manifest: Manifest)) throws {
      try Data(module.bytes).write(to: URL(fileURLWithPath: "\(directory)/\(name).wasm"))
      try Data(module.manifest.json()).write(to: URL(fileURLWithPath: "\(directory)/\(name).json"))
    }
    let old = TestModules.tally
    try put("tally", old)
    let engine = try WasmEngine(options)
    #expect(try engine.load(directory: directory).loaded.map(\.version) == ["1.0.0"])
    #expect(try engine.load(directory: directory).loaded.isEmpty)
    // Another build: a custom section more.
    let newBytes = old.bytes + [0, 2, 1, 0x78]
    let new = (bytes: newBytes, manifest: Manifest(name: "tally", version: "1.0.1", module: newBytes))
    try put("tally", new)
    #expect(try engine.load(directory: directory).loaded.map(\.version) == ["1.0.1"])
    #expect(engine.module(named: "tally")?.version == "1.0.1")
    let oldHash = old.manifest.hash
    #expect(engine.module(oldHash)?.version == "1.0.0")

    let later = try WasmEngine(options)
    #expect(later.module(named: "tally") == nil)
    #expect(later.module(oldHash)?.version == "1.0.0")
    #expect(later.module(ModuleHash([UInt8](repeating: 0, count: 32))) == nil)
  }

  @Test("A module whose bytes are not those of its manifest is refused") func wrongBytes() throws {
    let directory = try TestModules.directory("wrong")
    try Data(TestModules.tally.bytes + [0, 1, 0]).write(to: URL(fileURLWithPath: directory + "/tally.wasm"))
    try Data(TestModules.tally.manifest.json()).write(to: URL(fileURLWithPath: directory + "/tally.json"))
    try Data("{}".utf8).write(to: URL(fileURLWithPath: directory + "/empty.json"))
    let engine = try WasmEngine(EngineOptions(roomsMax: 1))
    let report = try engine.load(directory: directory)
    #expect(report.loaded.isEmpty)
    #expect(report.refused.map(\.file) == ["empty.json", "tally.json"])
    #expect(engine.module(named: "tally") == nil)
  }

  @Test("SHA-256 is SHA-256") func hash() {
    #expect(ModuleHash(of: []).description == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(
      ModuleHash(of: Array("abc".utf8)).description
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      ModuleHash(of: [UInt8](repeating: 0x61, count: 1_000_000)).description
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }
}
