// From the simulated wire to the client's core.
import ClientCore
import Core
import Wire

extension ServerMessage {
  /// What the simulated wire carries, as the client's core takes it.
  init(_ frame: ServerFrame) {
    switch frame {
    case .welcome(let session, let resume, let resumed, let grace):
      self = .welcome(.init(session: session, resume: resume, resumed: resumed, graceSeconds: grace))
    case .attached(let id, let room, let slot, let next, let timeline, let upTo, let module):
      self = .attached(
        .init(joinID: id, room: room, slot: slot, nextSeq: next, timeline: timeline, upTo: upTo, module: module))
    case .output(let id, let seq, let prev, let payload, let verdict):
      self = .output(
        .init(
          joinID: id, seq: seq, payload: payload,
          result: verdict.map {
            .init(seq: $0.seq, kind: .init(rawValue: $0.kind) ?? .applied, reply: $0.reply, reason: $0.reason)
          }, prev: prev))
    case .state(let id, let timeline, let asOf, let payload):
      self = .state(.init(joinID: id, timeline: timeline, asOf: asOf, payload: payload))
    case .ack(let id, let seq): self = .ack(id, seq)
    case .expected(let id, let seq): self = .expected(id, seq)
    case .busy(let id, let seq, let retry, let reason):
      self = .busy(id, seq, retryMilliseconds: retry, reason: reason)
    case .gone(let id, let last, let known, let reason): self = .gone(id, last: last, known: known, reason: reason)
    case .error(let code, let id, let retry, let closing, let text):
      self = .error(
        .init(
          code: ErrorCode(rawValue: code) ?? .unspecified, text: text, retryMilliseconds: retry, joinID: id,
          closing: closing))
    case .notice(let id, let kind, let text): self = .notice(id, kind: UInt32(kind), text: text)
    case .pong(let time, let server): self = .pong(time: time, serverMicroseconds: server)
    }
  }
}
