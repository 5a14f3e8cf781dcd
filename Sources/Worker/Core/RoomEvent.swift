// The events of a room as the journal holds them. The live path executes exactly these bytes.
package import Core

/// One input to a room. Buffers are borrowed.
package enum RoomEvent {
  // Boxed, so that the frequent ones stay small.
  indirect case created(Creation)
  indirect case joined(Joining)
  /// A newer connection, or the end of a suspension.
  case attached(Slot, Generation)
  case input(Slot, InputSeq, stamp: UInt64, payload: UnsafeRawBufferPointer)
  case rejected(Slot, InputSeq, code: UInt8)
  case leave(Slot, InputSeq)
  case removed(Slot, LeaveReason)
  case suspended(Slot)
  case tick(number: UInt64, skipped: UInt32)
  case timer(TimerID, payload: UnsafeRawBufferPointer)
  case frozen(FreezeReason)
  /// From the game's own backend.
  indirect case signal(idempotencyKey: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer)
  /// The room is over: it has no members from here on and takes nothing but its end's questions.
  case ended(reason: UnsafeRawBufferPointer)
  case locked(Bool)
  /// The room's record is no more; its key may be used anew.
  case dropped
  /// Another build speaks from here on, with the state that it made of the room's.
  indirect case upgraded(Upgrade)
  /// The silent version speaks again (protocol §9.4). Without one it means nothing.
  case back(reason: UnsafeRawBufferPointer)
  /// The silent version is no more.
  case twinEnded(TwinEnd)
  /// While there are two versions, each fires its own first timer that is due.
  case wake
  /// What came of a request of the room; each version is told that has it open.
  indirect case answered(RequestKey, RequestOutcome, reply: UnsafeRawBufferPointer)

  package struct Creation {
    package var module: ModuleHash
    package var limits: RoomLimits
    package var seed: UInt64
    package var name: UnsafeRawBufferPointer
    package var key: UnsafeRawBufferPointer
    package var parameters: UnsafeRawBufferPointer
  }
  package struct Joining {
    package var slot: Slot
    package var membership: Membership
    package var generation: Generation
    package var player: UnsafeRawBufferPointer
    package var parameters: UnsafeRawBufferPointer
  }
  package struct Upgrade {
    package var module: ModuleHash
    package var limits: RoomLimits
    /// How many events and seconds the old version goes on in silence; both 0: it does not.
    package var probationEvents: UInt32
    package var probationSeconds: UInt32
    /// Of the new build's instance, so that replay runs neither `save` nor `restore`.
    package var image: UnsafeRawBufferPointer
    package init(
      module: ModuleHash, limits: RoomLimits, probationEvents: UInt32, probationSeconds: UInt32,
      image: UnsafeRawBufferPointer
    ) {
      self.module = module
      self.limits = limits
      self.probationEvents = probationEvents
      self.probationSeconds = probationSeconds
      self.image = image
    }
    var hasProbation: Bool { probationEvents > 0 || probationSeconds > 0 }
  }
  package enum TwinEnd: UInt8, Sendable, Hashable {
    /// Enough events and time have passed.
    case probationOver = 1
    /// It was asked for.
    case settled = 2
    /// The silent version's ticks or timers kept failing where those of the one that speaks did not.
    case keptFailing = 3

    /// For people, after "the room has one version again: ".
    var text: String {
      switch self {
      case .probationOver: "probation is over"
      case .settled: "it was asked for"
      case .keptFailing: "the ticks or timers of the older one kept failing"
      }
    }
  }
  package enum FreezeReason: UInt8, Sendable, Hashable {
    case ticksFail = 1
    case membersFail = 2
    /// What was decided came out differently in replay; the record is intact.
    case diverged = 3
    /// The module's bytes are gone, or the engine cannot run them.
    case moduleMissing = 4
    /// A call that is no event killed the worker, twice in a row, and the room cannot be served without it.
    case kills = 5

    /// For people, after "the room is frozen: ".
    package var text: String {
      switch self {
      case .ticksFail: "its ticks or timers keep failing"
      case .membersFail: "messages of several members made its code fail"
      case .diverged: "its history did not come out the same when it was replayed"
      case .moduleMissing: "its build is not here, or cannot be run"
      case .kills: "its code kills the worker"
      }
    }
  }
}

/// An event's place: u8 kind, u64 room, u64 eventSeq go before its body.
package struct EventHead {
  static let bytes = 17
  package var room: RoomID
  package var seq: EventSeq
  package init(room: RoomID, seq: EventSeq) {
    self.room = room
    self.seq = seq
  }
}

extension [UInt8] {
  package mutating func putEvent(_ head: EventHead, _ event: RoomEvent) {
    append(count: EventHead.bytes) { bytes in
      bytes.put(event.kind, at: 0)
      bytes.put(head.room, at: 1)
      bytes.put(head.seq, at: 9)
    }
    switch event {
    case .created(let c):
      append(contentsOf: c.module.bytes)
      putLimits(c.limits)
      put(c.seed)
      putBlob(c.name)
      putBlob(c.key)
      putBlob(c.parameters)
    case .joined(let j):
      put(j.slot)
      put(j.membership.session)
      put(j.membership.joinID)
      put(j.generation)
      putBlob(j.player)
      putBlob(j.parameters)
    case .attached(let slot, let generation):
      put(slot)
      put(generation)
    case .input(let slot, let seq, let stamp, let payload):
      append(count: 24 + payload.count) { bytes in
        bytes.put(slot, at: 0)
        bytes.put(seq, at: 4)
        bytes.put(stamp, at: 12)
        bytes.put(UInt32(payload.count), at: 20)
        if let base = payload.baseAddress { (bytes + 24).copyMemory(from: base, byteCount: payload.count) }
      }
    case .rejected(let slot, let seq, let code):
      put(slot)
      put(seq)
      append(code)
    case .leave(let slot, let seq):
      put(slot)
      put(seq)
    case .removed(let slot, let reason):
      put(slot)
      append(reason.rawValue)
    case .suspended(let slot): put(slot)
    case .tick(let number, let skipped):
      put(number)
      put(skipped)
    case .timer(let id, let payload):
      put(id)
      putBlob(payload)
    case .frozen(let reason): append(reason.rawValue)
    case .signal(let idempotencyKey, let payload):
      putBlob(idempotencyKey)
      putBlob(payload)
    case .ended(let reason): putBlob(reason)
    case .locked(let isLocked): append(isLocked ? 1 : 0)
    case .dropped, .wake: break
    case .upgraded(let u):
      append(contentsOf: u.module.bytes)
      putLimits(u.limits)
      put(u.probationEvents)
      put(u.probationSeconds)
      putBlob(u.image)
    case .back(let reason): putBlob(reason)
    case .twinEnded(let why): append(why.rawValue)
    case .answered(let key, let outcome, let reply):
      put(key)
      append(outcome.rawValue)
      putBlob(reply)
    }
  }

  mutating func putLimits(_ limits: RoomLimits) {
    put(limits.fuel)
    put(limits.memoryBytes)
    put(limits.stackBytes)
    put(limits.outputBytes)
  }
}

extension RoomEvent {
  package var kind: UInt8 {
    switch self {
    case .created: 1
    case .joined: 2
    case .attached: 3
    case .input: 4
    case .rejected: 5
    case .leave: 6
    case .removed: 7
    case .suspended: 8
    case .tick: 9
    case .timer: 10
    case .frozen: 11
    case .signal: 12
    case .ended: 13
    case .locked: 14
    case .dropped: 15
    case .upgraded: 16
    case .back: 17
    case .twinEnded: 18
    case .wake: 19
    case .answered: 20
    }
  }
}

extension ByteReader {
  static var numberMax: UInt64 { 1 << 62 }
  static var timeMax: UInt64 { 1 << 60 }
  /// Of things that are counted one by one: none ever gets so far, and whoever counts on cannot overflow.
  mutating func takeNumber<I: Identifier>(_: I.Type = I.self) throws(DecodingError) -> I where I.RawValue == UInt64 {
    let value: UInt64 = try take()
    guard value <= Self.numberMax else { throw DecodingError("has a number that nothing reaches") }
    return I(value)
  }
  /// In microseconds since 1970; far enough from the ends that seconds and delays can be added.
  mutating func takeTime() throws(DecodingError) -> Int64 {
    let value: Int64 = try take()
    guard value.magnitude <= Self.timeMax else { throw DecodingError("has a time in no calendar") }
    return value
  }
  mutating func takeLimits() throws(DecodingError) -> RoomLimits {
    RoomLimits(fuel: try take(), memoryBytes: try take(), stackBytes: try take(), outputBytes: try take())
  }
  mutating func takeHash() throws(DecodingError) -> ModuleHash { ModuleHash(Array(try take(bytes: 32))) }
  mutating func takeCode<T: RawRepresentable<UInt8>>(_: T.Type = T.self) throws(DecodingError) -> T {
    guard let value = T(rawValue: try take()) else { throw DecodingError("has an unknown code") }
    return value
  }

  package mutating func takeEvent() throws(DecodingError) -> (EventHead, RoomEvent) {
    let kind: UInt8 = try take()
    let head = EventHead(room: try take(), seq: try take())
    switch kind {
    case 1:
      return (
        head,
        .created(
          .init(
            module: try takeHash(), limits: try takeLimits(), seed: try take(), name: try takeBlob(),
            key: try takeBlob(), parameters: try takeBlob()))
      )
    case 2:
      return (
        head,
        .joined(
          .init(
            slot: try take(), membership: Membership(session: try take(), joinID: try take()), generation: try take(),
            player: try takeBlob(), parameters: try takeBlob()))
      )
    case 3: return (head, .attached(try take(), try take()))
    case 4: return (head, .input(try take(), try take(), stamp: try take(), payload: try takeBlob()))
    case 5: return (head, .rejected(try take(), try take(), code: try take()))
    case 6: return (head, .leave(try take(), try take()))
    case 7: return (head, .removed(try take(), try takeCode()))
    case 8: return (head, .suspended(try take()))
    case 9: return (head, .tick(number: try take(), skipped: try take()))
    case 10: return (head, .timer(try take(), payload: try takeBlob()))
    case 11: return (head, .frozen(try takeCode()))
    case 12: return (head, .signal(idempotencyKey: try takeBlob(), payload: try takeBlob()))
    case 13: return (head, .ended(reason: try takeBlob()))
    case 14: return (head, .locked(try take(UInt8.self) != 0))
    case 15: return (head, .dropped)
    case 16:
      return (
        head,
        .upgraded(
          .init(
            module: try takeHash(), limits: try takeLimits(), probationEvents: try take(), probationSeconds: try take(),
            image: try takeBlob()))
      )
    case 17: return (head, .back(reason: try takeBlob()))
    case 18: return (head, .twinEnded(try takeCode()))
    case 19: return (head, .wake)
    case 20: return (head, .answered(try takeRequestKey(), try takeCode(), reply: try takeBlob()))
    default: throw DecodingError("event kind \(kind) is unknown")
    }
  }
}

extension RoomEvent {
  /// Whether an event of a record can follow what came before it. Live ones always do; a log that says otherwise was not
  /// written by this program, or not for this room.
  func follows(_ head: EventHead, _ room: RoomID, _ host: RoomHost?) -> Bool {
    guard head.room == room, max(head.seq.rawValue, counted) <= ByteReader.numberMax else { return false }
    guard let host else {
      if case .created = self { return true }
      return false
    }
    guard head.seq > host.eventSeq else { return false }
    if host.ended != nil {
      if case .dropped = self { return true }
      return false
    }
    switch self {
    case .created: return false
    case .joined(let joining): return joining.slot.rawValue < Limits.membersMax && host[joining.slot] == nil
    case .attached(let slot, _), .input(let slot, _, _, _), .rejected(let slot, _, _), .leave(let slot, _),
      .removed(let slot, _), .suspended(let slot):
      return Int(slot.rawValue) < host.members.count
    case .tick, .timer, .frozen, .signal, .ended, .locked, .back, .twinEnded, .wake, .answered: return true
    case .upgraded: return host.twin == nil
    case .dropped: return false
    }
  }
  /// The number that the room counts on from, if it has one.
  private var counted: UInt64 {
    switch self {
    case .input(_, let seq, _, _), .rejected(_, let seq, _), .leave(_, let seq): seq.rawValue
    case .tick(let number, _): number
    case .created, .joined, .attached, .removed, .suspended, .timer, .frozen, .signal, .ended, .locked, .dropped,
      .upgraded, .back, .twinEnded, .wake, .answered:
      0
    }
  }
}

/// A verdict on an event written earlier; changes no place in the order.
package struct Annotation: Sendable, Hashable {
  package enum Verdict: Sendable, Hashable {
    /// The event was undone.
    case quarantined
    /// The version that speaks failed alone: the other one's outcome stands, and it speaks from here on.
    case back
    /// The silent version alone was undone. Where the watchdog or a death did it, it is no more.
    case twinUndone
  }
  package var room: RoomID
  package var event: EventSeq
  package var fault: RoomFault.Kind
  /// The event's outputs may have left already, or history changes: the room's timeline rises with it.
  package var raisesTimeline: Bool
  package var verdict: Verdict

  package init(
    room: RoomID, event: EventSeq, fault: RoomFault.Kind, raisesTimeline: Bool, verdict: Verdict = .quarantined
  ) {
    self.room = room
    self.event = event
    self.fault = fault
    self.raisesTimeline = raisesTimeline
    self.verdict = verdict
  }
  /// What is nobody's fault cannot be told from what is: a silent version is not worth finding out.
  var endsTwin: Bool { verdict == .twinUndone && (fault == .watchdog || fault == .death) }
  package static let bytes = 18
  /// Flags: 1 the timeline rises, 2 back, 4 the silent version only.
  package func encode(into out: inout [UInt8]) {
    out.put(room)
    out.put(event)
    out.append(fault.rawValue)
    let verdict: UInt8 =
      switch verdict {
      case .quarantined: 0
      case .back: 2
      case .twinUndone: 4
      }
    out.append((raisesTimeline ? 1 : 0) | verdict)
  }
  package init(_ r: inout ByteReader) throws(DecodingError) {
    room = try r.take()
    event = try r.take()
    fault = try r.takeCode()
    let flags: UInt8 = try r.take()
    raisesTimeline = flags & 1 != 0
    switch flags & ~1 {
    case 0: verdict = .quarantined
    case 2: verdict = .back
    case 4: verdict = .twinUndone
    default: throw DecodingError("has a verdict that does not exist")
    }
  }
}

/// The head of a batch record: u64 number, i64 time in microseconds since 1970; then events.
package struct BatchHead: Sendable {
  package var number: BatchNumber
  package var time: Int64
  package init(number: BatchNumber, time: Int64) {
    self.number = number
    self.time = time
  }
  package init(_ r: inout ByteReader) throws(DecodingError) {
    number = try r.takeNumber()
    time = try r.takeTime()
  }
  /// Of numbers that were not read by themselves.
  var isPossible: Bool {
    number.rawValue <= ByteReader.numberMax && time.magnitude <= ByteReader.timeMax
  }
}
