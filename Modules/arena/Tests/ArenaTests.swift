import OneUpRoom
import Testing

@Suite("arena") struct ArenaTests {
  /// Somebody in the middle of nowhere: the bots are elsewhere and stay there.
  func alone() throws -> (RoomTest<Arena>, Slot) {
    let room = try RoomTest<Arena>(seed: 3)
    let ann = try room.join("ann")
    room.set { arena in
      for key in arena.ships.keys where key >= 1000 { arena.ships.remove(key) }
      arena.ships[ann].pos = Vec2(800, 500)
      for key in arena.gems.keys { arena.gems[key].pos = Vec2(1, 1) }
    }
    return (room, ann)
  }

  @Test("A ship flies as the page predicts it") func flies() throws {
    let (room, ann) = try alone()
    try room.stream(Steer(to: Vec2(3, 0)), from: ann)
    var pos = Vec2(800, 500)
    var vel = Vec2()
    for _ in 0..<30 {
      vel += (Vec2(1, 0) * 260 - vel) * 0.35
      pos += vel * 0.05
      room.advance(ticks: 1)
      #expect(room.room.ships[ann].pos == pos && room.room.ships[ann].vel == vel)
    }
    room.suspend(ann)
    room.advance(ticks: 200)
    #expect(room.room.ships[ann].vel.length < 1, "who is away drifts to a halt")
    try room.stream(Steer(to: Vec2(-1, 1)), from: ann)
    room.advance(ticks: 400)
    #expect(room.room.ships[ann].pos == Vec2(0, 1000), "the world has an end")
  }

  @Test("A dash is faster, and then has to recharge") func dashes() throws {
    let (room, ann) = try alone()
    try room.stream(Steer(to: Vec2(0, 1)), from: ann)
    room.advance(ticks: 20)
    try room.send(Dash(), from: ann)
    var fastest: Float = 0
    for _ in 0..<12 {
      room.advance(ticks: 1)
      fastest = max(fastest, room.room.ships[ann].vel.length)
    }
    #expect(fastest > 550 && fastest <= 650)
    #expect(throws: Refused.self) { try room.send(Dash(), from: ann) }
    room.advance(ticks: 28)
    #expect(room.room.ships[ann].vel.length < 265)
    try room.send(Dash(), from: ann)
  }

  @Test("A gem nearby is taken once, and another comes") func collects() throws {
    let (room, ann) = try alone()
    let gems = room.room.gems
    let key = try #require(gems.keys.first { gems[$0].kind == 0 })
    #expect(throws: Refused.self) { try room.send(Collect(gem: key), from: ann) }
    room.set { $0.gems[key].pos = Vec2(880, 560) }
    let reply = try room.send(Collect(gem: key), from: ann).read(Collected.self)
    #expect(reply?.score == 1 && reply?.taken == 1)
    #expect(room.outputs().compactMap { $0.read(Scored.self)?.score } == [1])
    #expect(!room.room.gems.has(key) && room.room.gems.count == 40)
    #expect(throws: Refused.self) { try room.send(Collect(gem: key), from: ann) }
    #expect(room.check() == nil)
    room.leave(ann)
    #expect(room.check() == nil)
  }

  @Test("Dashing into somebody takes one to three points, once a dash") func bumps() throws {
    let (room, ann) = try alone()
    let bob = try room.join("bob")
    room.set { arena in
      arena.ships[bob].pos = Vec2(820, 500)
      arena.ships[bob].score = 10
      arena.sum = 10
    }
    room.advance(ticks: 3)
    #expect(room.outputs().isEmpty, "only a dash bumps")
    try room.send(Dash(), from: ann)
    room.advance(ticks: 6)
    let bumps = room.outputs().compactMap { $0.read(Bumped.self) }
    #expect(bumps.count == 1 && bumps[0].who == bob && bumps[0].by == ann)
    #expect((1...3).contains(bumps[0].lost))
    #expect(room.room.ships[ann].score == bumps[0].lost && room.room.ships[bob].score == 10 - bumps[0].lost)
    #expect(room.check() == nil)
  }

  @Test("Bots find gems, and leave the cursed ones alone") func bots() throws {
    let room = try RoomTest<Arena>(seed: 9)
    _ = try room.join("ann")
    room.advance(ticks: 2000)
    #expect(room.room.ships.values.filter { $0.bot && $0.taken > 5 }.count == 4)
    #expect(room.room.gems.values.filter { $0.kind == 1 }.count == 2)
    #expect(room.check() == nil)
  }

  @Test("A cursed gem is a bug") func cursed() async {
    await #expect(processExitsWith: .failure) {
      let room = try RoomTest<Arena>()
      let ann = try room.join("ann")
      let gems = room.room.gems
      let key = try #require(gems.keys.first { gems[$0].kind == 1 })
      room.set { $0.ships[ann].pos = gems[key].pos }
      try room.send(Collect(gem: key), from: ann)
    }
  }

  @Test("A copy that was restored plays on as the room does") func twins() throws {
    try twinTest(Arena.self, seeds: 1...50) { twins in
      switch twins.chance(below: 10) {
      case 0: twins.join()
      case 1: twins.leave()
      case 2: twins.send(Dash())
      case 3: twins.suspend()
      case 4, 5: collectSomething(twins)
      case 6, 7: twins.stream(Steer(to: Vec2(twins.chance(in: -1...1), twins.chance(in: -1...1))))
      default: twins.advance(ticks: 1 + Int(twins.chance(below: 20)))
      }
    }
  }
  /// Mostly the nearest gem, but never a cursed one: that ends the process.
  private func collectSomething(_ twins: Twins<Arena>) {
    guard let slot = twins.pick(twins.members) else { return }
    let arena = twins.room
    let here = arena.ships[slot].pos
    let nearest = arena.gems.lowest { $0.kind == 0 ? $0.pos.distance(to: here) : nil }
    twins.send(Collect(gem: twins.chance(below: 5) == 0 ? 100_000 : nearest ?? 0), from: slot)
  }
}
