import Core
import Sandbox
import Testing

@Suite("Images of rooms") struct RoomImageTests {
  @Test("A restored room goes on like the first, and has the same image") func roundTrip() throws {
    let first = try TestRoom(TestModules.tally)
    for operation in 0..<5000 as Range<UInt64> { #expect(first.message(add(operation)).isApplied) }
    let image = first.image()
    let second = try TestRoom(TestModules.tally, create: false)
    try second.restore(image)
    #expect(second.image() == image)
    #expect(try second.describe() == first.describe())
    for operation in 0..<3000 as Range<UInt64> {
      #expect(first.message(add(operation)) == second.message(add(operation)))
    }
    #expect(first.sent == second.sent)
    #expect(first.image() == second.image())
  }

  @Test("Pages that the module fills and the image leaves out are zero") func zeroPages() throws {
    let room = try TestRoom(TestModules.tally)
    // The header alone, then nothing: a memory of zeros everywhere.
    var image = Array(room.image().prefix(1 + 4 + 2 + 9))
    image.put(UInt32(0))
    image.put(UInt32(0))
    try room.restore(image)
    #expect(room.image() == image)
  }

  @Test("A damaged image is refused, whatever the damage") func damaged() throws {
    let room = try TestRoom(TestModules.tally)
    for operation in 0..<100 as Range<UInt64> { #expect(room.message(add(operation)).isApplied) }
    let image = room.image()
    for count in [0, 1, 6, 15, 16, 20, 24, 100, image.count - 1] {
      #expect(throws: EngineError.self) { try room.restore(Array(image.prefix(count))) }
    }
    #expect(throws: EngineError.self) { try room.restore(image + [0]) }
    for (offset, value) in [(0, 2), (3, 0xFF), (1, 1), (5, 9), (7, 0x7E), (19, 0xFF), (23, 0xFF)] as [(Int, UInt8)] {
      var bad = image
      bad[offset] = value
      #expect(throws: EngineError.self, "byte \(offset)") { try room.restore(bad) }
    }
    var random = RandomState(seed: 3)
    for _ in 0..<500 {
      var bad = image
      for _ in 0..<4 { bad[Int(random.next() % 64)] = UInt8(truncatingIfNeeded: random.next()) }
      try? room.restore(bad)
    }
    #expect(room.engine.rooms == 1)
  }
}
