// What the server must know of a kind of room before there is one.

public struct Settings: Sendable {
  /// Ticks a second, up to 240; 0: none.
  public var hz: UInt32
  /// At most, up to 1,000.
  public var members: UInt32
  /// Whether who joins a room that does not exist makes it; else only the server's side can.
  public var clientsMayCreate: Bool
  /// Of this kind at a time; 0: no limit of its own.
  public var roomsMax: UInt32
  /// How long a room is kept with nobody in it; 0: for ever.
  public var keepEmptySeconds: UInt32
  /// How long a place is kept for a member whose connection is lost; 0: the server's usual time.
  public var graceSeconds: UInt32
  /// Whether the room ticks with nobody in it.
  public var ticksWhenEmpty: Bool
  /// 64 to 65,536; 0: the server's usual limit.
  public var memoryKiB: UInt32

  public init(
    hz: UInt32 = 0, members: UInt32 = 32, clientsMayCreate: Bool = true, roomsMax: UInt32 = 0,
    keepEmptySeconds: UInt32 = 0, graceSeconds: UInt32 = 0, ticksWhenEmpty: Bool = false, memoryKiB: UInt32 = 0
  ) {
    self.hz = hz
    self.members = members
    self.clientsMayCreate = clientsMayCreate
    self.roomsMax = roomsMax
    self.keepEmptySeconds = keepEmptySeconds
    self.graceSeconds = graceSeconds
    self.ticksWhenEmpty = ticksWhenEmpty
    self.memoryKiB = memoryKiB
  }

  /// The structure of docs/room-abi.md, as 32-bit words.
  var words: [UInt32] {
    let flags: UInt32 = (ticksWhenEmpty ? 1 : 0) | (clientsMayCreate ? 0 : 2)
    return [40, hz, members, flags, memoryKiB, roomsMax, keepEmptySeconds, graceSeconds, 0, 0]
  }
}
