// Good talk on a link.
import Core
import Wire

enum LinkSeeds {
  static func join(_ shard: ShardID, _ epoch: ShardEpoch, route: UInt32, session: UInt64, module: String, key: String)
    -> [UInt8]
  {
    .init(made: { out in
      Array("ann".utf8).withUnsafeBytes { player in
        Array(module.utf8).withUnsafeBytes { module in
          Array(key.utf8).withUnsafeBytes { key in
            LinkToWorker.join(
              .init(
                route: Route(route), membership: Membership(session: SessionID(session), joinID: JoinID(1)),
                generation: Generation(epoch: GatewayEpoch(1), counter: 1), player: player, module: module, key: key,
                parameters: UnsafeRawBufferPointer(start: nil, count: 0))
            ).encode(shard, epoch, into: &out)
          }
        }
      }
    })
  }
  static func input(_ shard: ShardID, _ epoch: ShardEpoch, route: UInt32, seq: UInt64, _ payload: [UInt8]) -> [UInt8] {
    .init(made: { out in
      payload.withUnsafeBytes {
        LinkToWorker.input(Route(route), InputSeq(seq), stamp: seq == 0 ? 5 : 0, payload: $0)
          .encode(shard, epoch, into: &out)
      }
    })
  }
  static func attach(
    _ shard: ShardID, _ epoch: ShardEpoch, route: UInt32, room: RoomID, session: UInt64, counter: UInt32 = 2,
    timeline: Timeline = Timeline(cut: 0, own: 1), lastOut: UInt64 = 1
  ) -> [UInt8] {
    .init(made: { out in
      LinkToWorker.attach(
        .init(
          route: Route(route), room: room, membership: Membership(session: SessionID(session), joinID: JoinID(1)),
          generation: Generation(epoch: GatewayEpoch(1), counter: counter), timeline: timeline,
          lastOut: OutSeq(lastOut))
      ).encode(shard, epoch, into: &out)
    })
  }
  static func plain(_ shard: ShardID, _ epoch: ShardEpoch, _ record: LinkToWorker) -> [UInt8] {
    .init(made: { record.encode(shard, epoch, into: &$0) })
  }

  static func toWorker(shard: ShardID, epoch: ShardEpoch) -> [UInt8] {
    plain(ShardID(0), ShardEpoch(0), .hello(gateway: GatewayEpoch(1), loop: 0, loops: 1))
      + join(shard, epoch, route: 1, session: 1, module: "tally", key: "a")
      + attach(shard, epoch, route: 2, room: RoomID(7), session: 2)
      + input(shard, epoch, route: 1, seq: 1, [1, 2, 3]) + input(shard, epoch, route: 1, seq: 0, [11])
      + plain(shard, epoch, .leave(Route(1), InputSeq(2))) + plain(shard, epoch, .complete)
      + plain(shard, epoch, .detach(Route(1), Generation(epoch: GatewayEpoch(1), counter: 3)))
      + plain(ShardID(0), ShardEpoch(0), .confirm(records: 1))
      + .init(made: { out in
        Array("rooms".utf8).withUnsafeBytes {
          LinkToWorker.inspect(request: 1, what: $0).encode(ShardID(0), ShardEpoch(0), into: &out)
        }
      }) + commands(room: RoomID(7))
      + plain(shard, epoch, .answered(RoomID(7), RequestKey(event: EventSeq(2), digest: 9), attempt: 3, .refused("no")))
  }

  /// All that control can ask, of a room of the module `tally` with the key `a`, and of one by its number.
  static func commands(room: RoomID) -> [UInt8] {
    let payload = [UInt8](made: { out in
      out.append(1)
      out.put(UInt64(9))
    })
    // The scripted module's third build, which differs.
    let other = ModuleHash([1, 2] + Array(repeating: 0, count: 30))
    return .init(made: { out in
      Array("tally".utf8).withUnsafeBytes { module in
        Array("a".utf8).withUnsafeBytes { key in
          payload.withUnsafeBytes { payload in
            let commands: [RoomCommand] = [
              .create(module: module, key: key, parameters: UnsafeRawBufferPointer(start: nil, count: 0)),
              .signal(module: module, key: key, idempotencyKey: key, payload: payload),
              .signal(module: module, key: key, idempotencyKey: module, payload: payload), .lock(room, true),
              .kick(room, Slot(0), reason: key), .lock(room, false),
              .upgrade(room, to: other, probationEvents: 4, probationSeconds: 0), .back(room, reason: key),
              .upgrade(room, to: other, probationEvents: 0, probationSeconds: 0), .settle(room), .offer(other),
              .end(room, reason: module),
            ]
            for (i, command) in commands.enumerated() {
              LinkToWorker.command(request: UInt32(i), command).encode(ShardID(0), ShardEpoch(0), into: &out)
            }
          }
        }
      }
    })
  }

  /// About route 0, which is a loop's first.
  static func toGateway(shard: ShardID = ShardID(0), epoch: ShardEpoch, room: RoomID = RoomID(7)) -> [UInt8] {
    let frame = [UInt8](made: { encodeOutputFrame(into: &$0, seq: OutSeq(5), payload: [1, 2, 3]) })
    let state = [UInt8](made: { encodeStateFrame(into: &$0, timeline: Timeline(1), asOf: OutSeq(4), payload: [1]) })
    return .init(made: { out in
      out.putServing(shard, epoch)
      Array("tally 1".utf8).withUnsafeBytes { out.putAttached(shard, epoch, FuzzTarget.attachment(0, room, $0)) }
      out.putState(shard, epoch, Timeline(1), asOf: OutSeq(4), routes: [Route(0)], frame: state)
      for seq in UInt64(5)...7 {
        let start = out.beginOutput(shard, epoch, OutSeq(seq), count: 1)
        out.putRecipient(Route(0), prev: OutSeq(seq - 1))
        out.append(contentsOf: frame)
        out.endLink(start)
      }
      Array("a".utf8).withUnsafeBytes { key in
        let command = RoomCommand.signal(module: key, key: key, idempotencyKey: key, payload: key)
        out.putAsk(shard, epoch, room, RequestKey(event: EventSeq(2), digest: 9), attempt: 3, command)
      }
      out.putCommanded(request: 1, .done(room, reply: [1]))
      let start = out.beginUnreliable(shard, epoch, count: 1)
      out.put(Route(0))
      out.append(contentsOf: frame)
      out.endLink(start)
      out.putAck(shard, epoch, Route(0), InputSeq(1))
      out.putExpected(shard, epoch, Route(0), InputSeq(1))
      out.putBusy(shard, epoch, Route(0), InputSeq(1), retryMilliseconds: 50, .queue)
      out.putNotice(shard, epoch, routes: [Route(0)], kind: 1, text: "frozen")
      out.putInspected(request: 1, json: Array("{}".utf8))
      let answers: [CommandAnswer] = [
        .done(RoomID(7), reply: [1, 2]), .refused("no"), .notFound, .notMine(shard), .busy(retryMilliseconds: 50),
        .failed("undone"),
      ]
      for (i, answer) in answers.enumerated() { out.putCommanded(request: UInt32(i), answer) }
      out.putRefused(shard, epoch, Route(1), .full, retryMilliseconds: 0, text: "full")
      out.putGone(shard, epoch, Route(0), last: InputSeq(1), known: true, .ended, text: Array("ended: over".utf8))
    })
  }
}
