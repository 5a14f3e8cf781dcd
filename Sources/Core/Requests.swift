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
  package func text(from room: RoomID) -> String {
    func hex(_ value: UInt64) -> String {
      let digits = String(value, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    return "\(room).\(hex(event.rawValue)).\(hex(digest))"
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
    guard let slash = text.firstIndex(of: UInt8(ascii: "/")) else { return nil }
    (module, key) = (text[..<slash], text[(slash + 1)...])
    guard !module.isEmpty, module.count <= Limits.moduleNameBytesMax, !key.isEmpty, key.count <= Limits.roomKeyBytesMax
    else { return nil }
  }
}
