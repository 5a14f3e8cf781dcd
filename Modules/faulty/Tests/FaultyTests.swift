import OneUpRoom
import Testing

@Suite("faulty") struct FaultyTests {
  @Test("A good message goes back to its sender alone") func good() throws {
    let room = try RoomTest<Faulty>()
    _ = try room.join("ann")
    let bob = try room.join("bob")
    try room.send([9, 1, 2], from: bob)
    let outputs = room.outputs()
    #expect(outputs.map(\.bytes) == [[9, 1, 2]])
    guard case .only(bob) = outputs[0].target, outputs[0].reliable else {
      Issue.record("not to the sender: \(outputs)")
      return
    }
    #expect(room.describe() == [1, 0, 0, 0])
    room.advance(ticks: 30)
    #expect(throws: Refused.self) { try room.send([0x7F], from: bob) }
    #expect(throws: Refused.self) { try room.send([7, 1], from: bob) }
  }

  @Test("It does break", arguments: [1, 2, 3] as [UInt8]) func breaks(command: UInt8) async {
    await #expect(processExitsWith: .failure) { [command] in
      let room = try RoomTest<Faulty>()
      try room.send([command], from: try room.join("ann"))
    }
  }

  @Test("It breaks in the next tick, and in a timer") func breaksLater() async {
    await #expect(processExitsWith: .failure) {
      let room = try RoomTest<Faulty>()
      try room.send([0x0A], from: try room.join("ann"))
      room.advance(ticks: 1)
    }
    await #expect(processExitsWith: .failure) {
      let room = try RoomTest<Faulty>()
      try room.send([0x0B], from: try room.join("ann"))
      room.advance(milliseconds: 100)
    }
  }

  @Test("It breaks in calls that are no events", arguments: [0x0C, 0x0D, 0x0E] as [UInt8])
  func breaksOutsideOfEvents(command: UInt8) async {
    await #expect(processExitsWith: .failure) { [command] in
      let room = try RoomTest<Faulty>()
      try room.send([command], from: try room.join("ann"))
      switch command {
      case 0x0C: _ = room.describe()
      case 0x0D: _ = room.check()
      default: _ = room.saved()
      }
    }
  }

  @Test("A copy that was restored goes on as the room does") func twins() throws {
    try twinTest(Faulty.self, seeds: 1...20) { twins in
      switch twins.chance(below: 6) {
      case 0: twins.join()
      case 1: twins.leave()
      case 2: twins.send([0x7F])
      case 3: twins.advance(ticks: 2)
      default: twins.send([9, UInt8(twins.chance(below: 256))])
      }
    }
  }
}
