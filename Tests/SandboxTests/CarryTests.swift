import Artifacts
import Core
import Sandbox
import Testing

@Suite("Carrying a room to another build") struct CarryTests {
  /// The same code with other bytes: a custom section more.
  private func again(_ module: (bytes: [UInt8], manifest: Manifest)) -> (bytes: [UInt8], manifest: Manifest) {
    let bytes = module.bytes + [0, 2, 1, 0x78]
    return (bytes, Manifest(name: module.manifest.name, version: "2.0.0", module: bytes))
  }
  private func json(_ room: TestRoom, _ instance: any RoomInstance) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try room.engine.describe(instance, as: .json, into: &bytes)
    return bytes
  }
  /// Carries, and checks that the room itself stayed as it was.
  private func carry(
    _ room: TestRoom, to module: (bytes: [UInt8], manifest: Manifest), limits: RoomLimits? = nil
  ) throws -> Result<any RoomInstance, CarryError> {
    let settings = try room.engine.load(module.bytes, module.manifest)
    let image = room.image()
    let context = room.engine.context
    let result: Result<any RoomInstance, CarryError>
    do throws(CarryError) {
      result = .success(
        try room.engine.carry(room.instance, to: settings.hash, limits: limits ?? settings.limits, context: context))
    } catch { result = .failure(error) }
    #expect(room.image() == image, "the old instance is as before")
    #expect(room.engine.context == context, "the room's clock, chance and timers are as before")
    #expect(room.engine.effects.commands.isEmpty, "nothing that was asked for stands")
    return result
  }
  private func failure(_ room: TestRoom, to module: (bytes: [UInt8], manifest: Manifest)) throws -> CarryError {
    let before = room.engine.rooms
    switch try carry(room, to: module) {
    case .failure(let error):
      #expect(room.engine.rooms == before, "a try that failed leaves no instance")
      return error
    case .success(let instance):
      room.engine.discard(instance)
      throw CarryError(.unavailable, "it was carried")
    }
  }

  @Test("Every module of ours goes on as it was, in another build") func ours() throws {
    for module in [TestModules.arena, TestModules.tally, TestModules.faulty] {
      let room = try TestRoom(module)
      #expect(room.join(0, "ann").isApplied && room.join(1, "ben").isApplied)
      _ = room.message([0x09, 5])
      if module.manifest.name == "tally" { _ = room.message(add(7)) }
      let ticks = room.settings.ticksPerSecond > 0
      if ticks { for number in 1...100 { _ = room.call(.tick(number: UInt64(number), skipped: 0)) } }
      room.engine.effects.reset()
      let carried = try carry(room, to: again(module)).get()
      #expect(try json(room, room.instance) == json(room, carried))
      // And the same comes of what happens next.
      let context = room.engine.context
      let old = ticks ? room.call(.tick(number: 101, skipped: 0)) : room.message(add(8))
      let (said, after) = (room.sent, room.engine.context)
      room.engine.context = context
      let first = room.instance
      room.instance = carried
      let new = ticks ? room.call(.tick(number: 101, skipped: 0)) : room.message(add(8))
      #expect(old.isApplied == new.isApplied && room.sent == said && room.engine.context == after)
      #expect(try json(room, first) == json(room, carried))
      room.engine.discard(first)
    }
  }

  @Test("A list as long as it may be is carried, and leaves nothing behind") func large() throws {
    let room = try TestRoom(TestModules.tally)
    var operation: UInt64 = 0
    var random = RandomState(seed: 3)
    while room.message(add(random.next())).isApplied { operation += 1 }
    #expect(operation == 1_500_000)
    room.engine.effects.reset()
    let carried = try carry(room, to: again(TestModules.tally)).get()
    let state = try room.describe()
    let image = room.image()
    let first = room.instance
    room.instance = carried
    #expect(try room.describe() == state)
    #expect(try room.check() == "")
    #expect(room.image().count < image.count + image.count / 8, "the bytes it was restored from are gone")
    room.engine.discard(first)
  }

  @Test("A room that the new build's memory does not hold stays where it is") func memory() throws {
    let room = try TestRoom(TestModules.tally)
    for operation in 0..<50_000 as Range<UInt64> { _ = room.message(add(operation)) }
    room.engine.effects.reset()
    var limits = room.limits
    limits.memoryBytes = 524_288
    guard case .failure(let error) = try carry(room, to: again(TestModules.tally), limits: limits) else {
      Issue.record("it was carried")
      return
    }
    #expect(error.kind == .restoreFailed && error.fault?.kind == .memory, "\(error)")
  }

  // MARK: Builds written by hand

  private enum Restore {
    static let takes: [UInt8] = [0x41, 0x80, 0x10, 0x41, 0x80, 0x08, 0x28, 2, 0, 0x36, 2, 0, 0x41, 0, 0x0B]
    static let traps: [UInt8] = [0x00, 0x0B]
    static let loops: [UInt8] = [0x03, 0x40, 0x0C, 0, 0x0B, 0x00, 0x0B]
    static let refuses: [UInt8] = [0x41, 0x80, 0x20, 0x41, 5, 0x10, 3, 0x41, 1, 0x0B]
    static let asks: [UInt8] =
      [0x10, 1, 0x1A, 0x42, 0xE4, 0, 0x41, 0, 0x41, 0, 0x10, 2, 0x1A, 0x41, 0, 0x41, 0, 0x41, 1, 0x41, 0, 0x41, 4]
      + [0x10, 4] + takes
  }
  private enum Save {
    static let gives: [UInt8] = [0x41, 0x80, 0x10, 0x41, 4, 0x10, 0, 0x0B]
    static let traps: [UInt8] = [0x00, 0x0B]
    static let loops: [UInt8] = [0x03, 0x40, 0x0C, 0, 0x0B, 0x0B]
    /// Asks for a timer, which a look at a copy may not.
    static let asks: [UInt8] = [0x42, 1, 0x41, 0, 0x41, 0, 0x10, 2, 0x1A, 0x0B]
    /// All its memory again and again.
    static let floods: [UInt8] = [0x03, 0x40, 0x41, 0, 0x41, 0x80, 0x80, 4, 0x10, 0, 0x0C, 0, 0x0B, 0x0B]
  }
  /// Counts its messages; nil: it lacks the function.
  private func counter(_ version: String, save: [UInt8]?, restore: [UInt8]?) -> (bytes: [UInt8], manifest: Manifest) {
    var made = HandMade()
    made.types += [
      [0x60, 0, 1, 0x7E], [0x60, 3, 0x7E, 0x7F, 0x7F, 1, 0x7F], [0x60, 5, 0x7F, 0x7F, 0x7F, 0x7F, 0x7F, 0],
      [0x60, 1, 0x7F, 0],
    ]
    made.imports = [
      ("oneup", "state", 0, [2]), ("oneup", "random", 0, [5]), ("oneup", "after", 0, [6]), ("oneup", "refuse", 0, [2]),
      ("oneup", "send", 0, [7]),
    ]
    made.exports = [("memory", 2, 0), ("oneup_abi", 0, 5), ("oneup_settings", 0, 6), ("oneup_buffer", 0, 7)]
    let count: [UInt8] = [0x41, 0x80, 0x10, 0x41, 0x80, 0x10, 0x28, 2, 0, 0x41, 1, 0x6A, 0x36, 2, 0, 0x41, 0, 0x0B]
    made.functions.append((4, [0] + count))
    made.exports.append(("oneup_message", 0, 8))
    made.functions.append((8, [0] + Save.gives))
    made.exports.append(("oneup_describe", 0, 9))
    if let save {
      made.functions.append((3, [0] + save))
      made.exports.append(("oneup_save", 0, 10))
    }
    if let restore {
      made.functions.append((1, [0] + restore))
      made.exports.append(("oneup_restore", 0, UInt8(4 + made.functions.count)))
    }
    made.data.append([0, 0x41, 0x80, 0x20, 0x0B, 5] + Array("never".utf8))
    let bytes = made.bytes
    return (bytes, Manifest(name: "counter", version: version, module: bytes))
  }
  private func counted(_ save: [UInt8]? = Save.gives) throws -> TestRoom {
    var options = EngineOptions(roomsMax: 4)
    // A loop uses it up long before a slow machine's watchdog trips.
    options.limits.fuel = 10_000_000
    let room = try TestRoom(counter("1.0.0", save: save, restore: Restore.takes), options)
    for _ in 0..<3 { #expect(room.message([]).isApplied) }
    return room
  }

  @Test("A build without save or restore is no way") func cannot() throws {
    let old = try failure(try counted(nil), to: counter("2", save: nil, restore: Restore.takes))
    #expect(old.kind == .cannotSave && old.text.contains("1.0.0 has no save"))
    let new = try failure(try counted(), to: counter("2", save: nil, restore: nil))
    #expect(new.kind == .cannotSave && new.text.contains("2 has no restore"))
  }

  @Test("A save that fails says how") func saveFails() throws {
    let good = counter("2", save: nil, restore: Restore.takes)
    for (save, kind) in [
      (Save.traps, RoomFault.Kind.trap), (Save.loops, .fuel), (Save.asks, .trap), (Save.floods, .output),
    ] {
      let error = try failure(try counted(save), to: good)
      #expect(error.kind == .saveFailed && error.fault?.kind == kind, "\(error)")
    }
  }

  @Test("A restore that fails or refuses says how") func restoreFails() throws {
    let room = try counted()
    for (restore, kind) in [(Restore.traps, RoomFault.Kind.trap), (Restore.loops, .fuel)] {
      let error = try failure(room, to: counter("2", save: nil, restore: restore))
      #expect(error.kind == .restoreFailed && error.fault?.kind == kind, "\(error)")
    }
    let refused = try failure(room, to: counter("2", save: nil, restore: Restore.refuses))
    #expect(refused.kind == .refused && refused.text.hasSuffix(": never") && refused.fault == nil, "\(refused)")
    #expect(room.message([]).isApplied, "the room goes on")
  }

  @Test("What restore asks the host for is void") func asks() throws {
    let room = try counted()
    let carried = try carry(room, to: counter("2", save: Save.gives, restore: Restore.asks)).get()
    let first = room.instance
    room.instance = carried
    #expect(try room.describe() == [3, 0, 0, 0])
    #expect(room.message([]).isApplied)
    #expect(try room.describe() == [4, 0, 0, 0])
    #expect(room.engine.context.nextTimer == TimerID(1))
    room.engine.discard(first)
  }

  @Test("A build that is not here, or no place for it, is said") func unavailable() throws {
    let room = try TestRoom(TestModules.tally, EngineOptions(roomsMax: 1))
    let error = try failure(room, to: again(TestModules.tally))
    #expect(error.kind == .unavailable && error.text.contains("rooms"))
    #expect(throws: CarryError.self) {
      try room.engine.carry(
        room.instance, to: ModuleHash([UInt8](repeating: 1, count: 32)), limits: room.limits,
        context: room.engine.context)
    }
  }

  @Test("New rooms are made with the build that is offered") func offer() throws {
    let room = try TestRoom(TestModules.tally)
    let other = try room.engine.load(again(TestModules.tally).bytes, again(TestModules.tally).manifest)
    try room.engine.offer(room.settings.hash)
    #expect(room.engine.module(named: "tally")?.hash == room.settings.hash)
    try room.engine.offer(other.hash)
    #expect(room.engine.module(named: "tally")?.hash == other.hash)
    #expect(throws: EngineError.self) { try room.engine.offer(ModuleHash([UInt8](repeating: 1, count: 32))) }
  }
}
