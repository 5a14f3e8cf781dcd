// Which room of the drill is in which shard, and which shards share a worker.

struct Places: Sendable {
  /// By room of the drill.
  let shards: [Int]

  init(_ control: ControlClient, rooms: Int) async throws {
    var byKey: [String: Int] = [:]
    for room in try await control.rooms() where room.module == "tally" { byKey[room.key] = room.shard }
    shards = try (0..<rooms).map { room in
      guard let shard = byKey["drill-\(room)"] else {
        throw DrillError("control at \(control.address) does not list the room drill-\(room) that has been joined")
      }
      return shard
    }
  }

  func rooms(in hit: Set<Int>) -> [Bool] { shards.map(hit.contains) }

  /// The rooms on the same worker as a room of `faulty`.
  func neighbours(of key: String, _ control: ControlClient) async throws -> [Bool] {
    guard let room = try await control.rooms().first(where: { $0.module == "faulty" && $0.key == key }) else {
      throw DrillError("control at \(control.address) does not list the room \(key) that has been joined")
    }
    let worker = try await control.workers().first { $0.contains(room.shard) }
    return rooms(in: worker ?? [room.shard])
  }
}
