// What rooms asked of rooms, at the end, when nothing is on its way: each request was run exactly once by the other room,
// and answered exactly once in a room that lives (protocol §10).
import Core
import WorkerCore

struct RequestWatch {
  private struct Seen {
    var host: RoomHost
    var room: ScriptedRoom
  }
  unowned let world: World
  private var rooms: [RoomID: Seen] = [:]

  init(_ world: World) { self.world = world }

  mutating func see(_ id: RoomID, _ host: RoomHost, _ room: ScriptedRoom) {
    rooms[id] = Seen(host: host, room: room)
  }

  /// Nil, or what is wrong.
  func broken() -> String? {
    for (id, seen) in rooms.sorted(by: { $0.key < $1.key }) {
      if let text = signals(seen.room) ?? answers(seen) { return "room \(id): \(text)" }
    }
    return nil
  }

  /// Where nothing was lost, none ran twice, and nobody but a player's input asked for it.
  private func signals(_ room: ScriptedRoom) -> String? {
    var seen: Set<UInt64> = []
    for operation in room.signals where operation > World.operationsOfPlayersMin {
      guard world.ledger.asked(operation) else { return "was signalled \(hex16(operation)), which nobody asked for" }
      guard seen.insert(operation).inserted || !world.lossIsForbidden else {
        return "was signalled \(hex16(operation)) twice"
      }
    }
    return nil
  }

  private func answers(_ seen: Seen) -> String? {
    guard seen.host.frozen == nil, seen.host.ended == nil else { return nil }
    if let open = seen.host.requests.first(where: { !world.isStopped($0) }) {
      return "request \(open.id) to \(String(decoding: open.target, as: UTF8.self)) has no answer"
    }
    var answered: Set<UInt64> = []
    for answer in seen.room.answers {
      guard answered.insert(answer.operation).inserted else { return "was answered \(hex16(answer.operation)) twice" }
      guard world.lossIsForbidden, world.ledger.isCertain(answer.operation) else { continue }
      let ask = ScriptedAsk(byte: answer.ask)
      guard ask.room < 7 else {
        if answer.outcome != .refused { return "what names no room is \(answer.outcome)" }
        continue
      }
      guard let other = rooms[world.place(ask.room).id]?.room, !ask.opens else { continue }
      let isThere = other.signals.contains(answer.operation)
      if isThere != (answer.outcome == .done) {
        return
          "\(hex16(answer.operation)) was answered \(answer.outcome), and the other room \(isThere ? "has" : "lacks") it"
      }
    }
    return nil
  }
}
