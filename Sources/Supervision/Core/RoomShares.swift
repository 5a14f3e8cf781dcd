// Modules that say how many rooms of them there are at most: what each worker may have, so that all together keep to it.
import Wire

/// Each worker may have what it has and a part of what is left: half of that is given out at a time, and one to each
/// worker where that is less. A worker reads what it may have before it makes rooms, and what it has made is counted
/// before it may make more. So there are too many by one for each worker but the first, at the most.
struct RoomShares: Sendable {
  private struct Module {
    var most: UInt32
    /// By place; nil: nobody has said it yet. What a dead worker had stands until its successor has counted.
    var rooms: [UInt32?]
  }
  private let places: Int
  private var modules: [String: Module] = [:]

  init(places: Int) { self.places = places }

  /// True: what workers may have is not what it was.
  mutating func note(_ counts: [RoomCount], of place: Int) -> Bool {
    var isNew = false
    for count in counts {
      var module = modules[count.module] ?? Module(most: 0, rooms: Array(repeating: nil, count: places))
      isNew = isNew || module.most != count.most || module.rooms[place] != count.rooms
      module.most = count.most
      module.rooms[place] = count.rooms
      modules[count.module] = module
    }
    return isNew
  }

  func shares(of place: Int) -> [RoomShare] {
    modules.sorted { $0.key < $1.key }.map { name, module in
      let own = module.rooms[place] ?? 0
      // Until all have counted nobody may make any.
      guard !module.rooms.contains(nil) else { return RoomShare(name, most: own, isAll: false) }
      let all = module.rooms.reduce(0) { $0 + UInt64($1 ?? 0) }
      let left = UInt64(module.most) - min(UInt64(module.most), all)
      guard left > 0 else { return RoomShare(name, most: own, isAll: true) }
      let part = max(1, left / UInt64(2 * places))
      return RoomShare(name, most: UInt32(clamping: UInt64(own) + part), isAll: false)
    }
  }
}
