import OneUpRoom
import Testing

@Suite("tally") struct TallyTests {
  func add(_ operation: UInt64) -> Writer {
    var message = Writer()
    message.u8(1)
    message.u64(operation)
    return message
  }

  @Test("Adds are told to all, in order, doubles too") func adds() throws {
    let room = try RoomTest<Tally>()
    let ann = try room.join("ann")
    let bob = try room.join("bob")
    try room.send(add(7), from: ann)
    try room.send(add(7), from: bob)
    let outputs = room.outputs()
    #expect(
      outputs.map(\.bytes) == [
        [1, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
      ])
    #expect(outputs.allSatisfy { $0.reliable })
    #expect(room.check() == nil)
  }

  @Test("A query answers with what is there") func queries() throws {
    let room = try RoomTest<Tally>()
    let ann = try room.join("ann")
    for operation in 0..<5000 as Range<UInt64> { try room.send(add(operation * 3), from: ann) }
    var query = Writer()
    query.u8(2)
    query.u32(2040)
    query.u32(1024)
    var expected = Writer()
    expected.u8(2)
    for word in [5000, 2040, 1024] as [UInt32] { expected.u32(word) }
    for operation in 2040..<3064 as Range<UInt64> { expected.u64(operation * 3) }
    #expect(try room.send(query, from: ann).bytes == expected.bytes)
    #expect(
      try room.send([2, 0xFF, 0xFF, 0xFF, 0xFF, 4, 0, 0, 0], from: ann).bytes == [
        2, 0x88, 0x13, 0, 0, 0x88, 0x13, 0, 0, 0, 0, 0, 0,
      ])
  }

  @Test(
    "What is not a message is refused, and changes nothing",
    arguments: [[], [0], [1], [1, 2], [2, 0, 0, 0, 0, 1, 4, 0, 0], [4], [5, 1, 2], [6]] as [[UInt8]])
  func refusals(bytes: [UInt8]) throws {
    let room = try RoomTest<Tally>()
    let ann = try room.join("ann")
    let before = room.describe()
    #expect(throws: Refused.self) { try room.send(bytes, from: ann) }
    #expect(room.describe() == before)
    #expect(room.outputs().isEmpty)
  }

  @Test("An echo is not kept") func echoes() throws {
    let room = try RoomTest<Tally>()
    let ann = try room.join("ann")
    let before = room.describe()
    try room.send([3, 9, 8], from: ann, stamp: 5)
    let outputs = room.outputs()
    #expect(outputs.map(\.bytes) == [[3, 9, 8]])
    #expect(!outputs[0].reliable)
    #expect(room.describe() == before)
  }

  @Test("What is passed on is in the other list, and told of") func passes() throws {
    let one = try RoomTest<Tally>()
    let other = try RoomTest<Tally>()
    let ann = try one.join("ann")
    var pass = Writer()
    pass.u8(5)
    pass.u64(77)
    pass.raw(Array("other".utf8))
    #expect(try one.send(pass, from: ann).bytes == [5, 1, 0, 0, 0])
    #expect(try one.send([4] + Array("new".utf8), from: ann).bytes == [4, 2, 0, 0, 0])
    #expect(one.asked.map(\.room) == ["tally/other", "tally/new"] && one.asked.map(\.opens) == [false, true])
    let reply = try other.signal(one.asked[0].bytes)
    #expect(reply.bytes == [0, 0, 0, 0])
    #expect(other.outputs().map(\.bytes) == [[1, 0, 0, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]])
    one.answer(RequestID(1), reply.bytes)
    one.answer(RequestID(2), refused: "no")
    #expect(
      one.outputs().map(\.bytes) == [[4, 1, 0, 0, 0, 0, 0, 0, 0, 0], [4, 2, 0, 0, 0, 1, 2, 0, 0, 0, 110, 111]])
    for i in 3...18 as ClosedRange<UInt8> { #expect(try one.send([4, 65], from: ann).bytes == [4, i, 0, 0, 0]) }
    #expect(throws: Refused.self) { try one.send([4, 65], from: ann) }
    #expect(one.asked.count == 16)
  }

  @Test("A copy that was restored goes on as the room does") func twins() throws {
    try twinTest(Tally.self, seeds: 1...20) { twins in
      switch twins.chance(below: 11) {
      case 0: twins.join()
      case 1: twins.leave()
      case 2: twins.send([2, UInt8(twins.chance(below: 256)), 0, 0, 0, 9, 0, 0, 0])
      case 3: twins.stream([3, 1, 2])
      case 4: twins.send([UInt8(twins.chance(below: 6))])
      case 5: twins.send([UInt8(4 + twins.chance(below: 2)), 9, 9, 9, 9, 9, 9, 9, 9, 65])
      case 6: twins.answer([1, 2, 3, 4])
      case 7: twins.answer(refused: "no")
      default: twins.send(add(twins.chance(below: 1 << 30)).bytes)
      }
    }
  }
}
