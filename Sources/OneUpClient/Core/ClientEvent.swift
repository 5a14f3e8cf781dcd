// What a client core asks of its shell and tells its app.
package import Core

/// Filled by the core's methods, in order; the caller empties it (`removeAll`) and keeps its capacity.
package struct ClientActions: Sendable {
  /// To write to the connection, in order.
  package var requests: [ClientRequest] = []
  package var events: [ClientEvent] = []
  package init() {}
  package mutating func removeAll() {
    requests.removeAll(keepingCapacity: true)
    events.removeAll(keepingCapacity: true)
  }
}

package enum ClientEvent: Sendable, Hashable {
  // MARK: For the shell
  /// Open a connection, then call `connected` or `disconnected`.
  case connect
  /// Drop the connection, then call `disconnected`.
  case close

  // MARK: For the app
  /// `resumed`: memberships go on. Otherwise those of an older session have ended.
  case welcomed(SessionID, resumed: Bool)
  case connectionLost
  /// The first `Attached` of a membership; inputs queued before it are numbered from `nextSeq`.
  case joined(JoinID, RoomID, Slot, module: String)
  /// Attached anew after a break, at whichever end. Nothing for the app to do.
  case reattached(JoinID)
  /// The join is final in not having worked; the membership is over.
  case joinFailed(JoinID, ErrorCode, text: String)
  /// Exactly once and in order where `seq` is not 0.
  case output(JoinID, OutSeq, payload: [UInt8])
  /// Replaces all that outputs told so far.
  case state(JoinID, asOf: OutSeq, payload: [UInt8])
  /// Comes before the `acked` that covers it.
  case verdict(JoinID, Verdict)
  /// These inputs were decided, but a full state took the place of the outputs that told how.
  case verdictsUnknown(JoinID, ClosedRange<InputSeq>)
  /// Durable and decided; without a verdict: applied.
  case acked(JoinID, through: InputSeq)
  /// A new timeline, or the first attach: what was input `from` and later is now `to` and later. `firstLost`: this and
  /// all later numbers that had been acknowledged before were cut from the room's history.
  case renumbered(JoinID, from: InputSeq, to: InputSeq, firstLost: InputSeq?)
  /// The membership is over. Inputs up to `last` were decided, later ones never will be. `known` false: nobody can
  /// say which were.
  case ended(JoinID, last: InputSeq, known: Bool, reason: String)
  case notice(JoinID, kind: UInt32, text: String)
  case failed(ServerMessage.ServerError)
  case pong(time: UInt64, serverMicroseconds: UInt64)
  /// The server broke a promise. The client repairs what it can.
  case violation(JoinID, ClientViolation)
  /// No more attempts: another connection has taken the session over, or the server speaks another version.
  case stopped(String)
}

/// What must never happen, whatever fails.
package enum ClientViolation: Sendable, Hashable {
  /// I-4: an output between `last` and `seq` is missing.
  case gap(last: OutSeq, prev: OutSeq, seq: OutSeq)
  /// I-4: an output came twice.
  case doubled(last: OutSeq, seq: OutSeq)
  /// I-3: the room has forgotten inputs that it acknowledged, on the same timeline.
  case forgotten(acked: InputSeq, next: InputSeq)
  /// A number that was never sent is acknowledged or below the one expected.
  case unsent(InputSeq)
}

/// Why `send` did not take an input.
package enum SendRefusal: Error, Sendable, Hashable {
  /// Never joined, ended, or leaving.
  case notAMember
  /// As many inputs wait for their acknowledgement as may; send again after an `acked`.
  case full
}
