// A room's whole state as one record.
package import Core
import Wire

/// The snapshot record, format 4: u8 version, u64 room, host state, u32 + guest image, and where there is a silent version
/// u32 + its image. Format 1 lacks what `takeLater` reads, formats 1 and 2 what `takeTwin` reads, and all before 4 the
/// outboxes; in 2 and 3 the count of signals is one byte.
package struct RoomSnapshot {
  package static let version: UInt8 = 4
  package var room: RoomID
  package var host: RoomHost
  package var image: UnsafeRawBufferPointer
  /// Of the silent version.
  package var twinImage: UnsafeRawBufferPointer?

  /// Everything before the images, which are appended by the caller as blobs.
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
    out.putTimers(h.timers)
    out.put(UInt32(h.blames.count))
    for b in h.blames {
      out.put(b.slot?.rawValue ?? UInt32.max)
      out.put(b.time)
    }
    out.append(h.frozen?.rawValue ?? 0)
    h.ring.encode(into: &out)
    encodeLater(h, into: &out)
    encodeTwin(h, into: &out)
    // Since format 4.
    out.putRequests(h.nextRequest, h.requests)
    if let twin = h.twin { out.putRequests(twin.nextRequest, twin.requests) }
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
    out.put(UInt16(h.signals.count))
    for signal in h.signals {
      out.putBlob(signal.idempotencyKey)
      out.append(signal.verdict.rawValue)
      out.putBlob(signal.reply)
    }
  }
  private static func takeLater(_ r: inout ByteReader, into h: RoomHost, _ version: UInt8) throws(DecodingError) {
    h.label = Array(try r.takeBlob())
    h.isLocked = try r.take(UInt8.self) != 0
    for _ in 0..<(try r.take(UInt8.self)) {
      h.properties.append(RoomProperty(key: Array(try r.takeBlob()), value: Array(try r.takeBlob())))
    }
    guard h.properties.count <= Limits.propertiesMax else { throw DecodingError("snapshot with many properties") }
    if try r.take(UInt8.self) != 0 { h.ended = RoomEnd(reason: Array(try r.takeBlob()), time: try r.takeTime()) }
    let signals = version >= 4 ? Int(try r.take(UInt16.self)) : Int(try r.take(UInt8.self))
    for _ in 0..<signals {
      h.signals.append(
        SignalAnswer(
          idempotencyKey: Array(try r.takeBlob()), verdict: try r.takeCode(), reply: Array(try r.takeBlob())))
    }
    guard h.signals.count <= 2 * Limits.signalAnswersMax else { throw DecodingError("snapshot with many signals") }
  }

  /// Since format 3.
  private static func encodeTwin(_ h: RoomHost, into out: inout [UInt8]) {
    out.put(UInt16(h.strangers.count))
    for slot in h.strangers { out.put(slot) }
    out.append(h.twin == nil ? 0 : 1)
    h.twin?.encode(into: &out)
  }
  private static func takeTwin(_ r: inout ByteReader, into h: RoomHost) throws(DecodingError) {
    h.strangers = try r.takeSlots()
    if try r.take(UInt8.self) != 0 { h.twin = try TwinPart(&r) }
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
    h.timers = try r.takeTimers()
    for _ in 0..<(try r.take(UInt32.self)) {
      let slot: UInt32 = try r.take()
      h.blames.append(Blame(slot: slot == UInt32.max ? nil : Slot(slot), time: try r.takeTime()))
    }
    let frozen: UInt8 = try r.take()
    h.frozen = RoomEvent.FreezeReason(rawValue: frozen)
    h.ring = try OutputRing(&r)
    guard h.ring.last <= h.outSeq else { throw DecodingError("snapshot with outputs above its last") }
    if version >= 2 { try Self.takeLater(&r, into: h, version) }
    if version >= 3 { try Self.takeTwin(&r, into: h) }
    if version >= 4 {
      (h.nextRequest, h.requests) = try r.takeRequests()
      if let twin = h.twin { (twin.nextRequest, twin.requests) = try r.takeRequests() }
    }
    host = h
    image = try r.takeBlob()
    if h.twin != nil { twinImage = try r.takeBlob() }
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
