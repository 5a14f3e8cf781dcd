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

/// How an event came out of one version, kept until it may be settled.
struct Settled {
  var settlement: Settlement
  var effects: RoomEffects
  var context: RoomContext
  var fuel: UInt64
}

/// What is to become of an event at which code failed.
enum Remedy {
  /// The watchdog fired once: the event gets a second try instead of a verdict.
  case retry
  case quarantine
  /// The version that speaks failed alone: the silent one's outcome stands.
  case back(Settled)
  /// The silent version failed alone: the other one's outcome stands.
  case undoTwin(Settled)
}

/// A room that waits for a verdict to be written, or is being brought back to just before an event that failed.
struct Repair {
  var culprit: [UInt8]
  var batch: BatchNumber
  var time: Int64
  var budget: RoomBudget
  var fault: RoomFault
  var remedy: Remedy
  var annotationIsDurable = false
  var raisesTimeline = false
  /// Which instances are to be made anew.
  var spoils: Spoils
  /// Plays the room's tail; nil: not begun.
  var ghost: Room?
  var offset = 0
}

struct Spoils {
  var speaker: Bool
  var twin: Bool
  var any: Bool { speaker || twin }
}

/// `@exclusivity(unchecked)` stands where an access is a load or a store and cannot meet another: numbers, references,
/// and arrays of which no element is ever passed `inout`. The checks took a fifth of a message's time.
package final class Room {
  package let id: RoomID
  package let shard: ShardID
  @exclusivity(unchecked) package internal(set) var phase = RoomPhase.asleep
  /// Nil while asleep.
  @exclusivity(unchecked) package internal(set) var host: RoomHost?
  @exclusivity(unchecked) var instance: (any RoomInstance)?
  var settings: ModuleSettings?
  /// What speaks in it, awake or asleep; nil: nothing has said it yet.
  var build: ModuleHash?
  /// Asleep: it has ended, and answers for itself until it is dropped.
  var isOver = false
  /// The silent version, while one is on probation: what the host keeps for it is in `host.twin`.
  @exclusivity(unchecked) var twin: (any RoomInstance)?
  var twinSettings: ModuleSettings?
  var counts: VersionCounts?
  var twinCounts: VersionCounts?
  /// When it failed by itself and the one that speaks did not, in the last minute: monotonic microseconds.
  var twinFailures: [Int64] = []
  var twinKeepsFailing: Bool { twinFailures.count > Limits.quarantinesPerMinuteMax }
  /// Code of it is not confined: replays are noted in the black box, too.
  @exclusivity(unchecked) var mayKill = false
  /// Of the images that were last made of it.
  var imageBytes = 0
  /// Of the newest snapshot that this worker has taken.
  var snapshotSize = 0
  var twinImageBytes = 0
  /// Monotonic microseconds: its versions' own checks are asked for then.
  var nextCheck: Int64 = 0
  /// Why it stopped here; nil while it has not.
  var stopReason: RoomEvent.FreezeReason?
  /// What the staged `upgraded` switches to.
  var candidate: (any RoomInstance)?

  /// Where its last snapshot is.
  var snapshot: LogPosition?
  /// This worker has written that record, or read it.
  var knowsSnapshot = false
  /// Where the first event after that is; nil: there is none.
  @exclusivity(unchecked) var tailStart: LogPosition?
  /// Asleep after an adoption: the events since the snapshot, as the journal has them (`TailItem`s).
  var found: [UInt8] = []
  var foundAnnotations: [EventSeq: Annotation] = [:]
  /// Records before this one are not about it any more.
  var foundFrom = LogPosition(0)
  /// A part of the log that may have been about it cannot be read.
  var isDamaged = false
  /// Somebody or something waited in it when it was seen last.
  var wasActive = false
  /// Asleep: when the first of its timers is due, in either version; microseconds since 1970.
  package internal(set) var timerDue: Int64?
  /// Asleep: when it ends for want of members, or is dropped, in monotonic microseconds.
  var sleepsUntil: Int64?
  /// When it is woken by itself, in monotonic microseconds: where it stands among `Worker.sleepers`.
  var wakesAt = Int64.max
  /// Awake: the decided events since the snapshot (`TailItem`s) and the verdicts on them, for a rebuild.
  var tail: [UInt8] = []
  var tailAnnotations: [EventSeq: Annotation] = [:]
  /// Fuel that replaying `tail` takes, and what decoding it costs.
  @exclusivity(unchecked) var tailCost: UInt64 = 0

  @exclusivity(unchecked) var claims: [Claim] = []
  /// The number of the event staged last.
  @exclusivity(unchecked) var stagedEvent = EventSeq(0)
  @exclusivity(unchecked) var stagedCount = 0
  /// Joins that are staged: a slot is theirs until they are decided.
  var joining: [(slot: Slot, answer: PendingAnswer)] = []
  /// A freeze or its end is staged: nothing else of it may be.
  @exclusivity(unchecked) var isEnding = false
  /// Kicks and ends that it asked for and that are not staged: its state alone does not know of them.
  var ordersPending = 0
  /// What a member that is being removed is told.
  var kickReasons: [Slot: [UInt8]] = [:]
  /// Who waits for what comes of its events.
  var commands: [PendingCommand] = []

  var repair: Repair?
  /// Stands in for a room that is being repaired and plays its tail: nobody hears it, nothing is written for it.
  var isGhost = false
  /// Why a ghost cannot go on.
  var ghostTrouble: WakeError?
  /// Why a replay of its record cannot go on just now.
  var replayTrouble: WakeError?
  /// What its last event cost, in fuel.
  var ghostCost: UInt64 = 0
  /// It waits to be carried to another build.
  var isUpgrading = false
  /// The end of a probation is staged.
  var isTwinChanging = false
  /// Its silent version came out of a replay differently and was given up: going back is impossible until the next upgrade.
  var hasLostTwin = false
  /// What its new version asked for and the silent one did not; bounded.
  var extraEffects: [String] = []
  /// What it says now nobody hears: everybody gets the full state instead.
  var isQuiet = false
  /// Its tail holds an image, or what cannot be replayed as usual: a snapshot is to come before anything else of it.
  var needsSnapshot = false
  /// A decided event of its tail needs a larger stack than rooms have here; until the next snapshot.
  var needsLargerStack = false
  /// Its instances have it: they only follow the record.
  var hasLargerStack = false
  /// The event that is tried again after the watchdog fired.
  @exclusivity(unchecked) var secondTry: EventSeq?
  /// Its last batch is being decided anew after a death.
  var isDeciding = false
  var backlog: [BacklogItem] = []
  /// Connections that came while the room was busy.
  var waiting: [PendingAnswer] = []

  /// Numbered outputs that gateway loops have not confirmed.
  @exclusivity(unchecked) package internal(set) var unconfirmed = 0
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
  var stagedWakes = 0
  /// Requests whose answers are staged.
  var stagedAnswers: [RequestKey] = []
  /// When its requests are sent next.
  var issues: [RequestIssue] = []
  /// The frame of the last full state and when it was true.
  var described: (event: EventSeq, frame: [UInt8])?

  /// How often it came out differently when it was played again, in this worker.
  var differences = 0
  /// Its last event when it was played again last.
  var sampledAt = EventSeq(0)
  /// In monotonic microseconds.
  var sampleNotBefore: Int64 = 0

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
  /// Whose ticks it has: of the old version until probation ends.
  var tickSettings: ModuleSettings? { twinSettings ?? settings }
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

  static func put(_ batch: BatchNumber, _ time: Int64, _ event: UnsafeRawBufferPointer, into out: inout [UInt8]) {
    out.append(count: 20 + event.count) { bytes in
      bytes.put(batch, at: 0)
      bytes.put(time, at: 8)
      bytes.put(UInt32(event.count), at: 16)
      if let base = event.baseAddress { (bytes + 20).copyMemory(from: base, byteCount: event.count) }
    }
  }
  static func put(_ batch: BatchNumber, _ time: Int64, _ event: [UInt8], into out: inout [UInt8]) {
    event.withUnsafeBytes { put(batch, time, $0, into: &out) }
  }
  init(batch: BatchNumber, time: Int64, event: UnsafeRawBufferPointer) {
    self.batch = batch
    self.time = time
    self.event = event
  }
  init(_ r: inout ByteReader) throws(DecodingError) {
    batch = try r.take()
    time = try r.take()
    event = try r.takeBlob()
  }
}
