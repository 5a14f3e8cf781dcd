// Between the core's frames and protobuf.
import ClientCore
import ClientMessages
import Core
import Foundation

extension Oneup_V1_ClientFrame {
  init(_ request: ClientRequest) {
    self.init()
    switch request {
    case .hello(let version, let name, let resume):
      hello.version = version
      hello.name = name
      hello.resume = Data(resume)
    case .join(let id, let module, let key, let parameters):
      join.joinID = id.rawValue
      join.module = module
      join.key = key
      join.parameters = Data(parameters)
    case .attach(let id, let room, let timeline, let lastOut):
      attach.joinID = id.rawValue
      attach.room = room.rawValue
      attach.timeline = timeline.rawValue
      attach.lastOut = lastOut.rawValue
    case .input(let id, let seq, let payload, let stamp):
      input.joinID = id.rawValue
      input.seq = seq.rawValue
      input.payload = Data(payload)
      input.stamp = stamp
    case .leave(let id, let seq):
      leave.joinID = id.rawValue
      leave.seq = seq.rawValue
    case .ping(let time): ping.time = time
    }
  }
}

extension ServerMessage {
  /// Nil: a frame of a later version of the protocol; to be skipped.
  init?(_ frame: Oneup_V1_ServerFrame) {
    switch frame.kind {
    case .welcome(let w):
      self = .welcome(
        .init(session: SessionID(w.session), resume: Array(w.resume), resumed: w.resumed, graceSeconds: w.graceSeconds))
    case .attached(let a):
      self = .attached(
        .init(
          joinID: JoinID(a.joinID), room: RoomID(a.room), slot: Slot(a.slot), nextSeq: InputSeq(a.nextSeq),
          timeline: Timeline(a.timeline), upTo: OutSeq(a.upTo), module: a.module))
    case .output(let o):
      self = .output(
        .init(
          joinID: JoinID(o.joinID), seq: OutSeq(o.seq), payload: Array(o.payload),
          result: o.hasResult ? Verdict(o.result) : nil, prev: OutSeq(o.prev)))
    case .state(let s):
      self = .state(
        .init(joinID: JoinID(s.joinID), timeline: Timeline(s.timeline), asOf: OutSeq(s.asOf), payload: Array(s.payload))
      )
    case .ack(let a): self = .ack(JoinID(a.joinID), InputSeq(a.seq))
    case .expected(let e): self = .expected(JoinID(e.joinID), InputSeq(e.seq))
    case .busy(let b):
      self = .busy(JoinID(b.joinID), InputSeq(b.seq), retryMilliseconds: b.retryAfterMs, reason: b.reason)
    case .gone(let g): self = .gone(JoinID(g.joinID), last: InputSeq(g.last), known: g.known, reason: g.reason)
    case .error(let e):
      self = .error(
        .init(
          code: UInt8(exactly: e.code.rawValue).flatMap(ErrorCode.init) ?? .unspecified, text: e.text,
          retryMilliseconds: e.retryAfterMs, joinID: JoinID(e.joinID), closing: e.closing))
    case .notice(let n):
      self = .notice(JoinID(n.joinID), kind: UInt32(truncatingIfNeeded: n.kind.rawValue), text: n.text)
    case .pong(let p): self = .pong(time: p.time, serverMicroseconds: p.serverTimeUs)
    case nil: return nil
    }
  }
}

extension Verdict {
  /// A kind of a later version counts as rejected: it was not applied as far as this client can tell.
  fileprivate init(_ result: Oneup_V1_Result) {
    self.init(
      seq: InputSeq(result.seq), kind: UInt8(exactly: result.verdict.rawValue).flatMap(Kind.init) ?? .rejected,
      reply: Array(result.reply), reason: result.reason)
  }
}
