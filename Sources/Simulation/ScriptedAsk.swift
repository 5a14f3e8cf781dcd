// Requests of scripted rooms to each other.

/// What an `ask` asks, of which room, and what comes of it.
package struct ScriptedAsk: Sendable {
  /// The other room's number in the run, below 8; 7: what names no room.
  package var room: Int
  /// Rather than signals it.
  package var opens = false
  /// What the signal makes of the other room: `trap`, `refuse`, or else `append`.
  package var command = ScriptedCommand.append
  /// The answer makes the asking room trap.
  package var answerTraps = false
  package init(
    _ room: Int, opens: Bool = false, command: ScriptedCommand = .append, answerTraps: Bool = false
  ) {
    (self.room, self.opens, self.command, self.answerTraps) = (room, opens, command, answerTraps)
  }
  package init(byte: UInt8) {
    let command: ScriptedCommand = byte & 16 != 0 ? .trap : byte & 32 != 0 ? .refuse : .append
    self.init(Int(byte & 7), opens: byte & 8 != 0, command: command, answerTraps: byte & 64 != 0)
  }
  package var byte: UInt8 {
    UInt8(room) | (opens ? 8 : 0) | (command == .trap ? 16 : command == .refuse ? 32 : 0) | (answerTraps ? 64 : 0)
  }
  /// The n-th room of a run.
  static func place(_ room: Int) -> (module: String, key: String) {
    (room == World.briefRoom ? "brief" : ["tally", "tally", "ticker", "tally", "restless"][room % 5], "room-\(room)")
  }
  var target: String { room == 7 ? "nowhere" : Self.place(room).module + "/" + Self.place(room).key }
}
