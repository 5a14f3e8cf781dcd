// Rooms that begin and end, signals to them, and what is looked at in them.
import Core
import WorkerCore

extension Stage {
  private func found(_ room: Int) -> Room? {
    let id = world.place(room).id
    return world.supervisor.owner(of: Int(world.map.shard(of: id).rawValue))?.worker.room(id)
  }
  /// Numbered outputs that no gateway has confirmed.
  func unconfirmed(_ room: Int = 0) -> Int { found(room)?.unconfirmed ?? 0 }
  func ticks(_ room: Int = 0) -> UInt64 { found(room)?.host?.tick ?? 0 }
}
