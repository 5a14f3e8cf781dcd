// All that a room can see and do of the world.

/// To whom something is sent.
public enum Target: Hashable, Sendable {
  case all
  case only(Slot)
  case except(Slot)
}

public enum LogLevel: UInt32, Sendable {
  case debug = 0
  case info = 1
  case warning = 2
  case error = 3
}

/// The world as one event sees it. What it is told happens once the event is kept for good; if the event fails, it never
/// does.
public struct Context {
  /// The room's own, which outlives every event: not counted, for this is copied again and again.
  unowned(unsafe) let desk: Desk
  let hz: UInt32
  /// Of the tick that this event is; nil in other events, which ask for it.
  var tickNumber: UInt64?

  // Time.

  /// The number of the last tick.
  public var tick: UInt64 { tickNumber ?? hostTick() }
  /// Seconds from one tick to the next; always the same. 0 in a room that does not tick.
  public var dt: Float { hz > 0 ? 1 / Float(hz) : 0 }
  /// How many ticks were left out before this one.
  public var skipped: UInt32 { desk.skipped }
  /// When the event came. Never goes back.
  public var date: Moment { Moment(microseconds: hostTime()) }

  // Who is here.

  /// In the order of the slots.
  public var members: [Member] {
    var all: [Member] = []
    for (slot, seat) in desk.seats.enumerated() where seat.isTaken {
      all.append(Member(slot: Slot(UInt32(slot)), name: seat.name))
    }
    return all
  }
  public func member(_ slot: Slot) -> Member? {
    let index = Int(slot.number)
    return index < desk.seats.count && desk.seats[index].isTaken ? desk.member(slot) : nil
  }
  /// In `create` and `join`: what came along.
  public var parameters: Incoming { Incoming(desk.parameters) }
  /// In `leave`: why.
  public var reason: LeaveReason { desk.reason }

  // Saying things.

  /// Reliable: every member meant gets it, once and in order. Unreliable: may be dropped for a newer one.
  public func send<M: Message>(_ message: M, to target: Target = .all, reliable: Bool = true) {
    send(encoded(message), to: target, reliable: reliable)
  }
  public func send<M: Message>(_ message: M, to slot: Slot, reliable: Bool = true) {
    send(encoded(message), to: .only(slot), reliable: reliable)
  }
  /// Encoded once for all of the group.
  public func send<M: Message>(_ message: M, to group: Group, reliable: Bool = true) {
    let bytes = encoded(message)
    guard !group.isEmpty else { return }
    group.numbers.withUnsafeBytes { hostSendTo($0, reliable, bytes) }
  }
  /// A small answer that rides with the verdict on the message being handled. The last one counts.
  public func reply<M: Message>(_ answer: M) { hostReply(encoded(answer)) }

  // Chance, from the room's own sequence: the same on every replay.

  public func random() -> UInt64 { hostRandom() }
  /// From 0 up to, not including, `bound`, which must be positive.
  public func random(below bound: UInt64) -> UInt64 {
    precondition(bound > 0, "a random number below 0 does not exist")
    let unfair = (UInt64.max % bound &+ 1) % bound
    var draw = random()
    while draw > UInt64.max - unfair { draw = random() }
    return draw % bound
  }
  public func random(in range: ClosedRange<Int>) -> Int {
    let span = UInt64(bitPattern: Int64(range.upperBound) &- Int64(range.lowerBound))
    let draw = span == UInt64.max ? random() : random(below: span + 1)
    return Int(truncatingIfNeeded: Int64(range.lowerBound) &+ Int64(bitPattern: draw))
  }
  public func random(in range: ClosedRange<Float>) -> Float {
    let share = Float(random() >> 40) / 16_777_216
    return range.lowerBound + (range.upperBound - range.lowerBound) * share
  }
  /// Somewhere in the rectangle between two corners.
  public func random(in rectangle: (Vec2, Vec2)) -> Vec2 {
    let x = random(in: min(rectangle.0.x, rectangle.1.x)...max(rectangle.0.x, rectangle.1.x))
    return Vec2(x, random(in: min(rectangle.0.y, rectangle.1.y)...max(rectangle.0.y, rectangle.1.y)))
  }
  /// True in that share of all cases.
  public func chance(_ share: Float) -> Bool { random(in: 0...1) < share }

  // Later.

  /// Calls `timer` with the message when that much of the room's time has passed. The room's clock stands still while
  /// the room does not run.
  @discardableResult
  public func after<M: Message>(_ delay: Delay, _ message: M) -> TimerID {
    TimerID(hostAfter(delay.milliseconds, encoded(message)))
  }
  public func cancel(_ timer: TimerID) { hostCancel(timer.number) }

  // The room and its members.

  /// Removes a member; `leave` follows as an event of its own.
  public func kick(_ slot: Slot, _ reason: String) { with(reason) { hostKick(slot.number, $0) } }
  public func kick(_ member: Member, _ reason: String) { kick(member.slot, reason) }
  /// The room ends after this event; members are told why.
  public func end(_ reason: String) { with(reason) { hostEnd($0) } }
  /// What lists of rooms show; up to 128 bytes.
  public func label(_ text: String) { with(text) { hostLabel($0) } }
  /// What rooms can be searched by; an empty value removes it. At most 16, keys of 32 bytes, values of 64.
  public func property(_ key: String, _ value: String) { with(key + "=" + value) { hostProperty($0) } }
  /// A locked room takes no new members.
  public func lock(_ locked: Bool = true) { hostLock(locked) }

  // For those who run the server. Both are silent when the room is replayed or rehearsed.

  public func log(_ text: String, _ level: LogLevel = .info) { with(text) { hostLog(level.rawValue, $0) } }
  /// Adds to a metric of that name.
  public func count(_ name: String, _ amount: Int64 = 1) { with(name) { hostCount($0, amount) } }

  func refuse(_ reason: String) { with(reason) { hostRefuse($0) } }

  func encoded<M: Message>(_ message: M) -> UnsafeRawBufferPointer {
    var message = message
    desk.message.clear()
    desk.message.byte(M.id)
    var coder = Encoder(desk.message, all: false)
    message.fields(&coder)
    return desk.message.bytes
  }
  private func with(_ text: String, _ body: (UnsafeRawBufferPointer) -> Void) {
    var text = text
    text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
  }
}

/// For rooms with formats of their own.
extension Context {
  public func send(_ message: Writer, to target: Target = .all, reliable: Bool = true) {
    message.bytes.withUnsafeBytes { send($0, to: target, reliable: reliable) }
  }
  public func send(_ message: [UInt8], to target: Target = .all, reliable: Bool = true) {
    message.withUnsafeBytes { send($0, to: target, reliable: reliable) }
  }
  public func send(_ message: UnsafeRawBufferPointer, to target: Target = .all, reliable: Bool = true) {
    switch target {
    case .all: hostSend(0, 0, reliable, message)
    case .only(let slot): hostSend(1, slot.number, reliable, message)
    case .except(let slot): hostSend(2, slot.number, reliable, message)
    }
  }
  public func reply(_ answer: Writer) { answer.bytes.withUnsafeBytes { hostReply($0) } }
  public func reply(_ answer: [UInt8]) { answer.withUnsafeBytes { hostReply($0) } }
  @discardableResult
  public func after(_ delay: Delay, _ payload: Writer = Writer()) -> TimerID {
    TimerID(payload.bytes.withUnsafeBytes { hostAfter(delay.milliseconds, $0) })
  }
}
