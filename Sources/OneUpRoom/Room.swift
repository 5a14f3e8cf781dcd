// What a game developer writes: one type that is the room.

/// One game instance. All its state is in its properties, and all its properties are in `fields`; the server saves,
/// restores and moves it as a whole.
///
/// The functions are called one at a time, each with one event. A room that fails in one (a trap, too much work, too
/// much memory) is put back to just before that event and goes on. What a room does must follow from its state and
/// its events alone: `Context` is its only clock and its only source of chance.
public protocol Room: Fields {
  static var settings: Settings { get }
  /// Every message, with the name that clients call it by.
  static func messages(_ m: inout Messages)
  /// The state before anything has happened.
  init()
  /// The room was made; `room.parameters` are what the one who made it sent along.
  mutating func create(_ room: Context) throws(Refused)
  /// Somebody wants to come in; `room.parameters` are theirs. Throw before changing anything to keep them out.
  mutating func join(_ member: Member, _ room: Context) throws(Refused)
  /// A member is gone for good; `room.reason` says why.
  mutating func leave(_ member: Member, _ room: Context)
  /// A member's connection is gone, its place is kept for a while.
  mutating func suspended(_ member: Member, _ room: Context)
  mutating func returned(_ member: Member, _ room: Context)
  /// A member's message. Throw before changing anything to refuse it.
  mutating func message(_ message: Incoming, from member: Member, _ room: Context) throws(Refused)
  /// As often as `settings.hz` says.
  mutating func tick(_ room: Context)
  /// A timer set by `room.after` is due, with what it was given.
  mutating func timer(_ message: Incoming, _ room: Context)
  /// The server's side, or another room, says something. Throw before changing anything to refuse it.
  mutating func signal(_ message: Incoming, _ room: Context) throws(Refused)
  /// What came of something that this room asked of another.
  mutating func answered(_ answer: Answer, _ room: Context)
  /// Only for rooms whose fields are all hidden: writes the state as a member may see it (nil: as everybody may). Runs
  /// on a copy.
  func describe(for slot: Slot?, _ state: inout Writer)
  /// What is wrong with the state, or nil. Runs on a copy; releases are judged by it.
  func check() -> String?
}

extension Room {
  public static func messages(_ m: inout Messages) {}
  public mutating func create(_ room: Context) throws(Refused) {}
  public mutating func join(_ member: Member, _ room: Context) throws(Refused) {}
  public mutating func leave(_ member: Member, _ room: Context) {}
  public mutating func suspended(_ member: Member, _ room: Context) {}
  public mutating func returned(_ member: Member, _ room: Context) {}
  public mutating func message(_ message: Incoming, from member: Member, _ room: Context) throws(Refused) {
    throw Refused("unknown message")
  }
  public mutating func tick(_ room: Context) {}
  public mutating func timer(_ message: Incoming, _ room: Context) {}
  public mutating func signal(_ message: Incoming, _ room: Context) throws(Refused) { throw Refused("unknown signal") }
  public mutating func answered(_ answer: Answer, _ room: Context) {}
  public func describe(for slot: Slot?, _ state: inout Writer) {}
  public func check() -> String? { nil }
}

/// A member's place in the room: the lowest that is free when it joins.
public struct Slot: Hashable, Sendable {
  public var number: UInt32
  public init() { number = 0 }
  public init(_ number: UInt32) { self.number = number }
}

/// Somebody in the room, connected or about to return.
public struct Member: Sendable {
  public let slot: Slot
  public let name: String
}

public enum LeaveReason: UInt32, Sendable {
  case left = 0
  case kicked = 1
  /// The connection was lost and did not return in time.
  case expired = 2
}

/// A timer of this room, from 1. Keep it in a field to cancel it by.
public struct TimerID: Hashable, Sendable {
  public var number: UInt32
  /// No timer; to cancel it does nothing.
  public init() { number = 0 }
  public init(_ number: UInt32) { self.number = number }
}

extension TimerID: Value {
  public static var kind: Kind { .varint }
  public mutating func put(_ out: Encoder) { number.put(out) }
  public mutating func take(_ input: inout Decoder) { number.take(&input) }
  public mutating func json(_ out: Buffer) { number.json(out) }
  public static func schema(_ out: SchemaWriter) { UInt32.schema(out) }
}

/// A length of the room's time.
public struct Delay: Hashable, Sendable {
  public var milliseconds: UInt64
  public static func milliseconds(_ count: UInt64) -> Delay { Delay(milliseconds: count) }
  public static func seconds(_ count: UInt64) -> Delay { Delay(milliseconds: count * 1000) }
  public static func minutes(_ count: UInt64) -> Delay { Delay(milliseconds: count * 60_000) }
}

/// A moment of the world's time.
public struct Moment: Hashable, Comparable, Sendable {
  /// Since 1970.
  public var microseconds: Int64
  public init(microseconds: Int64) { self.microseconds = microseconds }
  public var seconds: Double { Double(microseconds) / 1e6 }
  public static func < (a: Moment, b: Moment) -> Bool { a.microseconds < b.microseconds }
}

/// A join, a message or a signal is not accepted. Nothing may have been changed before it is thrown.
public struct Refused: Error {
  /// The sender is told.
  public var reason: String
  public init(_ reason: String) { self.reason = reason }
}
