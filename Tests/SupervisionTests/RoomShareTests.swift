// Rooms of which there may be so many on the whole server: what each worker may have of them.
import Core
import SupervisionCore
import Testing
import Wire

struct RoomShareTests {
  /// Two workers that make rooms as fast as they may and say how many they have now and then.
  @Test(arguments: 1...40) func togetherWorkersKeepToTheLimit(_ seed: Int) {
    var s = SupervisorScript.started()
    var chance = RandomState(seed: UInt64(seed))
    let most = UInt32(1 + chance.next() % 40)
    var rooms: [UInt32: UInt32] = [1: 0, 2: 0]
    var mostSeen: UInt32 = 0
    for _ in 0..<2_000 {
      let worker = UInt32(1 + chance.next() % 2)
      if chance.next() % 4 == 0 {
        s.handle(.message(Instance(worker), .rooms([RoomCount("a", rooms: rooms[worker]!, most: most)])))
      } else if let share = s.shares[Instance(worker)]?.first, rooms[worker]! < share.most {
        rooms[worker]! += 1
      }
      mostSeen = max(mostSeen, rooms.values.reduce(0, +))
    }
    #expect(mostSeen >= most && mostSeen <= most + 1)
    #expect(s.shares[Instance(1)]?.first?.isAll == true)
  }

  @Test func aDeadWorkersRoomsCountUntilItsSuccessorHasCounted() {
    var s = SupervisorScript.started()
    for worker: UInt32 in [1, 2] { s.handle(.message(Instance(worker), .rooms([RoomCount("a", rooms: 4, most: 8)]))) }
    #expect(s.shares[Instance(2)] == [RoomShare("a", most: 4, isAll: true)])
    s.die(1)
    #expect(s.shares[Instance(3)] == [RoomShare("a", most: 4, isAll: true)])
    // While it takes the shards over it has not found all of them.
    s.handle(.message(Instance(3), .rooms([RoomCount("a", rooms: 1, most: 8)])))
    #expect(s.shares[Instance(2)] == [RoomShare("a", most: 4, isAll: true)])
    s.serve(3)
    s.handle(.message(Instance(3), .rooms([RoomCount("a", rooms: 3, most: 8)])))
    #expect(s.shares[Instance(2)] == [RoomShare("a", most: 5, isAll: false)])
    #expect(s.shares[Instance(3)] == [RoomShare("a", most: 4, isAll: false)])
  }

  @Test func untilAllHaveCountedNobodyMakesAny() {
    var s = SupervisorScript.started()
    s.handle(.message(Instance(1), .rooms([RoomCount("a", rooms: 0, most: 8)])))
    #expect(s.shares[Instance(1)] == [RoomShare("a", most: 0, isAll: false)])
    // The other one hears of the module, and counts.
    #expect(s.shares[Instance(2)] == [RoomShare("a", most: 0, isAll: false)])
    s.handle(.message(Instance(2), .rooms([RoomCount("a", rooms: 0, most: 8)])))
    #expect(s.shares[Instance(1)] == [RoomShare("a", most: 2, isAll: false)])
  }
}
