// What a worker has to do, for whoever watches.

extension Worker {
  /// Rooms in memory, and their members. Looks at every room: not for every turn.
  package var population: (rooms: Int, members: Int) {
    (awakeRooms.count, awakeRooms.reduce(0) { $0 + ($1.host?.memberCount ?? 0) })
  }
}
