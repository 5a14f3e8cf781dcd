// What an app hears from its client.
import ClientCore
import Core

/// `room` is what `join` returned.
public enum GameEvent: Sendable, Hashable {
  /// Connected. `resumed`: the memberships go on; otherwise those of an older session have ended.
  case connected(resumed: Bool)
  /// The client comes back by itself.
  case disconnected
  case joined(room: UInt32, slot: UInt32, module: String)
  case joinFailed(room: UInt32, text: String)
  /// Numbered outputs come exactly once and in order; `number` 0 is one that may be dropped when newer ones come.
  case output(room: UInt32, number: UInt64, payload: [UInt8])
  /// Replaces all that outputs told so far.
  case state(room: UInt32, payload: [UInt8])
  /// Inputs up to this number are durable and decided: applied, where no other verdict has come.
  case acknowledged(room: UInt32, through: UInt64)
  case verdict(room: UInt32, input: UInt64, GameVerdict)
  /// Decided, but the answers are not known any more.
  case verdictsUnknown(room: UInt32, inputs: ClosedRange<UInt64>)
  /// What was input `from` and later is now `to` and later. `firstLost`: this and all later ones that had been
  /// acknowledged are not in the room's history any more.
  case renumbered(room: UInt32, from: UInt64, to: UInt64, firstLost: UInt64?)
  /// Inputs up to `last` were decided, later ones never will be; not `known`: nobody can say.
  case ended(room: UInt32, last: UInt64, known: Bool, reason: String)
  case notice(room: UInt32, text: String)
  case failed(text: String)
  /// The client does not come back: `start` a new one if that is wanted.
  case stopped(reason: String)
}

public enum GameVerdict: Sendable, Hashable {
  case reply([UInt8])
  /// By the room, before it changed anything.
  case refused(reason: String)
  /// It made the room's code fail, and was undone.
  case quarantined(reason: String)
  /// By the server: malformed, too large, not allowed.
  case rejected(reason: String)
}

extension GameEvent {
  /// Nil: for the shell, not for the app.
  init?(_ event: ClientEvent) {
    switch event {
    case .connect, .close, .reattached, .pong: return nil
    case .welcomed(_, let resumed): self = .connected(resumed: resumed)
    case .connectionLost: self = .disconnected
    case .joined(let id, _, let slot, let module):
      self = .joined(room: id.rawValue, slot: slot.rawValue, module: module)
    case .joinFailed(let id, let code, let text): self = .joinFailed(room: id.rawValue, text: "\(code): \(text)")
    case .output(let id, let seq, let payload):
      self = .output(room: id.rawValue, number: seq.rawValue, payload: payload)
    case .state(let id, _, let payload): self = .state(room: id.rawValue, payload: payload)
    case .acked(let id, let through): self = .acknowledged(room: id.rawValue, through: through.rawValue)
    case .verdict(let id, let v): self = .verdict(room: id.rawValue, input: v.seq.rawValue, GameVerdict(v))
    case .verdictsUnknown(let id, let range):
      self = .verdictsUnknown(room: id.rawValue, inputs: range.lowerBound.rawValue...range.upperBound.rawValue)
    case .renumbered(let id, let from, let to, let lost):
      self = .renumbered(room: id.rawValue, from: from.rawValue, to: to.rawValue, firstLost: lost?.rawValue)
    case .ended(let id, let last, let known, let reason):
      self = .ended(room: id.rawValue, last: last.rawValue, known: known, reason: reason)
    case .notice(let id, _, let text): self = .notice(room: id.rawValue, text: text)
    case .failed(let error): self = .failed(text: "\(error.code): \(error.text)")
    case .violation(let id, let violation):
      self = .failed(text: "the server broke a promise to membership \(id): \(violation); please report it")
    case .stopped(let reason): self = .stopped(reason: reason)
    }
  }
}

extension GameVerdict {
  fileprivate init(_ verdict: Verdict) {
    switch verdict.kind {
    case .applied: self = .reply(verdict.reply)
    case .refused: self = .refused(reason: verdict.reason)
    case .quarantined: self = .quarantined(reason: verdict.reason)
    case .rejected: self = .rejected(reason: verdict.reason)
    }
  }
}
