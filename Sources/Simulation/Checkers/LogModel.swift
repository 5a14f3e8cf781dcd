// What was durable, remembered outside of the journal: nothing of it may be missing when the next owner reads it (I-1,
// I-3), owners' epochs rise (I-8), and a twin that never crashed comes to the same outputs and states (I-2, I-5).
import Core
import Journal
import SimulatedFiles
import Wire
import WorkerCore
import WorkerStore

final class LogModel {
  struct Entry {
    var position: LogPosition
    var kind: UInt8
    var bytes: [UInt8]
    var isSynced: Bool
  }
  private struct Log {
    var entries: [Entry] = []
    /// Given to the journal; a death may leave any of it in the log.
    var pending: [Entry] = []
    var epoch = ShardEpoch(0)
    var cut: UInt32 = 0
    /// Unsynced records may be gone: power was lost, or the disk failed.
    var mayLose = false
    /// Power was lost: at `process` the last owner's header may be, and its epoch is given again. Nobody is left to
    /// mistake one for the other: every process died with the power.
    var powerWasLost = false
    /// A byte was flipped: what lies there cannot be read, and nothing else is forgiven.
    var mayBeDamaged = false
    var damaged: [Range<LogPosition>] = []
  }
  private struct Place: Hashable {
    var room: RoomID
    var timeline: Timeline
  }
  unowned var world: World!
  private var logs: [Log]
  /// What members were given, by room and timeline: number, digest.
  private var heard: [Place: [UInt64: UInt64]] = [:]

  init(shards: Int) { logs = Array(repeating: Log(), count: shards) }

  // MARK: What the worker does

  func appended(_ s: Int, _ epoch: ShardEpoch, _ position: LogPosition, _ kind: UInt8, _ bytes: [UInt8]) {
    guard epoch == logs[s].epoch else {
      return world.fail("I-8", "shard \(s): epoch \(epoch) writes after \(logs[s].epoch)")
    }
    logs[s].pending.append(Entry(position: position, kind: kind, bytes: bytes, isSynced: false))
  }
  func written(_ s: Int, _ epoch: ShardEpoch) {
    guard epoch == logs[s].epoch else { return }
    for var entry in logs[s].pending {
      entry.isSynced = world.options.durability == .disk
      logs[s].entries.append(entry)
    }
    logs[s].pending = []
  }
  func synced(_ s: Int, _ epoch: ShardEpoch) {
    guard epoch == logs[s].epoch else { return }
    for i in logs[s].entries.indices.reversed() {
      if logs[s].entries[i].isSynced { break }
      logs[s].entries[i].isSynced = true
    }
  }
  func losesPower(_ s: Int) {
    logs[s].mayLose = true
    logs[s].powerWasLost = true
  }
  func mayLose(_ s: Int) { logs[s].mayLose = true }
  func expectDamage(_ s: Int) { logs[s].mayBeDamaged = true }

  /// The payload of the room's last snapshot.
  func lastSnapshot(_ s: Int, _ room: RoomID) -> [UInt8]? {
    var key: [UInt8] = []
    key.put(room)
    return logs[s].entries.last { $0.kind == WorkerCore.RecordKind.snapshot && $0.bytes.dropFirst().starts(with: key) }?
      .bytes
  }
  func batch(_ s: Int, holding pattern: [UInt8]) -> [UInt8]? {
    logs[s].entries.first { entry in
      entry.kind == WorkerCore.RecordKind.batch && entry.bytes.count >= pattern.count
        && (0...entry.bytes.count - pattern.count).contains { Array(entry.bytes[$0..<$0 + pattern.count]) == pattern }
    }?.bytes
  }
  /// How many the log holds.
  func snapshots(_ s: Int) -> Int { logs[s].entries.count { $0.kind == WorkerCore.RecordKind.snapshot } }
  /// One of those of the log that are of this kind, or of any.
  func record(_ s: Int, _ kind: UInt8?, _ random: UInt64) -> [UInt8]? {
    let those = logs[s].entries.filter { kind == nil || $0.kind == kind }
    return those.isEmpty ? nil : those[Int(random % UInt64(those.count))].bytes
  }

  // MARK: A new owner

  func adopted(_ s: Int, _ store: RealStore) {
    guard let found = world.disks[s].lookedAt({ read(s, store) }) else {
      // It died reading: the next one is looked at instead.
      logs[s].epoch = max(logs[s].epoch, store.epoch)
      return
    }
    compareOutputs(s)
    let old = logs[s]
    guard store.epoch > old.epoch || (old.powerWasLost && world.options.durability == .process) else {
      return world.fail("I-8", "shard \(s): epoch \(store.epoch) after \(old.epoch)")
    }
    let cut = store.adoption.cutCounter
    guard cut >= old.cut else {
      return world.fail("I-3", "shard \(s): the cut counter falls to \(cut) from \(old.cut)")
    }
    compare(s, old, found, isCut: cut > old.cut)
    var new = Log()
    new.mayBeDamaged = old.mayBeDamaged
    new.damaged = logs[s].damaged
    new.epoch = store.epoch
    new.cut = cut
    let synced = Set(old.entries.filter(\.isSynced).map(\.position))
    new.entries = found.map { entry in
      var entry = entry
      entry.isSynced = world.options.durability == .disk || synced.contains(entry.position)
      return entry
    }
    logs[s] = new
  }

  private func read(_ s: Int, _ store: RealStore) -> [Entry]? {
    var found: [Entry] = []
    var damaged: [Range<LogPosition>] = []
    do throws(StoreError) {
      try store.scan(from: store.oldest, damage: { damaged.append($0) }) { position, kind, payload throws(StoreError) in
        if kind >= WorkerCore.RecordKind.batch {
          found.append(Entry(position: position, kind: kind, bytes: Array(payload), isSynced: false))
        }
      }
    } catch {
      if !world.faultedDisks.contains(s) { world.fail("I-3", "shard \(s) cannot be read by its new owner: \(error)") }
      return nil
    }
    if logs[s].mayBeDamaged { logs[s].damaged = damaged }
    return found
  }

  private func compare(_ s: Int, _ old: Log, _ found: [Entry], isCut: Bool) {
    let oldest = found.first?.position ?? LogPosition(0)
    var given: [LogPosition: Entry] = [:]
    for entry in old.entries + old.pending { given[entry.position] = entry }
    for entry in found {
      guard let known = given[entry.position], known.kind == entry.kind, known.bytes == entry.bytes else {
        return world.fail("I-3", "shard \(s): the record at \(entry.position) is not what was written")
      }
    }
    let present = Set(found.map(\.position))
    var isLost = false
    for entry in old.entries where entry.position >= oldest {
      if logs[s].damaged.contains(where: { $0.contains(entry.position) }) { continue }
      guard present.contains(entry.position) else {
        if entry.isSynced || !old.mayLose || world.options.durability == .disk {
          return world.fail(
            "I-3",
            "shard \(s): the record at \(entry.position), \(entry.isSynced ? "synced" : "written"), is gone; the log "
              + "holds \(found.count) from \(oldest) to \(found.last?.position.rawValue ?? 0) of \(old.entries.count) up to "
              + "\(old.entries.last!.position), synced up to \(old.entries.last(where: \.isSynced)?.position.rawValue ?? 0); "
              + "files \(world.disks[s].paths)")
        }
        isLost = true
        continue
      }
      if isLost { return world.fail("I-3", "shard \(s): records before \(entry.position) are gone, but not it") }
    }
    if isLost && !isCut { world.fail("I-3", "shard \(s): records are gone and the cut counter has not risen") }
  }

  // MARK: The twin

  func heardOutput(_ room: RoomID, _ timeline: Timeline, _ seq: OutSeq, _ digest: UInt64) {
    let place = Place(room: room, timeline: timeline)
    if let known = heard[place]?[seq.rawValue], known != digest {
      return world.fail("I-2", "room \(room): output \(seq) of timeline \(timeline) is not the same for all")
    }
    heard[place, default: [:]][seq.rawValue] = digest
  }

  /// What members were given since, against what the durable record gives.
  @discardableResult
  func compareOutputs(_ s: Int) -> [RoomID: RoomTwin] {
    var replay = TwinReplay(world, shard: s)
    replay.mayMissEvents = logs[s].mayBeDamaged
    let twins = replay.run(logs[s].entries)
    for (room, twin) in twins {
      let timeline = Timeline(cut: logs[s].cut, own: twin.ownTimeline)
      for (number, digest) in heard[Place(room: room, timeline: timeline)] ?? [:] {
        if let own = twin.outputs[number] {
          if own != digest { world.fail("I-2", "room \(room): output \(number) is not what the record gives") }
        } else if number > twin.outSeq.rawValue && !twin.isOpen && logs[s].damaged.isEmpty {
          world.fail("I-1", "room \(room): output \(number) was heard, and the durable record ends at \(twin.outSeq)")
        }
      }
    }
    return twins
  }

  /// At the end: the living rooms are what their record says.
  func compareStates() {
    for s in logs.indices {
      let twins = compareOutputs(s)
      guard let process = world.supervisor.owner(of: s) else { continue }
      for id in process.worker.roomIDs where Int(world.map.shard(of: id).rawValue) == s {
        guard let room = process.worker.room(id), let twin = twins[id], !twin.isOpen else { continue }
        if room.phase != .stopped, let late = twin.overdue(at: world.now.wall) {
          world.fail("I-5", "room \(id), \(room.phase), has a timer that is due since \(late / 1_000) ms")
        }
        guard room.phase == .ready, room.host != nil else { continue }
        let bytes = process.worker.encodeSnapshot(room)
        bytes.withUnsafeBytes { buffer in
          guard let snapshot = try? RoomSnapshot(buffer) else {
            return world.fail("I-2", "room \(id)'s snapshot does not decode")
          }
          if let difference = twin.difference(from: snapshot, mayDrift: world.options.mayDrift) {
            world.fail("I-2", "room \(id) and its twin: \(difference)")
          }
        }
      }
    }
  }
}

extension World {
  func outputHeard(
    _ room: RoomID, _ timeline: Timeline, _ seq: OutSeq, _ payload: [UInt8], _ verdict: ServerFrame.Verdict?
  ) {
    guard seq.rawValue > 0 else { return }
    log.heardOutput(
      room, timeline, seq,
      RoomTwin.digest(payload, verdict.map { ($0.seq, $0.kind, $0.reply) }))
  }
}
