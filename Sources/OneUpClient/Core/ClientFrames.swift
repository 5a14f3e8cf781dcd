// What a client and a server say to each other, free of how it is encoded: protobuf in a real client, plain values in
// the simulator. proto/oneup/v1/client.proto explains the fields.
package import Core

/// What a client sends.
package enum ClientRequest: Sendable, Hashable {
  case hello(version: UInt32, name: String, resume: [UInt8])
  case join(JoinID, module: String, key: String, parameters: [UInt8])
  case attach(JoinID, room: RoomID, timeline: Timeline, lastOut: OutSeq)
  /// `stamp` only with number 0.
  case input(JoinID, InputSeq, payload: [UInt8], stamp: UInt64)
  case leave(JoinID, InputSeq)
  case ping(time: UInt64)
}

/// What a server sends.
package enum ServerMessage: Sendable, Hashable {
  case welcome(Welcome)
  case attached(Attached)
  case output(Output)
  case state(State)
  case ack(JoinID, InputSeq)
  case expected(JoinID, InputSeq)
  case busy(JoinID, InputSeq, retryMilliseconds: UInt32, reason: String)
  case gone(JoinID, last: InputSeq, known: Bool, reason: String)
  case error(ServerError)
  case notice(JoinID, kind: UInt32, text: String)
  case pong(time: UInt64, serverMicroseconds: UInt64)

  package struct Welcome: Sendable, Hashable {
    package var session: SessionID
    package var resume: [UInt8]
    package var resumed: Bool
    package var graceSeconds: UInt32
    package init(session: SessionID, resume: [UInt8], resumed: Bool, graceSeconds: UInt32) {
      self.session = session
      self.resume = resume
      self.resumed = resumed
      self.graceSeconds = graceSeconds
    }
  }
  package struct Attached: Sendable, Hashable {
    package var joinID: JoinID
    package var room: RoomID
    package var slot: Slot
    package var nextSeq: InputSeq
    package var timeline: Timeline
    package var upTo: OutSeq
    package var module: String
    package init(
      joinID: JoinID, room: RoomID, slot: Slot, nextSeq: InputSeq, timeline: Timeline, upTo: OutSeq, module: String
    ) {
      self.joinID = joinID
      self.room = room
      self.slot = slot
      self.nextSeq = nextSeq
      self.timeline = timeline
      self.upTo = upTo
      self.module = module
    }
  }
  package struct Output: Sendable, Hashable {
    package var joinID: JoinID
    /// 0: unreliable.
    package var seq: OutSeq
    package var payload: [UInt8]
    package var result: Verdict?
    package var prev: OutSeq
    package init(joinID: JoinID, seq: OutSeq, payload: [UInt8], result: Verdict? = nil, prev: OutSeq) {
      self.joinID = joinID
      self.seq = seq
      self.payload = payload
      self.result = result
      self.prev = prev
    }
  }
  package struct State: Sendable, Hashable {
    package var joinID: JoinID
    package var timeline: Timeline
    package var asOf: OutSeq
    package var payload: [UInt8]
    package init(joinID: JoinID, timeline: Timeline, asOf: OutSeq, payload: [UInt8]) {
      self.joinID = joinID
      self.timeline = timeline
      self.asOf = asOf
      self.payload = payload
    }
  }
  package struct ServerError: Sendable, Hashable {
    package var code: ErrorCode
    package var text: String
    package var retryMilliseconds: UInt32
    /// 0: about the connection.
    package var joinID: JoinID
    package var closing: Bool
    package init(code: ErrorCode, text: String, retryMilliseconds: UInt32, joinID: JoinID, closing: Bool) {
      self.code = code
      self.text = text
      self.retryMilliseconds = retryMilliseconds
      self.joinID = joinID
      self.closing = closing
    }
  }
}

/// The verdict on one input, where it is more than "applied".
package struct Verdict: Sendable, Hashable {
  package enum Kind: UInt8, Sendable {
    case applied = 0
    case refused = 1
    case quarantined = 2
    case rejected = 3
  }
  /// Of the input; 0 for a fire-and-forget one.
  package var seq: InputSeq
  package var kind: Kind
  package var reply: [UInt8]
  package var reason: String
  package init(seq: InputSeq, kind: Kind, reply: [UInt8] = [], reason: String = "") {
    self.seq = seq
    self.kind = kind
    self.reply = reply
    self.reason = reason
  }
}

/// `Error.Code` of the protocol.
package enum ErrorCode: UInt8, Sendable {
  case unspecified = 0
  case malformed = 1
  case tooLarge = 2
  case outOfOrder = 3
  case version = 4
  case badToken = 5
  case unknownModule = 6
  case joinRefused = 7
  case notAttached = 8
  case tooMany = 9
  case tooSlow = 10
  case unavailable = 11
  case replaced = 12
}
