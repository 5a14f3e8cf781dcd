import OneUpRoom
import Testing

@Suite("arena") struct ArenaTests {
  @Test("Somebody flies") func flies() throws {
    let room = try RoomTest<Arena>()
    let ann = try room.join("ann")
    try room.stream(Steer(to: Vec2(1, 0)), from: ann)
    let before = room.room.ships[ann].pos
    room.advance(ticks: 5)
    #expect(room.room.ships[ann].pos.x > before.x)
    #expect(room.check() == nil)
  }
}
