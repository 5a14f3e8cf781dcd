// What the black box says of a worker's last moment: a room's event, or a call into its code that is none.
package import Core

/// A call into a room's code that is no event. Where the code is the process's own (a native module), a crash in it is
/// the worker's, so it is noted like an event; what is confined cannot kill and is not noted.
package enum NotedCall: UInt8, Sendable, CaseIterable {
  /// The full state for members.
  case describe = 1
  case check = 2
  /// The readable state, for people.
  case inspect = 3
  /// The state for a snapshot.
  case save = 4
  /// The state is carried to another build: `save` of the one, `restore` of the other.
  case carry = 5
  /// The room is made again from what was saved.
  case restore = 6
  /// A decided event is followed.
  case replay = 7
  /// None: the room is not woken any more.
  case wake = 8

  /// What it died of can be tried in another build: to get there, nothing is called that killed.
  package var leavesState: Bool {
    switch self {
    case .describe, .check, .inspect: true
    case .save, .carry, .restore, .replay, .wake: false
    }
  }

  /// For people, after "the worker died twice in a row while ".
  package var text: String {
    switch self {
    case .describe: "the room's full state was made"
    case .check: "the room checked itself"
    case .inspect: "the room's readable state was made"
    case .save: "the room's state was saved"
    case .carry: "the room was carried to another build"
    case .restore: "the room was restored from its snapshot"
    case .replay: "a decided event was replayed"
    case .wake: "the room was woken"
    }
  }
}

/// Two deaths in a row at the same are one too many.
package struct Suspect: Hashable, Sendable {
  package var room: RoomID
  /// As the black box has it: an event's number, or, with the highest bit set, which call in the next seven bits, and then
  /// the first seven bytes of the build that was called; of `replay` the event's number instead.
  package var word: UInt64

  package init(room: RoomID, word: UInt64) { (self.room, self.word) = (room, word) }
  package init(room: RoomID, event: EventSeq) { self.init(room: room, word: event.rawValue) }
  package init(room: RoomID, _ call: NotedCall, of build: ModuleHash) {
    let prefix = build.bytes.prefix(7).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    self.init(room: room, word: Self.mark(call) | prefix)
  }
  package init(room: RoomID, replaying event: EventSeq) {
    self.init(room: room, word: Self.mark(.replay) | event.rawValue & Self.restMask)
  }
  private static var restMask: UInt64 { 1 << 56 - 1 }
  private static func mark(_ call: NotedCall) -> UInt64 { 1 << 63 | UInt64(call.rawValue) << 56 }

  /// Nil: an event, or a call that only another version of the server knows.
  package var call: NotedCall? { isEvent ? nil : NotedCall(rawValue: UInt8(word >> 56 & 0x7f)) }
  package var isEvent: Bool { word >> 63 == 0 }
  package func isOf(_ build: ModuleHash) -> Bool {
    guard let call, call != .replay else { return false }
    return self == Suspect(room: room, call, of: build)
  }
}
