// How many rooms of a module there may be, where the module says it: on the whole server, of which this is one worker.
import Core
package import Wire

extension Worker {
  /// What this worker may have. From here on it is not alone.
  package mutating func take(_ shares: [RoomShare]) {
    roomShares = Dictionary(shares.map { ($0.module, $0) }, uniquingKeysWith: { $1 })
    boundedModules.formUnion(shares.map(\.module))
  }

  /// Rooms of the module may be made from here on: whether it bounds them is looked at when they are counted.
  package mutating func count(_ module: String) { boundedModules.insert(module) }

  /// What this worker has, of each module that bounds its rooms.
  package var roomCounts: [RoomCount] {
    boundedModules.sorted().compactMap { name in
      guard let settings = engine.module(named: name), settings.roomsMax > 0 else { return nil }
      return RoomCount(name, rooms: UInt32(clamping: rooms(of: name)), most: settings.roomsMax)
    }
  }

  /// Throws where another room would be too many, or might be.
  mutating func mayCreate(_ name: String, most: UInt32) throws(CreationRefusal) {
    let count = rooms(of: name)
    let all = CreationRefusal(reason: .tooManyRooms, text: "there are \(most) rooms of '\(name)' here, its limit")
    guard count < Int(most) else { throw all }
    guard let roomShares else { return }
    boundedModules.insert(name)
    let share = roomShares[name]
    guard count < Int(share?.most ?? 0) else {
      if share?.isAll == true { throw all }
      throw CreationRefusal(
        reason: .busy, text: "how many more rooms of '\(name)' there may be is being counted: try again in a moment")
    }
  }

  /// That have been in this worker's memory and are not over.
  private func rooms(of module: String) -> Int {
    shards.reduce(0) { count, shard in
      count + (shard?.rooms.values.count { $0.settings?.name == module && $0.host?.ended == nil } ?? 0)
    }
  }
}
