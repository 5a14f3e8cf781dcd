// What the host knows of a room: everything durable but the guest's memory. Changed by events only, so replay agrees.
package import Core
import Wire

/// One member. Who is connected where is not here: that is no part of the room's history (`Claim`).
package struct Member: Hashable, Sendable {
  package var membership: Membership
  package var player: [UInt8]
  package var generation: Generation
  package var suspended = false
  /// The highest input number that was decided.
  package var lastSeq = InputSeq(0)
  /// The number of the last output that was meant for it.
  package var lastOut = OutSeq(0)
}

/// How a membership ended, kept so that late frames can be answered.
package struct Tombstone: Hashable, Sendable {
  package var membership: Membership
  package var last: InputSeq
  package var reason: UInt8
  package var time: Int64
}

package struct RoomTimer: Hashable, Sendable {
  package var id: TimerID
  /// Microseconds since 1970.
  package var due: Int64
  package var payload: [UInt8]
}

extension [RoomTimer] {
  mutating func add(_ timer: RoomTimer) {
    let at = firstIndex { ($0.due, $0.id) > (timer.due, timer.id) } ?? count
    insert(timer, at: at)
  }
  /// The first that is due, which a `wake` fires.
  func due(at time: Int64) -> RoomTimer? { first.flatMap { $0.due <= time ? $0 : nil } }
}

/// A quarantine or its like, with whom it is blamed on (nil: ticks and timers).
package struct Blame: Hashable, Sendable {
  package var slot: Slot?
  package var time: Int64
}

package struct RoomProperty: Hashable, Sendable {
  package var key: [UInt8]
  package var value: [UInt8]
}

/// How a room ended.
package struct RoomEnd: Hashable, Sendable {
  package var reason: [UInt8]
  package var time: Int64
}

/// What came of a signal, so that the same one asked for again is answered and not run again.
package struct SignalAnswer: Hashable, Sendable {
  package enum Verdict: UInt8, Sendable {
    case applied = 0
    case refused = 1
    case quarantined = 2
  }
  package var idempotencyKey: [UInt8]
  package var verdict: Verdict
  /// Or the reason of a refusal.
  package var reply: [UInt8]
}

/// A class, so that a look at one of its fields does not copy it.
package final class RoomHost {
  package var module: ModuleHash
  package var limits: RoomLimits
  package var name: [UInt8]
  package var key: [UInt8]
  @exclusivity(unchecked) package var eventSeq = EventSeq(0)
  @exclusivity(unchecked) package var outSeq = OutSeq(0)
  /// The room's own part of its timeline.
  package var ownTimeline: UInt32 = 1
  /// Of the last event, in microseconds since 1970.
  @exclusivity(unchecked) package var time: Int64
  @exclusivity(unchecked) package var tick: UInt64 = 0
  @exclusivity(unchecked) package var random: RandomState
  @exclusivity(unchecked) package var nextTimer = TimerID(1)
  /// By slot.
  package var members: [Member?] = []
  @exclusivity(unchecked) package var memberCount = 0
  package var tombstones: [Tombstone] = []
  /// By (due, id).
  package var timers: [RoomTimer] = []
  package var blames: [Blame] = []
  @exclusivity(unchecked) package var frozen: RoomEvent.FreezeReason?
  package var ring = OutputRing()
  /// What lists of rooms say of it; UTF-8 as the room gave it.
  package var label: [UInt8] = []
  /// In the order of their keys.
  package var properties: [RoomProperty] = []
  /// Takes no new members.
  @exclusivity(unchecked) package var isLocked = false
  @exclusivity(unchecked) package var ended: RoomEnd?
  /// Of the last signals, the oldest first.
  package var signals: [SignalAnswer] = []
  @exclusivity(unchecked) package var nextRequest = RequestID(1)
  /// What it has asked of other rooms and has no answer to, in the order in which it asked.
  package var requests: [OpenRequest] = []
  /// What is kept for the silent version alone, while there is one.
  package var twin: TwinPart?
  /// Members that this version was never told of: it became the one that speaks, and they are about to be removed.
  package var strangers: [Slot] = []

  init(_ creation: RoomEvent.Creation, time: Int64) {
    module = creation.module
    limits = creation.limits
    name = Array(creation.name)
    key = Array(creation.key)
    self.time = time
    random = RandomState(seed: creation.seed)
  }

  func slot(of membership: Membership) -> Slot? {
    for i in members.indices where members[i]?.membership == membership { return Slot(UInt32(i)) }
    return nil
  }
  func tombstone(of membership: Membership) -> Tombstone? { tombstones.last { $0.membership == membership } }
  subscript(slot: Slot) -> Member? {
    let i = Int(slot.rawValue)
    return i < members.count ? members[i] : nil
  }
  func put(_ member: Member, at slot: Slot) {
    let i = Int(slot.rawValue)
    while members.count <= i { members.append(nil) }
    precondition(members[i] == nil, "slot \(slot) is taken")
    members[i] = member
    memberCount += 1
    // Who had the place before is no blame of this one.
    blames.removeAll { $0.slot == slot }
  }
  /// The highest input number that was decided; nil: nobody has the slot.
  func lastSeq(of slot: Slot) -> InputSeq? {
    let i = Int(slot.rawValue)
    return i < members.count ? members[i]?.lastSeq : nil
  }
  /// Numbers an output and keeps it for those that it is meant for; nil: that is nobody.
  func keep(_ payload: UnsafeRawBufferPointer, for target: SendTarget) -> OutSeq? {
    guard memberCount > 0 else { return nil }
    let seq = OutSeq(outSeq.rawValue + 1)
    guard Self.put(seq, payload, target, &members, &ring) else { return nil }
    outSeq = seq
    return seq
  }
  private static func put(
    _ seq: OutSeq, _ payload: UnsafeRawBufferPointer, _ target: SendTarget, _ members: inout [Member?],
    _ ring: inout OutputRing
  ) -> Bool {
    var slots = 0..<members.count
    if case .only(let slot) = target { slots = slots.clamped(to: Int(slot.rawValue)..<Int(slot.rawValue) + 1) }
    ring.begin()
    var any = false
    for i in slots {
      let slot = Slot(UInt32(i))
      guard target.includes(slot), let prev = members[i]?.lastOut else { continue }
      ring.putRecipient(slot, prev: prev)
      members[i]!.lastOut = seq
      any = true
    }
    guard any else {
      ring.cancel()
      return false
    }
    ring.putFrame { encodeOutputFrame(into: &$0, seq: seq, payload: payload) }
    ring.end(seq)
    return true
  }
  /// The member's inputs up to `number` are decided.
  func decide(_ slot: Slot, _ number: InputSeq) {
    members[Int(slot.rawValue)]?.lastSeq = number
  }
  func end(_ slot: Slot, reason: UInt8) {
    let i = Int(slot.rawValue)
    guard i < members.count, let member = members[i] else { return }
    members[i] = nil
    memberCount -= 1
    while let last = members.last, last == nil { members.removeLast() }
    tombstones.removeAll { $0.time < time - Limits.tombstoneSeconds * 1_000_000 }
    if tombstones.count >= Limits.tombstonesMax { tombstones.removeFirst() }
    tombstones.append(Tombstone(membership: member.membership, last: member.lastSeq, reason: reason, time: time))
  }
  func add(_ timer: RoomTimer) { timers.add(timer) }
  /// Of the first timer in either version, in microseconds since 1970.
  var firstTimerDue: Int64? {
    guard let own = timers.first?.due else { return twin?.timers.first?.due }
    return twin?.timers.first.map { min($0.due, own) } ?? own
  }
  /// Remembers a failure; what it blames falls out of the window by event time.
  func blame(_ slot: Slot?) {
    blames.removeAll { $0.time < time - Limits.quarantineWindowSeconds * 1_000_000 }
    blames.append(Blame(slot: slot, time: time))
  }
}

extension RoomHost {
  /// Whether a replay has drawn the same numbers, set the same timers and asked for the same, in both versions.
  func isLike(_ other: RoomHost) -> Bool {
    eventSeq == other.eventSeq && outSeq == other.outSeq && module == other.module && random == other.random
      && nextTimer == other.nextTimer && timers == other.timers && nextRequest == other.nextRequest
      && requests == other.requests && twin?.random == other.twin?.random
      && twin?.nextTimer == other.twin?.nextTimer && twin?.timers == other.twin?.timers
      && twin?.nextRequest == other.twin?.nextRequest && twin?.requests == other.twin?.requests
      && twin?.module == other.twin?.module
  }
}
