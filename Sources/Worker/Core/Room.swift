// A room in a worker: its durable host state and guest instance when awake, and what is known of it when asleep.
//
//   asleep ──wake──▶ ready ◀──────────▶ repairing      (an event failed: rebuild to just before it, annotate, go on)
//     ▲               │  │                  │
//     └──passivate────┘  └──▶ stopped ◀─────┘          (its record cannot be replayed here: intact, not served)
package import Core
import Wire

package enum RoomPhase: Sendable {
  case asleep
  case ready
  case repairing
  case stopped
}

/// Who speaks for a member just now. Not part of the room's history.
struct Claim {
  /// Where its outputs go, or -1.
  var link = -1
  var route = Route(0)
  /// The highest input number that was staged.
  var stagedSeq = InputSeq(0)
  /// `Busy` or `Expected` was said: until the expected number comes, everything else of this member is dropped.
  var isWaitingForNumber = false
  var ackIsDue = false
  /// Monotonic microseconds: nobody speaks for it since then. Nil with no link: the gateway has not said yet.
  var unclaimedSince: Int64?
  var graceSince: Int64?
  /// An event that suspends, returns or ends it is staged.
  var isChanging = false
}

/// A connection that waits for its membership to be answered.
struct PendingAnswer {
  var link: Int
  var linkLife: UInt64
  var route: Route
  var membership: Membership
  var generation: Generation
  var timeline: Timeline
  var lastOut: OutSeq
}

/// Something that happens to a room in order: an event of the journal, or an answer that needs none.
enum BacklogItem {
  case event(bytes: [UInt8], batch: BatchNumber, time: Int64)
  case answer(PendingAnswer)
}

/// A room that is being brought back to just before an event that failed.
struct Repair {
  var culprit: [UInt8]
  var time: Int64
  var fault: RoomFault
  /// The watchdog fired once: the event gets a second try instead of a verdict.
  var retries = false
  var annotationIsDurable = false
  var raisesTimeline = false
  /// Nil when the instance was never spoiled, or is whole again.
  var shadow: Shadow?
  var isSpoiled = true
}

/// A replay of a room's tail without effects.
struct Shadow {
  var instance: (any RoomInstance)?
  var context: RoomContext
  var offset = 0
}

package final class Room {
  package let id: RoomID
  package let shard: ShardID
  package internal(set) var phase = RoomPhase.asleep
  /// Nil while asleep.
  package internal(set) var host: RoomHost?
  var instance: (any RoomInstance)?
  var settings: ModuleSettings?

  /// Where its last snapshot is.
  var snapshot: LogPosition?
  /// Where the first event after that is; nil: there is none.
  var tailStart: LogPosition?
  /// Asleep after an adoption: the events since the snapshot, as the journal has them (`TailItem`s).
  var found: [UInt8] = []
  var foundAnnotations: [EventSeq: Annotation] = [:]
  /// Records before this one are not about it any more.
  var foundFrom = LogPosition(0)
  /// A part of the log that may have been about it cannot be read.
  var isDamaged = false
  /// Somebody or something waited in it when it was seen last.
  var wasActive = false
  /// Awake: the guest calls since the snapshot (`TailItem`s), for a rebuild.
  var tail: [UInt8] = []
  /// Fuel that replaying `tail` takes, and what decoding it costs.
  var tailCost: UInt64 = 0

  var claims: [Claim] = []
  /// The number of the event staged last.
  var stagedEvent = EventSeq(0)
  var stagedCount = 0
  /// Joins that are staged: a slot is theirs until they are decided.
  var joining: [(slot: Slot, answer: PendingAnswer)] = []
  /// A freeze or its end is staged: nothing else of it may be.
  var isEnding = false
  /// Kicks and ends that it asked for and that are not staged: its state alone does not know of them.
  var ordersPending = 0
  /// What a member that is being removed is told.
  var kickReasons: [Slot: [UInt8]] = [:]
  /// Who waits for what comes of its events.
  var commands: [PendingCommand] = []

  var repair: Repair?
  /// The event that is tried again after the watchdog fired.
  var secondTry: EventSeq?
  /// Its last batch is being decided anew after a death.
  var isDeciding = false
  var backlog: [BacklogItem] = []
  /// Connections that came while the room was busy.
  var waiting: [PendingAnswer] = []

  /// Numbered outputs that gateway loops have not confirmed.
  package internal(set) var unconfirmed = 0
  /// Monotonic microseconds.
  var nextTick: Int64 = 0
  var stagedTick: UInt64 = 0
  var idleSince: Int64 = 0
  /// Monotonic microseconds: nobody has been a member since then, while it was served by this worker.
  var emptySince: Int64?
  var dueAt = Int64.max
  /// What comes due by itself waits until then: it found the room busy, or no space in the log.
  var heldUntil: Int64 = 0
  /// The log had no room for its snapshot.
  var snapshotNotBefore: Int64 = 0
  var stagedTimers: [TimerID] = []
  /// The frame of the last full state and when it was true.
  var described: (event: EventSeq, frame: [UInt8])?

  let watch = RoomWatch()

  init(id: RoomID, shard: ShardID) {
    self.id = id
    self.shard = shard
  }

  /// For as long as the room is awake.
  var awake: RoomHost {
    @inline(__always) get {
      guard let host else { preconditionFailure("room \(id) is asleep") }
      return host
    }
  }
  func claim(_ slot: Slot) -> Int {
    let i = Int(slot.rawValue)
    while claims.count <= i { claims.append(Claim()) }
    return i
  }
  /// Whether an input may be staged now, or why not.
  var busy: LinkBusy? {
    switch phase {
    case .repairing, .asleep: .rebuilding
    case .stopped: .frozen
    case .ready: host?.frozen != nil || isEnding ? .frozen : unconfirmed >= Limits.unconfirmedMax ? .outputs : nil
    }
  }
}

/// One event of a tail: u64 batch, i64 time, u32 + event.
struct TailItem {
  var batch: BatchNumber
  var time: Int64
  var event: UnsafeRawBufferPointer

  static func put(_ batch: BatchNumber, _ time: Int64, _ event: some Collection<UInt8>, into out: inout [UInt8]) {
    out.put(batch)
    out.put(time)
    out.putBlob(event)
  }
  init(_ r: inout ByteReader) throws(DecodingError) {
    batch = try r.take()
    time = try r.take()
    event = try r.takeBlob()
  }
}
