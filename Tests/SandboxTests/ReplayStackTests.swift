import Artifacts
import Core
import Sandbox
import Testing

@Suite("The stack of replays") struct ReplayStackTests {
  /// `suspended(n)` calls itself n times.
  private static let deep: (bytes: [UInt8], manifest: Manifest) = {
    var module = HandMade()
    module.types.append([0x60, 1, 0x7F, 0])
    module.functions.append((5, [0, 0x20, 0, 0x04, 0x40, 0x20, 0, 0x41, 1, 0x6B, 0x10, 3, 0x0B, 0x0B]))
    module.exports.append(("oneup_suspended", 0, 3))
    let bytes = module.bytes
    return (bytes, Manifest(name: "deep", version: "1", module: bytes))
  }()

  private func outcome(_ room: TestRoom, _ instance: any RoomInstance, _ depth: UInt32) -> RoomOutcome {
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    return room.engine.call(instance, .suspended(Slot(depth)), payload: nothing, budget: .decided)
  }

  @Test("Calls that go too deep for a room fit where it is replayed, and the room goes on by its image")
  func recursion() throws {
    let room = try TestRoom(Self.deep, EngineOptions(roomsMax: 4, cacheDirectory: TestModules.directory("deep-cache")))
    // How deep it may go depends on how much stack the compiler gives to a call: somewhere it is too deep.
    var depth: UInt32 = 256
    while depth < 1 << 20, outcome(room, room.instance, depth).isApplied { depth *= 2 }
    #expect(outcome(room, try fresh(room, forReplay: false), depth).fault?.kind == .stack)
    room.engine.discard(room.instance)
    room.instance = try fresh(room, forReplay: true)
    #expect(outcome(room, room.instance, depth).isApplied)
    try room.restore(room.image())
    #expect(outcome(room, room.instance, depth / 2).isApplied)
    #expect(outcome(room, room.instance, depth).fault?.kind == .stack)
    // There it ends, too.
    room.engine.discard(room.instance)
    room.instance = try fresh(room, forReplay: true)
    #expect(outcome(room, room.instance, depth * 8).fault?.kind == .stack)
  }

  @Test("A replay's instance is one of the engine's rooms") func places() throws {
    let room = try TestRoom(Self.deep, EngineOptions(roomsMax: 2))
    let other = try fresh(room, forReplay: true)
    #expect(room.engine.rooms == 2)
    #expect(throws: EngineError.self) { try fresh(room, forReplay: true) }
    room.engine.discard(other)
    #expect(room.engine.rooms == 1)
  }

  @Test("The same module does the same there") func theSame() throws {
    let room = try TestRoom(TestModules.tally)
    let copy = try room.image().withUnsafeBytes { image in
      try room.engine.restoreForReplay(room.settings.hash, limits: room.limits, image: image)
    }
    let context = room.engine.context
    for operation: UInt64 in 0..<200 {
      room.engine.context = context
      let live = room.message(add(operation))
      room.engine.context = context
      let replayed = add(operation).withUnsafeBytes {
        room.engine.call(copy, .message(Slot(0), stamp: 0), payload: $0, budget: .decided)
      }
      #expect(live == replayed)
    }
    var image: [UInt8] = []
    room.engine.image(of: copy, into: &image)
    #expect(image == room.image())
    room.engine.discard(copy)
  }

  private func fresh(_ room: TestRoom, forReplay: Bool) throws -> any RoomInstance {
    forReplay
      ? try room.engine.makeForReplay(room.settings.hash, limits: room.limits)
      : try room.engine.make(room.settings.hash, limits: room.limits)
  }
}
