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

  /// What this worker has, of each module that bounds its rooms. Nothing while it does not know it: what its predecessor
  /// counted stands.
  package var roomCounts: [RoomCount] {
    guard shards.allSatisfy({ $0?.knowsBuilds ?? true }) else { return [] }
    return boundedModules.sorted().compactMap { name in
      guard let settings = engine.module(named: name), settings.roomsMax > 0 else { return nil }
      return RoomCount(name, rooms: UInt32(clamping: rooms(of: name).known), most: settings.roomsMax)
    }
  }

  /// Throws where another room would be too many, or might be.
  mutating func mayCreate(_ name: String, most: UInt32) throws(CreationRefusal) {
    let count = rooms(of: name)
    let all = CreationRefusal(reason: .tooManyRooms, text: "there are \(most) rooms of '\(name)' here, its limit")
    let later = CreationRefusal(
      reason: .busy, text: "how many more rooms of '\(name)' there may be is being counted: try again in a moment")
    guard count.known < Int(most) else { throw all }
    guard count.known + count.possible < Int(most) else { throw later }
    guard let roomShares else { return }
    boundedModules.insert(name)
    let share = roomShares[name]
    guard count.known + count.possible < Int(share?.most ?? 0) else { throw share?.isAll == true ? all : later }
  }

  /// That are not over. `possible`: those of which nothing has said yet whose they are.
  private func rooms(of module: String) -> (known: Int, possible: Int) {
    var count = (known: 0, possible: 0)
    for shard in shards {
      guard let shard else { continue }
      for room in shard.rooms.values where room.host.map({ $0.ended == nil }) ?? !room.isOver {
        if let settings = room.settings {
          count.known += settings.name == module ? 1 : 0
        } else if !shard.knowsBuilds {
          count.possible += 1
        }
      }
    }
    return count
  }

  /// Looks up whose the rooms are that sleep since the adoption, once the others are awake: one build a turn, for its bytes
  /// may have to be loaded.
  mutating func learnBuilds(_ s: Int) {
    guard shards[s]!.waking.isEmpty else { return }
    let unknown = shards[s]!.rooms.values.filter { $0.settings == nil && $0.build != nil }
    let builds = Set(unknown.compactMap(\.build)).subtracting(shards[s]!.missingBuilds)
    guard let build = builds.min(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }) else {
      shards[s]!.knowsBuilds = true
      return
    }
    guard let settings = engine.module(build) else {
      shards[s]!.missingBuilds.insert(build)
      return
    }
    let counts = counts(of: settings)
    versions[build] = counts
    for room in unknown where room.build == build { (room.settings, room.counts) = (settings, counts) }
  }
}
