// Places of the disks that cannot be read, for a while or for good.
import Core
import SimulatedFiles
import WorkerCore

extension World {
  /// The middle of a record cannot be read, wherever the log has it, until `mend`.
  func ruin(_ record: [UInt8], of s: Int) {
    trace.note(time, "cannot be read", UInt64(s), UInt64(record.count))
    tell("a record of shard \(s) can be read no more")
    ruinedDisks.insert(s)
    for path in disks[s].paths where path.hasSuffix(".segment") {
      guard let bytes = disks[s].bytes(of: path) else { continue }
      for at in bytes.places(of: record) {
        let middle = at + record.count / 2
        disks[s].ruin(path, middle..<middle + 1)
      }
    }
  }
  func ruinSnapshot(of room: Int) {
    let id = place(room).id
    let s = Int(map.shard(of: id).rawValue)
    guard let snapshot = log.lastSnapshot(s, id) else { return fail("scenario", "no snapshot to ruin") }
    ruin(snapshot, of: s)
  }
  func ruin(operation: UInt64, of s: Int) {
    var pattern: [UInt8] = []
    pattern.put(operation)
    guard let record = log.batch(s, holding: pattern) else { return fail("scenario", "no operation to ruin") }
    ruin(record, of: s)
  }
  /// A bit of it flips, wherever the log has it.
  func damageSnapshot(of room: Int) {
    let id = place(room).id
    let s = Int(map.shard(of: id).rawValue)
    guard let snapshot = log.lastSnapshot(s, id) else { return fail("scenario", "no snapshot to damage") }
    tell("a bit of the snapshot flips")
    log.expectDamage(s)
    faultedDisks.insert(s)
    for path in disks[s].paths where path.hasSuffix(".segment") {
      for at in (disks[s].bytes(of: path) ?? []).places(of: snapshot) {
        disks[s].flip(path, at: at + snapshot.count / 2)
      }
    }
  }
  func mend(_ s: Int) {
    guard ruinedDisks.remove(s) != nil else { return }
    trace.note(time, "can be read", UInt64(s))
    tell("all of shard \(s) can be read again")
    disks[s].mend()
  }

  /// Shards of which nobody could read all are read by another owner, now that it can.
  /// False: there are none.
  func readAgain() -> Bool {
    let shards = (0..<options.shards).filter { s in
      stoppedRooms.contains { Int(map.shard(of: $0).rawValue) == s } || mayHaveOthers(s)
    }
    guard options.readErrors, !shards.isEmpty else { return false }
    tell("what was not readable is read again")
    for s in shards { killOwner(of: s) }
    return true
  }
  /// Its owner stopped it, or could not read all of the log and does not know whether there is such a room. Its members
  /// ask for it again and again.
  func isOutOfReach(_ room: RoomID) -> Bool {
    let s = Int(map.shard(of: room).rawValue)
    guard let worker = supervisor.owner(of: s)?.worker else { return false }
    guard let room = worker.room(room) else { return mayHaveOthers(s) }
    return room.phase == .stopped
  }
  func mayHaveOthers(_ s: Int) -> Bool { supervisor.owner(of: s)?.worker.mayHaveOthers(ShardID(UInt16(s))) == true }
  var stoppedRooms: [RoomID] {
    (0..<options.shards).flatMap { s in
      guard let worker = supervisor.owner(of: s)?.worker else { return [RoomID]() }
      return worker.roomIDs.filter { Int(map.shard(of: $0).rawValue) == s && worker.room($0)?.phase == .stopped }
    }
  }
}

extension [UInt8] {
  /// Where the other bytes begin in these.
  fileprivate func places(of other: [UInt8]) -> [Int] {
    guard let first = other.first, count >= other.count else { return [] }
    return withUnsafeBufferPointer { all in
      (0...all.count - other.count).filter { at in all[at] == first && all[at..<at + other.count].elementsEqual(other) }
    }
  }
}
