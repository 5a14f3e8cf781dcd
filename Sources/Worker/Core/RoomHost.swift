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
  package var eventSeq = EventSeq(0)
  package var outSeq = OutSeq(0)
  /// The room's own part of its timeline.
  package var ownTimeline: UInt32 = 1
  /// Of the last event, in microseconds since 1970.
  package var time: Int64
  package var tick: UInt64 = 0
  package var random: RandomState
  package var nextTimer = TimerID(1)
  /// By slot.
  package var members: [Member?] = []
  package var memberCount = 0
  package var tombstones: [Tombstone] = []
  /// By (due, id).
  package var timers: [RoomTimer] = []
  package var blames: [Blame] = []
  package var frozen: RoomEvent.FreezeReason?
  package var ring = OutputRing()
  /// What lists of rooms say of it; UTF-8 as the room gave it.
  package var label: [UInt8] = []
  /// In the order of their keys.
  package var properties: [RoomProperty] = []
  /// Takes no new members.
  package var isLocked = false
  package var ended: RoomEnd?
  /// Of the last signals, the oldest first.
  package var signals: [SignalAnswer] = []

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
  func add(_ timer: RoomTimer) {
    let at = timers.firstIndex { ($0.due, $0.id) > (timer.due, timer.id) } ?? timers.count
    timers.insert(timer, at: at)
  }
  /// Remembers a failure; what it blames falls out of the window by event time.
  func blame(_ slot: Slot?) {
    blames.removeAll { $0.time < time - Limits.quarantineWindowSeconds * 1_000_000 }
    blames.append(Blame(slot: slot, time: time))
  }
}

/// The snapshot record, format 2: u8 version, u64 room, host state, u32 + guest image. Format 1 lacks what `takeLater`
/// reads.
package struct RoomSnapshot {
  package static let version: UInt8 = 2
  package var room: RoomID
  package var host: RoomHost
  package var image: UnsafeRawBufferPointer

  /// Everything before the image; `image` is appended by the caller as a blob.
  static func encodeHost(_ room: RoomID, _ h: RoomHost, into out: inout [UInt8]) {
    out.append(version)
    out.put(room)
    out.append(contentsOf: h.module.bytes)
    out.putLimits(h.limits)
    out.putBlob(h.name)
    out.putBlob(h.key)
    out.put(h.eventSeq)
    out.put(h.outSeq)
    out.put(h.ownTimeline)
    out.put(h.time)
    out.put(h.tick)
    out.put(h.random.words.0)
    out.put(h.random.words.1)
    out.put(h.random.words.2)
    out.put(h.random.words.3)
    out.put(h.nextTimer)
    out.put(UInt32(h.members.count))
    for member in h.members {
      guard let member else {
        out.append(0)
        continue
      }
      out.append(member.suspended ? 2 : 1)
      out.put(member.membership.session)
      out.put(member.membership.joinID)
      out.putBlob(member.player)
      out.put(member.generation)
      out.put(member.lastSeq)
      out.put(member.lastOut)
    }
    out.put(UInt32(h.tombstones.count))
    for t in h.tombstones {
      out.put(t.membership.session)
      out.put(t.membership.joinID)
      out.put(t.last)
      out.append(t.reason)
      out.put(t.time)
    }
    out.put(UInt32(h.timers.count))
    for t in h.timers {
      out.put(t.id)
      out.put(t.due)
      out.putBlob(t.payload)
    }
    out.put(UInt32(h.blames.count))
    for b in h.blames {
      out.put(b.slot?.rawValue ?? UInt32.max)
      out.put(b.time)
    }
    out.append(h.frozen?.rawValue ?? 0)
    h.ring.encode(into: &out)
    encodeLater(h, into: &out)
  }

  /// Since format 2.
  private static func encodeLater(_ h: RoomHost, into out: inout [UInt8]) {
    out.putBlob(h.label)
    out.append(h.isLocked ? 1 : 0)
    out.append(UInt8(h.properties.count))
    for property in h.properties {
      out.putBlob(property.key)
      out.putBlob(property.value)
    }
    out.append(h.ended == nil ? 0 : 1)
    if let end = h.ended {
      out.putBlob(end.reason)
      out.put(end.time)
    }
    out.append(UInt8(h.signals.count))
    for signal in h.signals {
      out.putBlob(signal.idempotencyKey)
      out.append(signal.verdict.rawValue)
      out.putBlob(signal.reply)
    }
  }
  private static func takeLater(_ r: inout ByteReader, into h: RoomHost) throws(DecodingError) {
    h.label = Array(try r.takeBlob())
    h.isLocked = try r.take(UInt8.self) != 0
    for _ in 0..<(try r.take(UInt8.self)) {
      h.properties.append(RoomProperty(key: Array(try r.takeBlob()), value: Array(try r.takeBlob())))
    }
    guard h.properties.count <= Limits.propertiesMax else { throw DecodingError("snapshot with many properties") }
    if try r.take(UInt8.self) != 0 { h.ended = RoomEnd(reason: Array(try r.takeBlob()), time: try r.takeTime()) }
    for _ in 0..<(try r.take(UInt8.self)) {
      h.signals.append(
        SignalAnswer(
          idempotencyKey: Array(try r.takeBlob()), verdict: try r.takeCode(), reply: Array(try r.takeBlob())))
    }
    guard h.signals.count <= Limits.signalAnswersMax else { throw DecodingError("snapshot with many signals") }
  }

  /// The last event that a snapshot includes; nil where it does not decode.
  static func eventSeq(_ bytes: UnsafeRawBufferPointer) -> EventSeq? {
    var r = ByteReader(bytes)
    guard let version: UInt8 = try? r.take(), (1...Self.version).contains(version), let _: RoomID = try? r.take(),
      (try? r.takeHash()) != nil, (try? r.takeLimits()) != nil, (try? r.takeBlob()) != nil, (try? r.takeBlob()) != nil
    else { return nil }
    return try? r.takeNumber()
  }

  package init(_ bytes: UnsafeRawBufferPointer) throws(DecodingError) {
    var r = ByteReader(bytes)
    let version: UInt8 = try r.take()
    guard (1...Self.version).contains(version) else { throw DecodingError("snapshot format \(version) is unknown") }
    room = try r.take()
    let creation = RoomEvent.Creation(
      module: try r.takeHash(), limits: try r.takeLimits(), seed: 0, name: try r.takeBlob(), key: try r.takeBlob(),
      parameters: UnsafeRawBufferPointer(start: nil, count: 0))
    let h = RoomHost(creation, time: 0)
    h.eventSeq = try r.takeNumber()
    h.outSeq = try r.takeNumber()
    h.ownTimeline = try r.take()
    guard h.ownTimeline < UInt32.max / 2 else { throw DecodingError("snapshot of an impossible timeline") }
    h.time = try r.takeTime()
    h.tick = try r.takeNumber(EventSeq.self).rawValue
    h.random = RandomState(words: (try r.take(), try r.take(), try r.take(), try r.take()))
    h.nextTimer = try r.take()
    try Self.takeMembers(&r, into: h)
    for _ in 0..<(try r.take(UInt32.self)) {
      h.tombstones.append(
        Tombstone(
          membership: Membership(session: try r.take(), joinID: try r.take()), last: try r.takeNumber(),
          reason: try r.take(), time: try r.takeTime()))
    }
    for _ in 0..<(try r.take(UInt32.self)) {
      h.timers.append(RoomTimer(id: try r.take(), due: try r.takeTime(), payload: Array(try r.takeBlob())))
    }
    for _ in 0..<(try r.take(UInt32.self)) {
      let slot: UInt32 = try r.take()
      h.blames.append(Blame(slot: slot == UInt32.max ? nil : Slot(slot), time: try r.takeTime()))
    }
    let frozen: UInt8 = try r.take()
    h.frozen = RoomEvent.FreezeReason(rawValue: frozen)
    h.ring = try OutputRing(&r)
    guard h.ring.last <= h.outSeq else { throw DecodingError("snapshot with outputs above its last") }
    if version >= 2 { try Self.takeLater(&r, into: h) }
    host = h
    image = try r.takeBlob()
  }

  private static func takeMembers(_ r: inout ByteReader, into h: RoomHost) throws(DecodingError) {
    let count: UInt32 = try r.take()
    guard count <= Limits.membersMax else { throw DecodingError("snapshot with \(count) members") }
    for i in 0..<count {
      let state: UInt8 = try r.take()
      guard state != 0 else {
        h.members.append(nil)
        continue
      }
      var member = Member(
        membership: Membership(session: try r.take(), joinID: try r.take()), player: Array(try r.takeBlob()),
        generation: try r.take())
      member.suspended = state == 2
      member.lastSeq = try r.takeNumber()
      member.lastOut = try r.takeNumber()
      guard member.lastOut <= h.outSeq else { throw DecodingError("snapshot with outputs above its last") }
      h.put(member, at: Slot(i))
    }
  }
}
