// What a simulated player's app knows of one membership.
import Core

extension SimulatedClient {
  final class Membership {
    let id: JoinID
    let room: RoomID
    /// Operations not acknowledged, in order; 0 is the leave. The first has the number `base + 1`.
    var pending: [UInt64] = []
    var base: UInt64 = 0
    /// Acknowledged ones by number, for when a cut is told.
    private(set) var acknowledged: [(number: UInt64, operation: UInt64)] = []
    var isLeaving = false
    /// Its place in the room, once it is attached.
    var slot: Slot?
    init(id: JoinID, room: RoomID) {
      self.id = id
      self.room = room
    }

    /// The number of the newest.
    var last: UInt64 { base + UInt64(pending.count) }
    /// What has that number and is not acknowledged.
    func operation(_ number: UInt64) -> UInt64? {
      number > base && number <= last ? pending[Int(number - base) - 1] : nil
    }
    /// The oldest one is; at least one must be pending.
    func acknowledge() -> UInt64 {
      let operation = pending.removeFirst()
      base += 1
      acknowledged.append((base, operation))
      return operation
    }
    /// Goes on with that number; returns what is lost of the acknowledged.
    func renumber(to next: UInt64, firstLost: UInt64?) -> [UInt64] {
      base = next - 1
      guard let firstLost else { return [] }
      let lost = acknowledged.filter { $0.number >= firstLost }.map(\.operation)
      acknowledged.removeAll { $0.number >= firstLost }
      return lost
    }
  }
}
