// How rooms end: by their own wish, by a command, or because nobody was in them for as long as their module says. An
// ended room answers for itself for a while; then its record is dropped and its key can be used anew.
import Core
import Wire

/// A room has asked for its end, or for a member's.
struct PendingEnd {
  var room: Room
  var reason: [UInt8]
}

extension Worker {
  /// Ends are events at their own place, like kicks. A replay asks for them again: what has ended does not end twice.
  mutating func stageEnds() {
    guard !pendingEnds.isEmpty else { return }
    let ends = pendingEnds
    pendingEnds.removeAll(keepingCapacity: true)
    for end in ends {
      if end.room.phase == .ready, let host = end.room.host, host.ended == nil, host.frozen == nil {
        guard fitsReserve(end.room, end.reason.count) else {
          isShortOfSpace = true
          pendingEnds.append(end)
          continue
        }
        stageEnd(end.room, end.reason)
      } else if end.room.phase == .repairing {
        pendingEnds.append(end)
        continue
      } else {
        end.room.isEnding = false
      }
      end.room.ordersPending -= 1
    }
  }

  /// Ask `fitsReserve` first. Nothing else of the room may be staged behind it.
  mutating func stageEnd(_ room: Room, _ reason: [UInt8]) {
    room.isEnding = true
    reason.withUnsafeBytes { stage(room, .ended(reason: $0)) }
  }

  /// What came due of a room that is over, or that nobody has been in.
  mutating func stageEndings(_ room: Room) {
    guard let host = room.host, !room.isEnding, room.stagedCount == 0 else { return }
    if host.ended != nil {
      guard let at = leavesAt(room), at <= now.monotonic else { return }
      guard fitsReserve(room, 0) else { return hold(room) }
      room.isEnding = true
      stage(room, .dropped)
    } else if let at = leavesAt(room), at <= now.monotonic, room.joining.isEmpty, room.waiting.isEmpty {
      guard fitsReserve(room, 64) else { return hold(room) }
      stageEnd(room, Array("nobody was here".utf8))
    }
  }

  /// When a room without members ends, or an ended one is dropped, in monotonic microseconds; nil: not by itself, or not
  /// before what it asked is answered. An empty room's clock only runs while it is served, and starts anew with each owner.
  func leavesAt(_ room: Room) -> Int64? {
    guard let host = room.host else { return nil }
    if let end = host.ended {
      return now.monotonic + max(0, end.time + Limits.endedSeconds * 1_000_000 - now.wall)
    }
    guard host.memberCount == 0, host.requests.isEmpty, host.frozen == nil, let since = room.emptySince,
      let keep = room.settings?.keepEmptySeconds, keep > 0
    else { return nil }
    return since + Int64(keep) * 1_000_000
  }

  /// From `suspended` to `expired`.
  func grace(_ room: Room) -> Int64 {
    let own = room.settings?.graceSeconds ?? 0
    return (own > 0 ? Int64(own) : Limits.graceSeconds) * 1_000_000
  }

  // MARK: Settling

  /// Every member is told, in the order of their places.
  mutating func settleEnded(_ room: Room, _ reason: UnsafeRawBufferPointer, _ time: Int64) {
    let host = room.awake
    host.ended = RoomEnd(reason: Array(reason), time: time)
    host.timers = []
    room.stagedTimers = []
    (host.requests, room.issues, room.stagedAnswers) = ([], [], [])
    room.isEnding = false
    endTwin(room, why: "the room is over")
    for i in host.members.indices where i < host.members.count && host.members[i] != nil {
      closeMembership(room, Slot(UInt32(i)), .ended, text: Self.endText(host))
    }
    schedule(room)
  }

  static func endText(_ host: RoomHost) -> [UInt8] { Array("ended: ".utf8) + (host.ended?.reason ?? []) }

  /// The room never was, as far as anybody can tell.
  mutating func settleDropped(_ room: Room) {
    forgetCalls(room)
    discardInstances(room)
    room.phase = .stopped
    room.isEnding = false
    tailCost -= room.tailCost
    room.tailCost = 0
    room.host = nil
    awakeRooms.removeAll { $0 === room }
    shards[Int(room.shard.rawValue)]!.rooms[room.id] = nil
    for answer in room.waiting {
      pendingJoins[answer.membership] = nil
      refuse(answer, room.shard, .busy, "the room is over; try again", retry: Limits.retryBusyMilliseconds)
    }
    room.waiting = []
    answerCommands(room, .notFound)
  }
}

extension RoomHost {
  /// `key=value`; an empty value takes the key away. What is too long, or too much, is passed over.
  func setProperty(_ text: some Collection<UInt8>) {
    let text = Array(text)
    guard let at = text.firstIndex(of: UInt8(ascii: "=")), at > 0, at <= Limits.propertyKeyBytesMax,
      text.count - at - 1 <= Limits.propertyValueBytesMax
    else { return }
    let key = Array(text[..<at])
    let value = Array(text[(at + 1)...])
    let place = properties.firstIndex { !$0.key.lexicographicallyPrecedes(key) } ?? properties.count
    let isKnown = place < properties.count && properties[place].key == key
    if isKnown, value.isEmpty {
      properties.remove(at: place)
    } else if isKnown {
      properties[place].value = value
    } else if !value.isEmpty, properties.count < Limits.propertiesMax {
      properties.insert(RoomProperty(key: key, value: value), at: place)
    }
  }
}
