// All that a room can see and do of the world.

/// To whom something is sent.
public enum Target: Sendable {
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

/// The world as one event sees it. Sends leave once the event is kept for good; if the event fails, they never happened.
public struct Context {
  #if arch(wasm32)
    init() {}
  #else
    let host: RecordingHost
  #endif

  /// The number of the last tick.
  public var tick: UInt64 { hostTick() }
  /// When the event came, in microseconds since 1970. Never goes back.
  public var time: Int64 { hostTime() }

  /// Reliable: every member meant gets it, once and in order. Unreliable: may be dropped for a newer one.
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

  /// A small answer that rides with the verdict on the message being handled. The last one counts.
  public func reply(_ answer: Writer) { answer.bytes.withUnsafeBytes { hostReply($0) } }
  public func reply(_ answer: [UInt8]) { answer.withUnsafeBytes { hostReply($0) } }

  /// From the room's own sequence: the same on every replay.
  public func random() -> UInt64 { hostRandom() }
  /// From 0 up to, not including, `bound`, which must be positive.
  public func random(below bound: UInt64) -> UInt64 {
    precondition(bound > 0, "a random number below 0 does not exist")
    let unfair = (UInt64.max % bound &+ 1) % bound
    var draw = random()
    while draw > UInt64.max - unfair { draw = random() }
    return draw % bound
  }

  /// Calls `timer` with the payload when that much of the room's time has passed.
  @discardableResult
  public func after(milliseconds: UInt64, _ payload: Writer = Writer()) -> TimerID {
    TimerID(payload.bytes.withUnsafeBytes { hostAfter(milliseconds, $0) })
  }
  public func cancel(_ timer: TimerID) { hostCancel(timer.number) }

  /// Removes a member; `leave` follows as an event of its own.
  public func kick(_ slot: Slot, _ reason: String) {
    var reason = reason
    reason.withUTF8 { hostKick(slot.number, UnsafeRawBufferPointer($0)) }
  }
  public func log(_ text: String, _ level: LogLevel = .info) {
    var text = text
    text.withUTF8 { hostLog(level.rawValue, UnsafeRawBufferPointer($0)) }
  }

  func refuse(_ reason: String) {
    var reason = reason
    reason.withUTF8 { hostRefuse(UnsafeRawBufferPointer($0)) }
  }
  func state(_ state: Writer) { state.bytes.withUnsafeBytes { hostState($0) } }
}
