// I-4 as apps see it: every member's list of operations is what every other member of that timeline was told.
import Core

final class RoomViews {
  private struct Key: Hashable {
    var room: RoomID
    var timeline: Timeline
  }
  unowned var world: World!
  /// What was ever told at an index.
  private var told: [Key: [Int: UInt64]] = [:]

  private func note(_ index: Int, _ operation: UInt64, _ key: Key) {
    if let known = told[key]?[index], known != operation {
      world.fail(
        "I-4", "room \(key.room), timeline \(key.timeline): place \(index) was told as \(known) and as \(operation)")
    }
    told[key, default: [:]][index] = operation
  }

  func state(_ payload: [UInt8], in room: RoomID, _ timeline: Timeline, _ view: inout [UInt64]?) {
    let state: ScriptedRoom? = payload.withUnsafeBytes { try? ScriptedRoom($0) }
    guard let state else { return world.fail("I-4", "room \(room): a full state does not decode") }
    let old = view ?? []
    view = state.operations
    let key = Key(room: room, timeline: timeline)
    // What the view holds already is told; the rest is compared.
    for (i, operation) in state.operations.enumerated() where i >= old.count || old[i] != operation || told[key] == nil
    {
      note(i, operation, key)
    }
  }

  func output(_ payload: [UInt8], in room: RoomID, _ timeline: Timeline, _ view: inout [UInt64]?, _ client: Int) {
    guard payload.first == ScriptedOutput.appended.rawValue else { return }
    payload.withUnsafeBytes { bytes in
      var r = ByteReader(bytes, at: 1)
      guard let index: UInt32 = try? r.take(), let operation: UInt64 = try? r.take() else { return }
      let count = view?.count ?? 0
      guard Int(index) == count else {
        return world.fail("I-4", "client \(client), room \(room): place \(index) is told after \(count)")
      }
      view?.append(operation)
      if view == nil { view = [operation] }
      note(Int(index), operation, Key(room: room, timeline: timeline))
    }
  }

  /// The room's own list, at the end.
  func compare(_ room: RoomID, _ timeline: Timeline, _ operations: [UInt64]) {
    for (index, operation) in told[Key(room: room, timeline: timeline)] ?? [:] {
      guard index < operations.count, operations[index] == operation else {
        return world.fail(
          "I-4",
          "room \(room), timeline \(timeline): place \(index) was told as \(operation) and is "
            + (index < operations.count ? "\(operations[index])" : "nothing"))
      }
    }
  }
}
