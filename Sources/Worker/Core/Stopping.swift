// Rooms that go no further: their creation failed, or their record cannot be replayed here.
import Core
import Wire

extension Worker {
  /// A room whose creation failed never was.
  mutating func dissolve(_ room: Room) {
    let backlog = room.backlog
    room.backlog = []
    for (_, answer) in room.joining {
      refuse(answer, room.shard, .failed, "creating the room made its code fail")
    }
    for case .answer(let answer) in backlog {
      refuse(answer, room.shard, .failed, "creating the room made its code fail")
    }
    refuseWaiting(room, .failed, "creating the room made its code fail")
    answerCommands(room, .failed("creating the room made its code fail"))
    discardInstances(room)
    room.phase = .stopped
    tailCost -= room.tailCost
    room.host = nil
    awakeRooms.removeAll { $0 === room }
    shards[Int(room.shard.rawValue)]!.rooms[room.id] = nil
  }

  /// The room's record is intact but cannot be served from here.
  mutating func stop(_ room: Room, _ reason: RoomEvent.FreezeReason, _ text: String) {
    layGhost(room)
    discardInstances(room)
    room.phase = .stopped
    room.repair = nil
    room.host?.frozen = reason
    room.stopReason = reason
    // No snapshot of it will make the next takeover quicker.
    tailCost -= room.tailCost
    room.tailCost = 0
    counters.divergences += reason == .diverged ? 1 : 0
    reports.append(.frozen(room: room.id, reason, text: text))
    refuseWaiting(room, .frozen, "the room is frozen: \(text)")
    refuseCommands(room, "the room is frozen: \(text)")
    room.watch.note(room.host?.eventSeq ?? EventSeq(0), "\(reason)", text, now.wall)
    for c in room.claims.indices where room.claims[c].link >= 0 {
      notice(room, to: [room.claims[c].route], room.claims[c].link, "the room is frozen: \(text)")
    }
    // Its joiners and the rest of its events stay in the record for whoever mends it.
    for (_, answer) in room.joining { refuse(answer, room.shard, .frozen, "the room is frozen: \(text)") }
    room.joining = []
    room.backlog = []
  }
}
