// Looking into the living rooms.
import Core
import Journal
import WorkerCore
import WorkerStore

extension World {
  private func living(_ room: Int) -> (WorkerProcess, Room)? {
    let id = place(room).id
    guard let process = supervisor.owner(of: Int(map.shard(of: id).rawValue)), let found = process.worker.room(id),
      found.phase == .ready, found.host != nil
    else { return nil }
    return (process, found)
  }
  /// What the room holds; nil while it is not ready.
  package func operations(_ room: Int) -> [UInt64]? {
    guard let (process, found) = living(room) else { return nil }
    return process.worker.encodeSnapshot(found).withUnsafeBytes { bytes in
      (try? RoomSnapshot(bytes)).flatMap { try? ScriptedRoom($0.image) }?.operations
    }
  }
  /// As members see it; 0 while it is not ready.
  package func roomTimeline(_ room: Int) -> UInt64 {
    guard let (process, found) = living(room), let host = found.host else { return 0 }
    let shard = Int(map.shard(of: found.id).rawValue)
    return Timeline(cut: process.stores[shard]?.store.adoption.cutCounter ?? 0, own: host.ownTimeline).rawValue
  }
  /// How the shard's owner came by it.
  func adoption(of s: Int) -> Adoption? { supervisor.owner(of: s)?.stores[s]?.store.adoption }
  package func members(_ room: Int) -> Int { living(room)?.1.host?.memberCount ?? 0 }
  /// When the sleeping room's first timer is due, in the run's time.
  func firstTimer(_ room: Int) -> Int64 {
    let id = place(room).id
    let owner = supervisor.owner(of: Int(map.shard(of: id).rawValue))
    guard let due = owner?.worker.room(id)?.timerDue else {
      fail("scenario", "room \(room) has no timer that it sleeps until")
      return time
    }
    return due - now.wall + time
  }
  package func isAsleep(_ room: Int) -> Bool {
    let id = place(room).id
    return supervisor.owner(of: Int(map.shard(of: id).rawValue))?.worker.room(id)?.phase == .asleep
  }
}

extension Stage {
  private func ofLivingWorkers(_ count: (WorkerCounters) -> UInt64) -> UInt64 {
    world.supervisor.processes.filter(\.isAlive).reduce(0) { $0 + count($1.worker.counters) }
  }
  var samples: UInt64 { ofLivingWorkers(\.samples) }
  var differences: UInt64 { ofLivingWorkers(\.differences) }
}
