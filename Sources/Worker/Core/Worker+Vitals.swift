// What a worker has to do, for whoever watches.

extension Worker {
  /// In memory.
  package var roomCount: Int { awakeRooms.count }
  /// Of all rooms in memory. Looks at every one of them: not for every turn.
  package var memberCount: Int { awakeRooms.reduce(0) { $0 + ($1.host?.memberCount ?? 0) } }
}
