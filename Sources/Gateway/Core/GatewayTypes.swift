// The words of the gateway's core: its handles, its settings, what a client says, what is counted.
package import Core

/// One connection of one loop. Never given twice: a late call with the id of a closed connection does nothing.
package struct ConnectionID: Hashable, Sendable, Comparable {
  package let slot: UInt32
  package let life: UInt32
  package static func < (a: Self, b: Self) -> Bool { (a.life, a.slot) < (b.life, b.slot) }
}

/// One link of one loop to one worker. Never given twice.
package struct LinkID: Hashable, Sendable {
  package let slot: UInt32
  package let life: UInt32
}

/// Where a connection comes from: the network of an IPv6 address, or an IPv4 address mapped into one.
package struct ClientAddress: Hashable, Sendable {
  package var high: UInt64
  package var low: UInt64
  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
}

package struct GatewaySettings: Sendable {
  package var epoch: GatewayEpoch
  package var loop: UInt16
  package var loops: UInt16
  package var shards: ShardMap
  package var handshakeMicroseconds: Int64 = Limits.handshakeSeconds * 1_000_000
  /// How long a join or a client's attach waits for the shard to have an owner.
  package var ownerWaitMicroseconds: Int64 = Limits.ownerWaitSeconds * 1_000_000
  /// Of this loop.
  package var connectionsPerAddressMax: Int = Limits.connectionsPerAddressMax
  /// Of this loop.
  package var connectionsMax = Int.max
  /// 0: no bound.
  package var framesPerSecond: Int = Limits.framesPerSecond
  package var framesBurst: Int = Limits.framesBurst
  package var outboundBytesMax: Int = Limits.outboundBytesMax
  package var linkPendingBytesMax: Int = Limits.linkPendingBytesMax

  package init(epoch: GatewayEpoch, loop: UInt16, loops: UInt16, shards: ShardMap) {
    precondition(loop < loops, "a loop's number must be below the number of loops")
    self.epoch = epoch
    self.loop = loop
    self.loops = loops
    self.shards = shards
  }
}

/// What a client says, decoded by the shell. The hot `Input` usually comes past this, from the scanner.
package enum ClientMessage: Sendable {
  case hello(Hello)
  case join(JoinID, module: [UInt8], key: [UInt8], parameters: [UInt8])
  case attach(JoinID, RoomID, Timeline, lastOut: OutSeq)
  case input(JoinID, InputSeq, stamp: UInt64, payload: [UInt8])
  case leave(JoinID, InputSeq)
  case ping(time: UInt64)
  /// Well-formed, but of no kind that this version knows.
  case unknown
  /// Not a client frame; the stream ends here.
  case malformed

  package struct Hello: Sendable {
    package var version: UInt32
    package var name: [UInt8]
    package var ticket: Ticket
    package init(version: UInt32, name: [UInt8], ticket: Ticket) {
      self.version = version
      self.name = name
      self.ticket = ticket
    }
  }
  /// What the shell made of the resume token.
  package enum Ticket: Sendable {
    /// `counter`: from a counter that rises through all loops of the gateway, taken for this `Hello`. `token` goes
    /// into `Welcome`. Not resumed: `session` is `SessionID(epoch:counter:)` with the same counter.
    case session(SessionID, resumed: Bool, counter: UInt32, token: [UInt8])
    case bad
  }
}

/// What `receive` did with a piece of a client's stream.
package struct Received: Sendable, Equatable {
  /// Whole frames only; the rest must come again, in front of what follows.
  package var consumed: Int
  /// Above 0: the client is over its rate; offer the rest again after this time and read nothing before.
  package var pauseMicroseconds: Int64
  package init(consumed: Int, pauseMicroseconds: Int64 = 0) {
    self.consumed = consumed
    self.pauseMicroseconds = pauseMicroseconds
  }
}

/// Counts since the loop began, for metrics and tests.
package struct GatewayCounters: Sendable, Equatable {
  package var connections: UInt64 = 0
  package var hellos: UInt64 = 0
  package var framesIn: UInt64 = 0
  package var inputs: UInt64 = 0
  /// Inputs that found no live attachment; their sender resends them.
  package var inputsDropped: UInt64 = 0
  package var framesOut: UInt64 = 0
  /// Numbered outputs at or below a mark.
  package var outputsBelowMark: UInt64 = 0
  package var unreliableDropped: UInt64 = 0
  /// Records of an older owner, or for a route that is no more.
  package var staleRecords: UInt64 = 0
  package var reattached: UInt64 = 0
  package var errors: UInt64 = 0
  package var tooSlow: UInt64 = 0
  package init() {}
}
