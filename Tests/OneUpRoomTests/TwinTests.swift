import OneUpRoom
import Testing

/// Forgets a property when it is saved.
struct Forgetful: Room {
  static let settings = Settings(hz: 10)
  struct Runner: Fields {
    var place: Float = 0
    var speed: Float = 0
    mutating func fields<C: Coder>(_ c: inout C) { c(1, "place", &place) }
  }
  var runners = Table<Runner>()
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "runners", &runners) }
  mutating func join(_ member: Member, _ room: Context) throws(Refused) { runners.insert(Runner(), at: member.slot) }
  mutating func leave(_ member: Member, _ room: Context) { runners.remove(member.slot) }
  mutating func message(_ message: Incoming, from member: Member, _ room: Context) throws(Refused) {
    runners[member.slot].speed += 1
  }
  mutating func tick(_ room: Context) { for at in runners.indices { runners[at: at].place += runners[at: at].speed } }
}

@Suite("The twin test") struct TwinTests {
  @Test("A room with all its fields passes") func passes() throws {
    try twinTest(Board.self, seeds: 1...30) { twins in
      switch twins.chance(below: 8) {
      case 0: twins.join()
      case 1: twins.leave()
      case 2: twins.suspend()
      case 3: twins.return()
      case 4: twins.send(Nudge(piece: twins.pick(twins.room.pieces.keys) ?? 9, by: Vec2(1, 2)))
      case 5: twins.stream(Nudge(piece: UInt32(twins.chance(below: 20)), by: Vec2(twins.chance(in: -1...1), 0)))
      case 6: twins.advance(milliseconds: twins.chance(below: 200))
      default: twins.advance(ticks: 2)
      }
    }
    try twinTest(Turns.self, seeds: 1...10) { twins in
      switch twins.chance(below: 3) {
      case 0: twins.join()
      case 1: twins.leave()
      default: twins.send([UInt8(twins.chance(below: 6))])
      }
    }
  }

  @Test("A forgotten property is found, and named") func forgotten() throws {
    do {
      try twinTest(Forgetful.self, seeds: 1...5) { twins in
        switch twins.chance(below: 4) {
        case 0: twins.join()
        case 1: twins.send([1])
        default: twins.advance(ticks: 1)
        }
      }
      Issue.record("it was not found")
    } catch let difference as TwinDifference {
      #expect(difference.description.contains("seed 1, move "))
      #expect(difference.description.contains("runners.0.speed"), "\(difference)")
    }
  }

  @Test("A refusal after a change is the room's mistake") func lateRefusal() async {
    struct Hasty: Room {
      static let settings = Settings()
      var count: Int32 = 0
      mutating func fields<C: Coder>(_ c: inout C) { c(1, "count", &count) }
      mutating func message(_ message: Incoming, from member: Member, _ room: Context) throws(Refused) {
        count += 1
        throw Refused("too late")
      }
    }
    await #expect(processExitsWith: .failure) {
      let room = try RoomTest<Hasty>()
      try room.send([1], from: try room.join("ann"))
    }
  }
}
