// A type per identity, so that no number is taken for another.

/// A number that names or counts one kind of thing.
@usableFromInline package protocol Identifier: Hashable, Comparable, Sendable, CustomStringConvertible {
  associatedtype RawValue: FixedWidthInteger & UnsignedInteger & Sendable
  var rawValue: RawValue { get }
  init(_ rawValue: RawValue)
}

extension Identifier {
  @inlinable package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  @usableFromInline package var description: String { String(rawValue) }
}

/// One game instance. The low bits name its shard (`ShardMap`); the rest is a keyed hash of module and key.
@usableFromInline package struct RoomID: Identifier {
  @usableFromInline package let rawValue: UInt64
  @inlinable package init(_ rawValue: UInt64) { self.rawValue = rawValue }
  @usableFromInline package var description: String {
    let hex = String(rawValue, radix: 16)
    return String(repeating: "0", count: 16 - hex.count) + hex
  }
}

/// A fixed set of rooms that share one journal, from 0.
@usableFromInline package struct ShardID: Identifier {
  @usableFromInline package let rawValue: UInt16
  @inlinable package init(_ rawValue: UInt16) { self.rawValue = rawValue }
}

/// Which ownership of a shard: rises with every adoption; older ones are void. From 1; 0 is "none yet".
@usableFromInline package struct ShardEpoch: Identifier {
  @usableFromInline package let rawValue: UInt32
  @inlinable package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// Which life of the gateway, from a synced counter file. From 1; 0 is "none".
@usableFromInline package struct GatewayEpoch: Identifier {
  @usableFromInline package let rawValue: UInt32
  @inlinable package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// A player's session: the gateway epoch it was made in (upper 32 bits) and a counter, so it is never given twice.
@usableFromInline package struct SessionID: Identifier {
  @usableFromInline package let rawValue: UInt64
  @inlinable package init(_ rawValue: UInt64) { self.rawValue = rawValue }
  package init(epoch: GatewayEpoch, counter: UInt32) {
    self.init(UInt64(epoch.rawValue) << 32 | UInt64(counter))
  }
}

/// Which joining within a session: the client's counter, from 1.
@usableFromInline package struct JoinID: Identifier {
  @usableFromInline package let rawValue: UInt32
  @inlinable package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// Who, and which joining of the room. Numbered inputs run per membership.
@usableFromInline package struct Membership: Hashable, Sendable, Comparable, CustomStringConvertible {
  package var session: SessionID
  package var joinID: JoinID
  package init(session: SessionID, joinID: JoinID) {
    self.session = session
    self.joinID = joinID
  }
  @usableFromInline package static func < (a: Self, b: Self) -> Bool {
    (a.session.rawValue, a.joinID.rawValue) < (b.session.rawValue, b.joinID.rawValue)
  }
  @usableFromInline package var description: String { "\(String(session.rawValue, radix: 16))/\(joinID)" }
}

/// Which connection of a session: gateway epoch (upper 32 bits) and a counter taken at `Hello`. The newest wins. 0: none.
@usableFromInline package struct Generation: Identifier {
  @usableFromInline package let rawValue: UInt64
  @inlinable package init(_ rawValue: UInt64) { self.rawValue = rawValue }
  package init(epoch: GatewayEpoch, counter: UInt32) {
    self.init(UInt64(epoch.rawValue) << 32 | UInt64(counter))
  }
  package var gatewayEpoch: GatewayEpoch { GatewayEpoch(UInt32(truncatingIfNeeded: rawValue >> 32)) }
}

/// Which history of a room: the shard's cut counter (upper 32 bits) and the room's own counter.
@usableFromInline package struct Timeline: Identifier {
  @usableFromInline package let rawValue: UInt64
  @inlinable package init(_ rawValue: UInt64) { self.rawValue = rawValue }
  package init(cut: UInt32, own: UInt32) { self.init(UInt64(cut) << 32 | UInt64(own)) }
}

/// The number of an event of one room, from 1.
@usableFromInline package struct EventSeq: Identifier {
  @usableFromInline package let rawValue: UInt64
  @inlinable package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// The number of a reliable output of one room, from 1; 0 is "none".
@usableFromInline package struct OutSeq: Identifier {
  @usableFromInline package let rawValue: UInt64
  @inlinable package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// The number of an input of one membership, from 1; 0 is "fire and forget".
@usableFromInline package struct InputSeq: Identifier {
  @usableFromInline package let rawValue: UInt64
  @inlinable package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// A member's place in its room: the lowest that is free when it joins.
@usableFromInline package struct Slot: Identifier {
  @usableFromInline package let rawValue: UInt32
  @inlinable package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// A gateway loop's dense index of one attachment; means something on that loop's links only.
@usableFromInline package struct Route: Identifier {
  @usableFromInline package let rawValue: UInt32
  @inlinable package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// A place in a shard's log: the bytes of records before it since the log began. Copies keep it.
@usableFromInline package struct LogPosition: Identifier {
  @usableFromInline package let rawValue: UInt64
  @inlinable package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// The number of one batch of a shard, from 1.
@usableFromInline package struct BatchNumber: Identifier {
  @usableFromInline package let rawValue: UInt64
  @inlinable package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// SHA-256 of a module's bytes: which build.
@usableFromInline package struct ModuleHash: Hashable, Sendable, CustomStringConvertible {
  package let bytes: [UInt8]
  /// `bytes` must be 32 long.
  package init(_ bytes: [UInt8]) {
    precondition(bytes.count == 32, "a module hash is a SHA-256: 32 bytes")
    self.bytes = bytes
  }
  @usableFromInline package var description: String {
    let digits = StaticString("0123456789abcdef").utf8Start
    return String(unsafeUninitializedCapacity: 2 * bytes.count) { text in
      for (i, byte) in bytes.enumerated() {
        text[2 * i] = digits[Int(byte >> 4)]
        text[2 * i + 1] = digits[Int(byte & 15)]
      }
      return 2 * bytes.count
    }
  }
}

/// The two clocks, read once a turn, in microseconds. Cores never read a clock.
package struct Now: Sendable, Hashable {
  /// Since 1970; may jump.
  package var wall: Int64
  /// Since some start; never goes back.
  package var monotonic: Int64
  package init(wall: Int64, monotonic: Int64) {
    self.wall = wall
    self.monotonic = monotonic
  }
}
