// A module's rooms as they were seen last, and the orders that are on their way to them. Never written down: after a
// restart it is seen anew.
internal import Core

struct RoomView: Sendable {
  struct Given: Sendable {
    var order: RoomOrder
    /// Monotonic microseconds.
    var at: Int64
  }
  /// Why an order is given again, and from when on.
  struct Later: Sendable {
    /// Monotonic microseconds.
    var at: Int64
    var why: String
    /// The worker has no place for another version.
    var isForSpace = false
  }
  var rooms: [RoomID: RoomSight] = [:]
  /// What was seen is all there is.
  var isWhole = false
  /// Rooms that sleep, of whatever module.
  var unknown = 0
  /// Whole sights since the gate or state changed.
  var sights = 0
  var orders: [RoomID: Given] = [:]
  var later: [RoomID: Later] = [:]
  var tries: [RoomID: Int] = [:]
  /// Since when rooms are seen with the new build.
  var newSince: [RoomID: Int64] = [:]
  /// Since when no room is awake that could show anything, in monotonic microseconds.
  var nobodySince: Int64?
  var errors = ErrorWindow()

  mutating func see(_ seen: [RoomSight], isWhole: Bool, unknown: Int) {
    (self.isWhole, self.unknown) = (isWhole, unknown)
    if isWhole {
      sights += 1
      let ids = Set(seen.map(\.id))
      rooms = rooms.filter { ids.contains($0.key) }
      orders = orders.filter { ids.contains($0.key) }
    }
    for room in seen {
      rooms[room.id] = room
      // It fell asleep before it was told, or after.
      if !room.isAwake { orders[room.id] = nil }
    }
  }

  /// nil: none sleeps. For people, to go on a sentence with.
  var sleepers: String? {
    let known = rooms.values.count { !$0.isAwake }
    var parts: [String] = []
    if known > 0 {
      parts.append("\(count(known, "room")) sleep\(known == 1 ? "s" : "") and follow\(known == 1 ? "s" : "")")
    }
    if unknown > 0 {
      parts.append(
        "\(count(unknown, "sleeping room")) may be of this module, which shows when they wake, and they follow then")
    }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }

  /// Orders whose answers do not come are given anew.
  mutating func forgetUnanswered(before time: Int64) {
    orders = orders.filter { $0.value.at >= time }
  }

  mutating func beginAnew() {
    sights = 0
    orders = [:]
    later = [:]
    tries = [:]
  }

  func isFree(_ room: RoomID, at time: Int64) -> Bool {
    orders[room] == nil && (later[room].map { $0.at <= time } ?? true)
  }
}
