// What becomes of a worker, and of a room, when a part of the log cannot be read (protocol §6.5, §6.6).
//
//   the bytes are not what was written ──▶ damage: that room stops, the rest serves
//   the disk gives an error ─┬─ the last owner ended on one, and this one never had that record ──▶ the same
//                            └─ else ──▶ this worker ends, the next one reads again
package import Core
import Wire

extension Worker {
  /// What somebody is told who asks for a room that is not known.
  static let othersText = "a part of the log cannot be read just now, and the room may be in it: try again later"

  /// Whether a part of the shard's log could not be read when it was taken over: rooms may be in it that are not known.
  package func mayHaveOthers(_ shard: ShardID) -> Bool { shards[Int(shard.rawValue)]?.mayHaveOthers == true }

  /// The bytes of the room's snapshot. Throws without a reason where the disk has given an error that may pass: this worker
  /// ends before it writes again, and the room is what it was.
  mutating func readSnapshot(_ room: Room, at position: LogPosition) throws(WakeError) -> [UInt8] {
    let shard = shards[Int(room.shard.rawValue)]!
    do throws(StoreError) {
      let bytes = try shard.store.read(at: position)
      room.knowsSnapshot = true
      return bytes
    } catch {
      let text = "its snapshot cannot be read: \(error)"
      if let file = error.file, room.knowsSnapshot || !shard.followsReadError {
        shard.store.giveUp(file)
        if readFailure == nil { readFailure = StoreError("room \(room.id): \(text)") }
        throw WakeError(nil, text)
      }
      if error.file != nil { shard.store.tellNextOwner() }
      // It stays where it is, and so does the log from there on.
      room.isDamaged = true
      throw WakeError(.diverged, text)
    }
  }

  /// This worker ends because a store has failed. What it was told of the others the next owners must know, too: each that
  /// had to find out anew would end one more, and with two such shards the last one's knowledge would always be lost.
  package func tellNextOwners() {
    for shard in shards where shard?.followsReadError == true { shard!.store.tellNextOwner() }
  }

  /// For something that is thrown away the snapshot could not be read. The room is whole in memory: a new one takes its
  /// place before anybody needs the old one.
  mutating func renewSnapshot(_ room: Room) {
    guard !room.needsSnapshot else { return }
    room.needsSnapshot = true
    snapshotsAreNeeded = true
    reports.append(.failed(room: room.id, text: "its snapshot cannot be read; another one is written in its place"))
  }
}
