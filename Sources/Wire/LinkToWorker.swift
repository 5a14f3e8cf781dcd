// What a gateway loop says to a worker.
package import Core

/// A record from a gateway loop to a worker. Buffers are borrowed from the read.
package enum LinkToWorker {
  /// First on every link. `loops`: how many loops this gateway has.
  case hello(gateway: GatewayEpoch, loop: UInt16, loops: UInt16)
  /// Joins (idempotently) and attaches.
  indirect case join(JoinRequest)
  indirect case attach(AttachRequest)
  /// The connection of that generation is gone.
  case detach(Route, Generation)
  /// `seq` 0: fire and forget, with a stamp.
  case input(Route, InputSeq, stamp: UInt64, payload: UnsafeRawBufferPointer)
  case leave(Route, InputSeq)
  /// All attachments that this loop holds for the shard have been sent since `serving`.
  case complete
  /// So many records with numbered outputs have been passed on since the link began.
  case confirm(records: UInt64)
  /// From control: answered with `inspected`.
  case inspect(request: UInt32, what: UnsafeRawBufferPointer)
  /// From control, or a room's request: answered with `commanded` as soon as it is durable and decided; never, where the
  /// link closes before.
  indirect case command(request: UInt32, RoomCommand)
  /// What came of a request of a room of the header's shard; `attempt` as in `ask`.
  indirect case answered(RoomID, RequestKey, attempt: UInt32, CommandAnswer)

  package struct JoinRequest {
    package var route: Route
    package var membership: Membership
    package var generation: Generation
    package var player: UnsafeRawBufferPointer
    package var module: UnsafeRawBufferPointer
    package var key: UnsafeRawBufferPointer
    package var parameters: UnsafeRawBufferPointer
    package init(
      route: Route, membership: Membership, generation: Generation, player: UnsafeRawBufferPointer,
      module: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, parameters: UnsafeRawBufferPointer
    ) {
      self.route = route
      self.membership = membership
      self.generation = generation
      self.player = player
      self.module = module
      self.key = key
      self.parameters = parameters
    }
  }
  package struct AttachRequest: Hashable, Sendable {
    package var route: Route
    package var room: RoomID
    package var membership: Membership
    package var generation: Generation
    package var timeline: Timeline
    package var lastOut: OutSeq
    package init(
      route: Route, room: RoomID, membership: Membership, generation: Generation, timeline: Timeline, lastOut: OutSeq
    ) {
      self.route = route
      self.room = room
      self.membership = membership
      self.generation = generation
      self.timeline = timeline
      self.lastOut = lastOut
    }
  }

  package static let inputKind: UInt8 = 5

  package init(_ header: LinkHeader, _ body: UnsafeRawBufferPointer) throws(LinkError) {
    do throws(DecodingError) {
      self = try Self.decode(header.kind, body)
    } catch {
      throw LinkError("a record of kind \(header.kind) \(error)")
    }
  }

  private static func decode(_ kind: UInt8, _ body: UnsafeRawBufferPointer) throws(DecodingError) -> Self {
    var r = ByteReader(body)
    switch kind {
    case 1: return .hello(gateway: try r.take(), loop: try r.take(), loops: try r.take())
    case 2:
      return .join(
        JoinRequest(
          route: try r.take(), membership: Membership(session: try r.take(), joinID: try r.take()),
          generation: try r.take(), player: try r.takeBlob(), module: try r.takeBlob(), key: try r.takeBlob(),
          parameters: r.takeRest()))
    case 3:
      return .attach(
        AttachRequest(
          route: try r.take(), room: try r.take(), membership: Membership(session: try r.take(), joinID: try r.take()),
          generation: try r.take(), timeline: try r.take(), lastOut: try r.take()))
    case 4: return .detach(try r.take(), try r.take())
    case inputKind: return .input(try r.take(), try r.take(), stamp: try r.take(), payload: r.takeRest())
    case 6: return .leave(try r.take(), try r.take())
    case 7: return .complete
    case 8: return .confirm(records: try r.take())
    case 9: return .inspect(request: try r.take(), what: r.takeRest())
    case 10: return .command(request: try r.take(), try RoomCommand(&r))
    case 11: return .answered(try r.take(), try r.takeRequestKey(), attempt: try r.take(), try CommandAnswer(&r))
    default: throw DecodingError("is unknown")
    }
  }

  package func encode(_ shard: ShardID, _ epoch: ShardEpoch, into out: inout [UInt8]) {
    let start: Int
    switch self {
    case .hello(let gateway, let loop, let loops):
      start = out.beginLink(1, shard, epoch)
      out.put(gateway)
      out.put(loop)
      out.put(loops)
    case .join(let j):
      start = out.beginLink(2, shard, epoch)
      out.put(j.route)
      out.put(j.membership.session)
      out.put(j.membership.joinID)
      out.put(j.generation)
      out.putBlob(j.player)
      out.putBlob(j.module)
      out.putBlob(j.key)
      out.append(contentsOf: j.parameters)
    case .attach(let a):
      start = out.beginLink(3, shard, epoch)
      out.put(a.route)
      out.put(a.room)
      out.put(a.membership.session)
      out.put(a.membership.joinID)
      out.put(a.generation)
      out.put(a.timeline)
      out.put(a.lastOut)
    case .detach(let route, let generation):
      start = out.beginLink(4, shard, epoch)
      out.put(route)
      out.put(generation)
    case .input(let route, let seq, let stamp, let payload):
      start = out.beginLink(Self.inputKind, shard, epoch)
      out.put(route)
      out.put(seq)
      out.put(stamp)
      out.append(contentsOf: payload)
    case .leave(let route, let seq):
      start = out.beginLink(6, shard, epoch)
      out.put(route)
      out.put(seq)
    case .complete: start = out.beginLink(7, shard, epoch)
    case .confirm(let records):
      start = out.beginLink(8, shard, epoch)
      out.put(records)
    case .inspect(let request, let what):
      start = out.beginLink(9, shard, epoch)
      out.put(request)
      out.append(contentsOf: what)
    case .command(let request, let command):
      start = out.beginLink(10, shard, epoch)
      out.put(request)
      command.encode(into: &out)
    case .answered(let room, let key, let attempt, let answer):
      start = out.beginLink(11, shard, epoch)
      out.put(room)
      out.put(key)
      out.put(attempt)
      answer.encode(into: &out)
    }
    out.endLink(start)
  }
}
