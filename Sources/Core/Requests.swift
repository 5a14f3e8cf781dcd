// What one room asks of another: the words that its engine, its worker, the links and the gateway share.

/// A request of one room; the room's counter, from 1. Each version of a room counts its own.
package struct RequestID: Identifier {
  package let rawValue: UInt32
  package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

extension RequestID {
  /// The one after it; begins anew at the end. 0 is no request.
  package var next: RequestID { RequestID(rawValue == UInt32.max ? 1 : rawValue + 1) }
}

package enum RequestKind: UInt8, Sendable, Hashable {
  /// Makes the room, unless it is there.
  case open = 1
  /// A message to a room that is there.
  case signal = 2
}

/// What came of a request; the bytes that go with it are the reply, or the reason.
package enum RequestOutcome: UInt8, Sendable, Hashable {
  case done = 0
  /// By the other room, or because it cannot be.
  case refused = 1
  /// It made the other room's code fail and was undone.
  case failed = 2
}

/// Which request of a room: the same wherever and whenever the same event is run, in both versions where they ask for the
/// same, and another one where they do not. Event time is part of it, so that an event that takes the place of one that was
/// cut from the record, or of a room that is no more, asks for something else.
package struct RequestKey: Hashable, Sendable {
  /// Of the event that asked.
  package var event: EventSeq
  /// Of everything else that tells it from others.
  package var digest: UInt64
  package init(event: EventSeq, digest: UInt64) {
    self.event = event
    self.digest = digest
  }
  /// `index`: among the requests of the event.
  package init(
    event: EventSeq, time: Int64, index: Int, _ kind: RequestKind, target: some Collection<UInt8>,
    payload: some Collection<UInt8>
  ) {
    var bytes: [UInt8] = []
    bytes.put(time)
    bytes.put(UInt32(index))
    bytes.append(kind.rawValue)
    bytes.putBlob(target)
    bytes.append(contentsOf: payload)
    self.init(event: event, digest: ShardMap(count: 1, key: (low: 0x6f6e, high: 0x6575)).sipHash(bytes))
  }
  /// What the other room remembers it by: `room.event.digest`, 50 characters.
  package func text(from room: RoomID) -> String { "\(room).\(hex(event.rawValue)).\(hex(digest))" }
}

private func hex(_ value: UInt64) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 16 - digits.count) + digits
}

/// By which key a signal is remembered. A room's says behind its 50 characters how many events before its own the oldest
/// request of that room was asked that has no answer, `.` and hexadecimal: what came of earlier ones can be forgotten.
package struct SignalName: Sendable {
  package let bytes: [UInt8]
  /// The room's oldest event that waits for an answer, as in the keys; nil: not said, or not a room's.
  private let oldest: [UInt8]?
  private static let roomEnd = 16
  private static let eventEnd = 33
  private static let count = 50

  package init(_ key: some Collection<UInt8>) {
    let key = Array(key)
    guard key.count > Self.count, Self.isOfRoom(key[..<Self.count]), key[Self.count] == UInt8(ascii: "."),
      let event = Self.number(key[Self.roomEnd + 1..<Self.eventEnd]),
      let before = Self.number(key[(Self.count + 1)...]),
      before <= event
    else {
      (bytes, oldest) = (key, nil)
      return
    }
    bytes = Array(key.prefix(Self.count))
    oldest = Array(hex(event - before).utf8)
  }

  /// The key under which a room's request is sent. `oldest`: the first event whose request has no answer.
  package static func text(_ key: RequestKey, from room: RoomID, oldest: EventSeq) -> String {
    let before = key.event.rawValue - min(oldest.rawValue, key.event.rawValue)
    let text = key.text(from: room) + "." + String(before, radix: 16)
    // Nothing waits for so long; if it does, nothing is forgotten for it.
    return text.utf8.count <= Limits.idempotencyKeyBytesMax ? text : key.text(from: room)
  }

  /// Whether what is remembered by that key is of the same room, and was answered before it sent this.
  package func forgets(_ other: [UInt8]) -> Bool {
    guard let oldest, Self.hasForm(other[...]), other[..<Self.roomEnd].elementsEqual(bytes[..<Self.roomEnd]) else {
      return false
    }
    return other[Self.roomEnd + 1..<Self.eventEnd].lexicographicallyPrecedes(oldest)
  }

  package var isOfRoom: Bool { Self.isOfRoom(bytes[...]) }
  private static func isOfRoom(_ key: ArraySlice<UInt8>) -> Bool {
    hasForm(key) && key.indices.allSatisfy { $0 == roomEnd || $0 == eventEnd || digit(key[$0]) != nil }
  }
  /// A look that is cheap enough for all that a room remembers. `key` begins at 0.
  package static func hasForm(_ key: ArraySlice<UInt8>) -> Bool {
    key.count == count && key[roomEnd] == UInt8(ascii: ".") && key[eventEnd] == UInt8(ascii: ".")
  }

  /// Lower case, at most 16 digits.
  private static func number(_ text: ArraySlice<UInt8>) -> UInt64? {
    guard !text.isEmpty, text.count <= 16 else { return nil }
    var value: UInt64 = 0
    for character in text {
      guard let digit = digit(character) else { return nil }
      value = value << 4 | digit
    }
    return value
  }
  private static func digit(_ character: UInt8) -> UInt64? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(character - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(character - UInt8(ascii: "a")) + 10
    default: nil
    }
  }
}

extension [UInt8] {
  package mutating func put(_ key: RequestKey) {
    put(key.event)
    put(key.digest)
  }
}

extension ByteReader {
  package mutating func takeRequestKey() throws(DecodingError) -> RequestKey {
    RequestKey(event: try take(), digest: try take())
  }
}

/// The room that a request is for: `module/key`.
package struct RequestTarget {
  package let module: ArraySlice<UInt8>
  package let key: ArraySlice<UInt8>
  /// Nil: it names no room.
  package init?(_ text: [UInt8]) {
    // Nobody else could name a room whose key is no text.
    guard let slash = text.firstIndex(of: UInt8(ascii: "/")), String(validating: text, as: UTF8.self) != nil else {
      return nil
    }
    (module, key) = (text[..<slash], text[(slash + 1)...])
    guard !module.isEmpty, module.count <= Limits.moduleNameBytesMax, !key.isEmpty, key.count <= Limits.roomKeyBytesMax
    else { return nil }
  }
}
