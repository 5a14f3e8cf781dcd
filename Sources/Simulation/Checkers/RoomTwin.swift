// A room as the record alone makes it: a second, plain reading of the protocol, sharing no code with the worker but the
// decoding of events.
import Core
import Wire
import WorkerCore

struct RoomTwin {
  struct Member: Equatable {
    var membership: Membership
    var generation: Generation
    var isSuspended = false
    var lastSeq = InputSeq(0)
    var lastOut = OutSeq(0)
  }
  struct Timer: Equatable {
    var id: TimerID
    var due: Int64
    var payload: [UInt8]
  }
  var module: ModuleHash
  var limits: RoomLimits
  var state = ScriptedRoom()
  var eventSeq = EventSeq(0)
  var outSeq = OutSeq(0)
  var ownTimeline: UInt32 = 1
  var time: Int64
  var tick: UInt64 = 0
  var random: RandomState
  var nextTimer = TimerID(1)
  var members: [UInt32: Member] = [:]
  var timers: [Timer] = []
  var isFrozen = false
  var isLocked = false
  var hasEnded = false
  /// Idempotency keys, the oldest first.
  var signals: [[UInt8]] = []
  /// Of each output since the record begins.
  var outputs: [UInt64: UInt64] = [:]
  /// The last batch fails and its verdict is not on record yet: nothing is known from here on.
  var isOpen = false

  init(_ creation: RoomEvent.Creation, time: Int64) {
    module = creation.module
    limits = creation.limits
    random = RandomState(seed: creation.seed)
    self.time = time
  }

  init?(_ snapshot: RoomSnapshot) {
    let h = snapshot.host
    guard let state = try? ScriptedRoom(snapshot.image) else { return nil }
    self.state = state
    module = h.module
    limits = h.limits
    eventSeq = h.eventSeq
    outSeq = h.outSeq
    ownTimeline = h.ownTimeline
    time = h.time
    tick = h.tick
    random = h.random
    nextTimer = h.nextTimer
    isFrozen = h.frozen != nil
    isLocked = h.isLocked
    hasEnded = h.ended != nil
    signals = h.signals.map(\.idempotencyKey)
    for (i, member) in h.members.enumerated() {
      guard let member else { continue }
      members[UInt32(i)] = Member(
        membership: member.membership, generation: member.generation, isSuspended: member.suspended,
        lastSeq: member.lastSeq, lastOut: member.lastOut)
    }
    timers = h.timers.map { Timer(id: $0.id, due: $0.due, payload: $0.payload) }
  }

  /// Nil: the same.
  func difference(from snapshot: RoomSnapshot) -> String? {
    guard let other = RoomTwin(snapshot) else { return "the image does not decode" }
    if eventSeq != other.eventSeq { return "events \(eventSeq) and \(other.eventSeq)" }
    if outSeq != other.outSeq { return "outputs \(outSeq) and \(other.outSeq)" }
    if ownTimeline != other.ownTimeline { return "timelines \(ownTimeline) and \(other.ownTimeline)" }
    if state != other.state {
      return
        "states: \(state.operations.count) and \(other.state.operations.count) operations, ticks \(state.ticks) and "
        + "\(other.state.ticks), mixed \(state.mixed) and \(other.state.mixed)"
    }
    if time != other.time { return "times \(time) and \(other.time)" }
    if tick != other.tick { return "ticks \(tick) and \(other.tick)" }
    if random != other.random { return "random states" }
    if nextTimer != other.nextTimer { return "next timers \(nextTimer) and \(other.nextTimer)" }
    if members != other.members { return "members \(members) and \(other.members)" }
    if timers != other.timers { return "timers \(timers) and \(other.timers)" }
    if isLocked != other.isLocked { return "locked \(isLocked) and \(other.isLocked)" }
    if hasEnded != other.hasEnded { return "ended \(hasEnded) and \(other.hasEnded)" }
    if signals != other.signals { return "signals \(signals) and \(other.signals)" }
    if isFrozen != other.isFrozen { return "frozen \(isFrozen) and \(other.isFrozen)" }
    return nil
  }

  static func digest(_ payload: [UInt8], _ verdict: (InputSeq, UInt8, [UInt8])?) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ value: UInt64) { hash = (hash ^ value) &* 0x0000_0100_0000_01b3 }
    mix(UInt64(payload.count))
    for byte in payload { mix(UInt64(byte)) }
    if let (seq, kind, reply) = verdict {
      mix(seq.rawValue &+ 7)
      mix(UInt64(kind))
      for byte in reply { mix(UInt64(byte)) }
    }
    return hash
  }
}
