// A type per identity, so that no number is taken for another.

/// A number that names or counts one kind of thing.
package protocol Identifier: Hashable, Comparable, Sendable, CustomStringConvertible {
  associatedtype RawValue: FixedWidthInteger & UnsignedInteger & Sendable
  var rawValue: RawValue { get }
  init(_ rawValue: RawValue)
}

extension Identifier {
  package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  package var description: String { String(rawValue) }
}

/// One game instance. The low bits name its shard (`ShardMap`); the rest is a keyed hash of module and key.
package struct RoomID: Identifier {
  package let rawValue: UInt64
  package init(_ rawValue: UInt64) { self.rawValue = rawValue }
  package var description: String {
    let hex = String(rawValue, radix: 16)
    return String(repeating: "0", count: 16 - hex.count) + hex
  }
}

/// A fixed set of rooms that share one journal, from 0.
package struct ShardID: Identifier {
  package let rawValue: UInt16
  package init(_ rawValue: UInt16) { self.rawValue = rawValue }
}

/// Which ownership of a shard: rises with every adoption; older ones are void. From 1; 0 is "none yet".
package struct ShardEpoch: Identifier {
  package let rawValue: UInt32
  package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// Which life of the gateway, from a synced counter file. From 1; 0 is "none".
package struct GatewayEpoch: Identifier {
  package let rawValue: UInt32
  package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// A player's session: the gateway epoch it was made in (upper 32 bits) and a counter, so it is never given twice.
package struct SessionID: Identifier {
  package let rawValue: UInt64
  package init(_ rawValue: UInt64) { self.rawValue = rawValue }
  package init(epoch: GatewayEpoch, counter: UInt32) {
    self.init(UInt64(epoch.rawValue) << 32 | UInt64(counter))
  }
}

/// Which joining within a session: the client's counter, from 1.
package struct JoinID: Identifier {
  package let rawValue: UInt32
  package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// Who, and which joining of the room. Numbered inputs run per membership.
package struct Membership: Hashable, Sendable, Comparable, CustomStringConvertible {
  package var session: SessionID
  package var joinID: JoinID
  package init(session: SessionID, joinID: JoinID) {
    self.session = session
    self.joinID = joinID
  }
  package static func < (a: Self, b: Self) -> Bool {
    (a.session.rawValue, a.joinID.rawValue) < (b.session.rawValue, b.joinID.rawValue)
  }
  package var description: String { "\(String(session.rawValue, radix: 16))/\(joinID)" }
}

/// Which connection of a session: gateway epoch (upper 32 bits) and a counter taken at `Hello`. The newest wins. 0: none.
package struct Generation: Identifier {
  package let rawValue: UInt64
  package init(_ rawValue: UInt64) { self.rawValue = rawValue }
  package init(epoch: GatewayEpoch, counter: UInt32) {
    self.init(UInt64(epoch.rawValue) << 32 | UInt64(counter))
  }
  package var gatewayEpoch: GatewayEpoch { GatewayEpoch(UInt32(truncatingIfNeeded: rawValue >> 32)) }
}

/// Which history of a room: the shard's cut counter (upper 32 bits) and the room's own counter.
package struct Timeline: Identifier {
  package let rawValue: UInt64
  package init(_ rawValue: UInt64) { self.rawValue = rawValue }
  package init(cut: UInt32, own: UInt32) { self.init(UInt64(cut) << 32 | UInt64(own)) }
  package var cut: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }
  package var own: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
}

/// The number of an event of one room, from 1.
package struct EventSeq: Identifier {
  package let rawValue: UInt64
  package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// The number of a reliable output of one room, from 1; 0 is "none".
package struct OutSeq: Identifier {
  package let rawValue: UInt64
  package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// The number of an input of one membership, from 1; 0 is "fire and forget".
package struct InputSeq: Identifier {
  package let rawValue: UInt64
  package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// A member's place in its room: the lowest that is free when it joins.
package struct Slot: Identifier {
  package let rawValue: UInt32
  package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// A gateway loop's dense index of one attachment; means something on that loop's links only.
package struct Route: Identifier {
  package let rawValue: UInt32
  package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// A place in a shard's log: the bytes of records before it since the log began. Copies keep it.
package struct LogPosition: Identifier {
  package let rawValue: UInt64
  package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// The number of one batch of a shard, from 1.
package struct BatchNumber: Identifier {
  package let rawValue: UInt64
  package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// SHA-256 of a module's bytes: which build.
package struct ModuleHash: Hashable, Sendable, CustomStringConvertible {
  package let bytes: [UInt8]
  /// `bytes` must be 32 long.
  package init(_ bytes: [UInt8]) {
    precondition(bytes.count == 32, "a module hash is a SHA-256: 32 bytes")
    self.bytes = bytes
  }
  package var description: String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
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
