// What the host keeps for a room's silent version alone, while a newer one is on probation (protocol §9.2).
package import Core

/// A class, like the host's own state, so that a look at one of its fields does not copy it.
package final class TwinPart {
  package var module: ModuleHash
  package var limits: RoomLimits
  package var random: RandomState
  package var nextTimer: TimerID
  /// By (due, id).
  package var timers: [RoomTimer]
  package var nextRequest: RequestID
  /// What it would have asked; what the version that speaks has asked too is answered to both.
  package var requests: [OpenRequest]
  /// Members that it refused or failed to take: it is not called for them. In order.
  package var lacks: [Slot] = []
  /// Inputs whose outcome in it differs, the oldest first; bounded, the oldest are forgotten.
  package var differences: [Difference] = []
  /// The event that began the probation.
  package var begunAt: EventSeq
  /// Probation lasts until both are reached.
  package var endsAtEvent: EventSeq
  package var endsAtTime: Int64

  package struct Difference: Hashable, Sendable {
    package var slot: Slot
    package var seq: InputSeq
  }

  /// The version that spoke until now.
  init(_ host: RoomHost, at event: EventSeq, time: Int64, _ upgrade: RoomEvent.Upgrade) {
    module = host.module
    limits = host.limits
    random = host.random
    nextTimer = host.nextTimer
    timers = host.timers
    nextRequest = host.nextRequest
    requests = host.requests
    begunAt = event
    endsAtEvent = EventSeq(event.rawValue + UInt64(upgrade.probationEvents))
    endsAtTime = time + Int64(upgrade.probationSeconds) * 1_000_000
  }

  func add(_ slot: Slot) {
    guard !lacks.contains(slot) else { return }
    lacks.insert(slot, at: lacks.firstIndex { $0 > slot } ?? lacks.count)
  }
  /// Whoever has the place next is another member.
  func forget(_ slot: Slot) {
    lacks.removeAll { $0 == slot }
    differences.removeAll { $0.slot == slot }
  }
  func note(_ slot: Slot, _ seq: InputSeq) {
    if differences.count >= Limits.twinDifferencesMax { differences.removeFirst() }
    differences.append(Difference(slot: slot, seq: seq))
  }

  func encode(into out: inout [UInt8]) {
    out.append(contentsOf: module.bytes)
    out.putLimits(limits)
    out.put(random.words.0)
    out.put(random.words.1)
    out.put(random.words.2)
    out.put(random.words.3)
    out.put(nextTimer)
    out.putTimers(timers)
    out.put(UInt16(lacks.count))
    for slot in lacks { out.put(slot) }
    out.put(UInt16(differences.count))
    for difference in differences {
      out.put(difference.slot)
      out.put(difference.seq)
    }
    out.put(begunAt)
    out.put(endsAtEvent)
    out.put(endsAtTime)
  }
  init(_ r: inout ByteReader) throws(DecodingError) {
    module = try r.takeHash()
    limits = try r.takeLimits()
    random = RandomState(words: (try r.take(), try r.take(), try r.take(), try r.take()))
    nextTimer = try r.take()
    timers = try r.takeTimers()
    (nextRequest, requests) = (RequestID(1), [])
    lacks = try r.takeSlots()
    for _ in 0..<(try r.take(UInt16.self)) {
      differences.append(Difference(slot: try r.take(), seq: try r.takeNumber()))
    }
    guard differences.count <= Limits.twinDifferencesMax else { throw DecodingError("snapshot with many differences") }
    begunAt = try r.takeNumber()
    endsAtEvent = try r.takeNumber()
    endsAtTime = try r.takeTime()
  }
}

extension [UInt8] {
  mutating func putTimers(_ timers: [RoomTimer]) {
    put(UInt32(timers.count))
    for t in timers {
      put(t.id)
      put(t.due)
      putBlob(t.payload)
    }
  }
}

extension ByteReader {
  mutating func takeTimers() throws(DecodingError) -> [RoomTimer] {
    var timers: [RoomTimer] = []
    for _ in 0..<(try take(UInt32.self)) {
      timers.append(RoomTimer(id: try take(), due: try takeTime(), payload: Array(try takeBlob())))
    }
    return timers
  }
  mutating func takeSlots() throws(DecodingError) -> [Slot] {
    var slots: [Slot] = []
    for _ in 0..<(try take(UInt16.self)) { slots.append(try take()) }
    return slots
  }
}
