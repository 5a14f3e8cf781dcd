import Core
import Sandbox
import Testing

@Suite("Calls into a room") struct RoomCallTests {
  @Test("An add is told to all, with its place and its sender") func adds() throws {
    let room = try TestRoom(TestModules.tally)
    #expect(room.join(3, "ann").isApplied)
    #expect(room.message(add(77), from: 3).isApplied)
    #expect(room.message(add(77), from: 3).isApplied)
    var expected: [UInt8] = [1]
    expected.put(UInt32(1))
    expected.put(UInt64(77))
    expected.put(UInt32(3))
    #expect(room.sent == [expected])
    guard case .send(.all, reliable: true, _) = room.engine.effects.commands[0] else {
      Issue.record("not a reliable send to all: \(room.engine.effects.commands)")
      return
    }
  }

  @Test("A room asks another one, and is told what came of it") func asks() throws {
    try Self.asks(try TestRoom(TestModules.tally))
  }
  /// The same in the sandbox and native.
  static func asks(_ room: TestRoom) throws {
    #expect(room.join(0, "ann").isApplied)
    let pass = [5] + Array(add(77).dropFirst()) + Array("other".utf8)
    #expect(room.message(pass).isApplied)
    let effects = room.engine.effects
    guard case .ask(let id, .signal, let target, let payload)? = effects.commands.first else {
      Issue.record("nothing asked: \(effects.commands)")
      return
    }
    #expect(id == RequestID(1) && room.engine.context.nextRequest == RequestID(2))
    #expect(effects.bytes[target].elementsEqual("tally/other".utf8) && Array(effects.bytes[payload]) == add(77))
    #expect(room.call(.signal, add(77)).isApplied)
    #expect(room.call(.answered(id, .done), [9, 0, 0, 0]).isApplied)
    #expect(room.sent == [[4, 1, 0, 0, 0, 0, 9, 0, 0, 0]])
    #expect(room.call(.answered(RequestID(2), .failed), [110, 111]).isApplied)
    #expect(room.sent == [[4, 2, 0, 0, 0, 2, 2, 0, 0, 0, 110, 111]])
    // No place for one more: the room is told, and refuses.
    room.engine.context.openRequests = Limits.requestsPerRoomMax
    #expect(room.message([4, 65]).isRefused)
    room.engine.context.openRequests = 0
    #expect(room.message([4] + [UInt8](repeating: 65, count: 200)).isRefused, "the name is too long")
    #expect(room.message([4, 65]).isApplied && room.engine.context.openRequests == 1)
    guard case .ask(RequestID(2), .open, _, _)? = room.engine.effects.commands.first else {
      Issue.record("nothing asked: \(room.engine.effects.commands)")
      return
    }
  }

  @Test("A refusal changes nothing and says why") func refusal() throws {
    let room = try TestRoom(TestModules.tally)
    #expect(room.message(add(1)).isApplied)
    let described = try room.describe()
    let before = room.engine.context
    #expect(room.message([9]).isRefused)
    let effects = room.engine.effects
    guard case .refuse(let reason) = effects.commands.first else {
      Issue.record("no reason: \(effects.commands)")
      return
    }
    #expect(effects.commands.count == 1)
    #expect(String(decoding: effects.bytes[reason], as: UTF8.self) == "unknown message")
    #expect(room.engine.context == before)
    #expect(try room.describe() == described)
    #expect(room.message([]).isRefused)
    #expect(room.message([1, 2]).isRefused)
  }

  @Test("The same call burns the same fuel") func fuel() throws {
    let a = try TestRoom(TestModules.tally)
    let b = try TestRoom(TestModules.tally)
    for operation in 0..<100 as Range<UInt64> {
      let first = a.message(add(operation))
      #expect(first.fuel ?? 0 > 0)
      #expect(first == b.message(add(operation)))
    }
    let image = a.image()
    try b.restore(image)
    for operation in 100..<200 as Range<UInt64> {
      let longer = add(operation) + (operation % 3 == 0 ? [UInt8](repeating: 0, count: 900) : [])
      #expect(a.message(longer) == b.message(longer))
    }
    #expect(a.image() == b.image())
  }

  @Test("Looking does not touch") func describing() throws {
    let room = try TestRoom(TestModules.tally)
    #expect(room.message(add(5)).isApplied)
    let effects = room.engine.effects
    let image = room.image()
    var expected: [UInt8] = []
    expected.put(UInt32(1))
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in [5, 0, 0, 0, 0, 0, 0, 0] as [UInt64] { hash = (hash ^ byte) &* 0x100_0000_01B3 }
    expected.put(hash)
    #expect(try room.describe() == expected)
    #expect(try room.check() == "")
    #expect(room.image() == image)
    #expect(room.engine.effects.commands == effects.commands)
    #expect(room.engine.effects.bytes == effects.bytes)
  }

  @Test("Answers ride with the message; echoes are not kept") func queries() throws {
    let room = try TestRoom(TestModules.tally)
    for operation in 10..<20 as Range<UInt64> { #expect(room.message(add(operation)).isApplied) }
    var query: [UInt8] = [2]
    query.put(UInt32(8))
    query.put(UInt32(1024))
    #expect(room.message(query).isApplied)
    guard case .reply(let range) = room.engine.effects.commands.first else {
      Issue.record("no reply: \(room.engine.effects.commands)")
      return
    }
    var expected: [UInt8] = [2]
    for word in [10, 8, 2] as [UInt32] { expected.put(word) }
    expected.put(UInt64(18))
    expected.put(UInt64(19))
    #expect(Array(room.engine.effects.bytes[range]) == expected)
    #expect(room.message([3, 1, 2]).isApplied)
    #expect(room.engine.effects.commands == [.send(.all, reliable: false, payload: 0..<3)])
  }

  @Test("A million operations fit") func many() throws {
    let room = try TestRoom(TestModules.tally)
    var applied = 0
    for operation in 0..<1_000_000 as Range<UInt64> where room.message(add(operation)).isApplied { applied += 1 }
    #expect(applied == 1_000_000)
    let image = room.image()
    try room.restore(image)
    #expect(room.image() == image)
    #expect(try room.describe().prefix(4) == [0x40, 0x42, 0x0F, 0])
  }

  @Test("The module's settings arrive") func settings() throws {
    let room = try TestRoom(TestModules.faulty)
    #expect(room.settings.name == "faulty")
    #expect(room.settings.version == "1.0.0")
    #expect(room.settings.ticksPerSecond == 10)
    #expect(room.settings.membersMax == 100)
    #expect(!room.settings.ticksWhenEmpty)
    #expect(room.settings.limits == SandboxLimits.room)
  }
}
