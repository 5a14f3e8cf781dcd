// How much of a room's bounds is used: for the simulator's checkers.
package import Core

package struct RoomLoad: Sendable {
  package var ring: Int
  package var ringBytes: Int
  package var members: Int
  package var tombstones: Int
  package var timers: Int
  /// Open ones, of the version that has more.
  package var requests: Int
  package var blames: Int
  package var staged: Int
  package var stagedTimers: Int
  package var joining: Int
  /// Connections that wait for the room.
  package var waiting: Int
  /// Why inputs are not taken just now.
  package var busy: LinkBusy?
}

extension Worker {
  /// Nil where the room is not in memory.
  package func load(_ id: RoomID) -> RoomLoad? {
    guard let room = room(id), let host = room.host else { return nil }
    return RoomLoad(
      ring: host.ring.count, ringBytes: host.ring.byteCount, members: host.memberCount,
      tombstones: host.tombstones.count, timers: host.timers.count,
      requests: max(host.requests.count, host.twin?.requests.count ?? 0, room.issues.count), blames: host.blames.count,
      staged: room.stagedCount, stagedTimers: room.stagedTimers.count, joining: room.joining.count,
      waiting: room.waiting.count, busy: room.busy)
  }
}
