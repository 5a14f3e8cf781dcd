// What a game developer writes: one type that is the room.

/// One game instance. All its state is in its properties; the server saves, restores and moves it as a whole.
///
/// The functions are called one at a time, each with one event. A room that fails in one (a trap, too much work, too
/// much memory) is put back to just before that event and goes on. What a room does must follow from its state and
/// its events alone: `Context` is its only clock and its only source of chance.
public protocol Room {
  static var settings: Settings { get }
  /// The state before anything has happened.
  init()
  /// The room was made; `parameters` are what the one who made it sent along.
  mutating func create(_ parameters: inout Reader, _ room: Context) throws(Refused)
  /// Somebody wants to come in. Throw before changing anything to keep them out.
  mutating func join(_ member: Member, _ parameters: inout Reader, _ room: Context) throws(Refused)
  mutating func leave(_ slot: Slot, _ reason: LeaveReason, _ room: Context)
  /// A member's connection is gone, its place is kept for a while.
  mutating func suspended(_ slot: Slot, _ room: Context)
  mutating func returned(_ slot: Slot, _ room: Context)
  /// A member's message. Throw before changing anything to refuse it.
  mutating func message(_ message: inout Reader, from sender: Sender, _ room: Context) throws(Refused)
  /// As often as `settings.hz` says; `skipped` ticks were left out before this one.
  mutating func tick(skipped: UInt32, _ room: Context)
  /// A timer set by `room.after` is due.
  mutating func timer(_ id: TimerID, _ payload: inout Reader, _ room: Context)
  /// Writes the state as a member may see it (nil: as everybody may). Runs on a copy.
  func describe(for slot: Slot?, _ state: inout Writer)
  /// What is wrong with the state, or nil. Runs on a copy; releases are judged by it.
  func check() -> String?
}

extension Room {
  public mutating func create(_ parameters: inout Reader, _ room: Context) throws(Refused) {}
  public mutating func join(_ member: Member, _ parameters: inout Reader, _ room: Context) throws(Refused) {}
  public mutating func leave(_ slot: Slot, _ reason: LeaveReason, _ room: Context) {}
  public mutating func suspended(_ slot: Slot, _ room: Context) {}
  public mutating func returned(_ slot: Slot, _ room: Context) {}
  public mutating func message(_ message: inout Reader, from sender: Sender, _ room: Context) throws(Refused) {
    throw Refused("unknown message")
  }
  public mutating func tick(skipped: UInt32, _ room: Context) {}
  public mutating func timer(_ id: TimerID, _ payload: inout Reader, _ room: Context) {}
  public func describe(for slot: Slot?, _ state: inout Writer) {}
  public func check() -> String? { nil }
}

/// What the server must know of a room before there is one.
public struct Settings: Sendable {
  /// Ticks a second; 0: none.
  public var hz: UInt32
  public var members: UInt32
  /// Whether the room ticks with nobody in it.
  public var ticksWhenEmpty: Bool
  /// At most; 0: the server's usual limit.
  public var memoryKiB: UInt32
  public init(hz: UInt32 = 0, members: UInt32 = 32, ticksWhenEmpty: Bool = false, memoryKiB: UInt32 = 0) {
    self.hz = hz
    self.members = members
    self.ticksWhenEmpty = ticksWhenEmpty
    self.memoryKiB = memoryKiB
  }
}

/// A member's place in the room: the lowest that is free when it joins.
public struct Slot: Hashable, Sendable {
  public var number: UInt32
  public init(_ number: UInt32) { self.number = number }
}

/// Who joins.
public struct Member: Sendable {
  public var slot: Slot
  public var name: String
}

/// Whose message it is.
public struct Sender: Sendable {
  public var slot: Slot
  /// The sender's own mark on a fire-and-forget message, for prediction; 0 on a numbered one.
  public var stamp: UInt64
}

public enum LeaveReason: UInt32, Sendable {
  case left = 0
  case kicked = 1
  case expired = 2
}

/// A timer of this room, from 1.
public struct TimerID: Hashable, Sendable {
  public var number: UInt32
  public init(_ number: UInt32) { self.number = number }
}

/// A join or a message is not accepted. Nothing may have been changed before it is thrown.
public struct Refused: Error {
  /// The sender is told.
  public var reason: String
  public init(_ reason: String) { self.reason = reason }
}
