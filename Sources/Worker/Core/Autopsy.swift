// A room that leaves a version which failed is on the other one within the same turn, and nothing is rebuilt. What state
// the version failed in is worked out afterwards, beside the room, from the record as it was: for the crash's file alone.
import Core

struct Autopsy {
  let room: RoomID
  let shard: ShardID
  let event: EventSeq
  let module: ModuleHash
  /// The record before the event that failed.
  let snapshot: [UInt8]
  let tail: [UInt8]
  let annotations: [EventSeq: Annotation]
  /// Plays the tail; nil: not begun.
  var ghost: Room?
  var offset = 0
}

extension Worker {
  /// Of a version that spoke and failed, once its bundle is made. Too many at once: those are written down without.
  mutating func examine(_ room: Room, _ bundle: CrashBundle) {
    guard examinesFailures, autopsies.count < Limits.autopsiesMax else { return }
    autopsies.append(
      Autopsy(
        room: room.id, shard: room.shard, event: bundle.event, module: bundle.module, snapshot: bundle.snapshot,
        tail: bundle.tail, annotations: room.tailAnnotations))
  }

  /// One slice, when no room waits for its repair.
  mutating func continueAutopsies() {
    guard let first = autopsies.first else { return }
    guard shards[Int(first.shard.rawValue)] != nil, let ghost = first.ghost ?? beginGhost(first) else {
      return endAutopsy()
    }
    autopsies[0].ghost = ghost
    var fuel = Limits.rebuildSliceMilliseconds * Int64(RoomCost.fuelPerMillisecond)
    var offset = first.offset
    let isWhole = first.tail.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes, at: offset)
      while fuel > 0, !reader.isAtEnd {
        guard let item = try? TailItem(&reader) else { return false }
        ghost.ghostCost = RoomCost.fuelPerEvent
        follow(ghost, item, first.annotations)
        if ghost.ghostTrouble != nil { return false }
        fuel -= Int64(clamping: ghost.ghostCost)
      }
      offset = reader.offset
      return true
    }
    autopsies[0].offset = offset
    guard isWhole else { return endAutopsy() }
    guard offset == first.tail.count else { return }
    if let instance = ghost.instance, ghost.host?.module == first.module {
      reportRebuilt(ghost, first.event, instance, first.module)
    }
    endAutopsy()
  }

  private mutating func endAutopsy() {
    let done = autopsies.removeFirst()
    if let ghost = done.ghost { discardInstances(ghost) }
  }

  /// As the room was at its snapshot, or before its creation; nil: it cannot be had here.
  private mutating func beginGhost(_ autopsy: Autopsy) -> Room? {
    // A room that wakes needs its place more.
    guard placesTaken + 2 <= Limits.liveRoomsMax else { return nil }
    let ghost = Room(id: autopsy.room, shard: autopsy.shard)
    ghost.isGhost = true
    ghost.phase = .repairing
    do throws(WakeError) {
      if !autopsy.snapshot.isEmpty {
        try restore(ghost, autopsy.snapshot)
      } else if let (_, event) = Self.decode(Self.firstEvent(autopsy.tail)), case .created(let creation) = event {
        ghost.instance = try make(creation.module, creation.limits)
      } else {
        return nil
      }
      return ghost
    } catch {
      discardInstances(ghost)
      return nil
    }
  }
}
