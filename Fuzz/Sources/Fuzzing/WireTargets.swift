// Decoders of what comes over sockets.
import Core
import Wire

extension FuzzTarget {
  private static func varint(_ value: UInt64) -> [UInt8] { Array(made: { $0.putVarint(value) }) }

  /// `ClientFrame{Input}` as the generated code writes it.
  static func inputFrame(_ joinID: UInt64, _ seq: UInt64, stamp: UInt64 = 0, _ payload: [UInt8]) -> [UInt8] {
    let body = [UInt8](made: {
      $0.putVarintField(1, joinID)
      $0.putVarintField(2, seq)
      $0.putBytesField(3, payload)
      $0.putVarintField(4, stamp)
    })
    return [Protobuf.tag(4, .bytes)] + varint(UInt64(body.count)) + body
  }

  /// The hot path's scanner, and the places that the gateway patches in a worker's frame.
  static let clientFrame = FuzzTarget(
    name: "client-frame", bytesMax: 4_096,
    seeds: {
      [
        inputFrame(1, 1, [1, 2, 3]), inputFrame(7, 300, stamp: 1 << 40, Array(repeating: 9, count: 300)),
        inputFrame(0, 0, []), inputFrame(UInt64(UInt32.max), UInt64.max, stamp: UInt64.max, [0]),
        .init(made: { encodeOutputFrame(into: &$0, seq: OutSeq(5), payload: Array(repeating: 1, count: 200)) }),
        .init(made: { encodeStateFrame(into: &$0, timeline: Timeline(1), asOf: OutSeq(9), payload: [1, 2]) }),
      ]
    },
    run: { bytes in
      if let input = ClientScanner.scan(bytes) {
        precondition(input.payload.count <= bytes.count, "a payload is longer than its frame")
        // What was accepted means the same when it is written anew.
        let again = inputFrame(
          UInt64(input.joinID.rawValue), input.seq.rawValue, stamp: input.stamp, Array(input.payload))
        again.withUnsafeBytes {
          guard let second = ClientScanner.scan($0) else { preconditionFailure("a frame written anew is refused") }
          precondition(
            second.joinID == input.joinID && second.seq == input.seq && second.stamp == input.stamp
              && second.payload.elementsEqual(input.payload), "a frame written anew says something else")
        }
      }
      if let at = ClientFramePatch.joinIDOffset(in: bytes) {
        precondition(at + 4 <= bytes.count, "join_id is outside its frame")
      }
      if let at = ClientFramePatch.prevOffset(in: bytes) {
        precondition(at >= 0 && at + 8 <= bytes.count, "prev is outside its frame")
      }
    })

  static let serverFrame = FuzzTarget(
    name: "server-frame", bytesMax: 4_096,
    seeds: {
      serverFrames + [
        serverFrames.flatMap { Array(made: { [count = $0.count] in $0.put(UInt32(count).byteSwapped) }) + $0 }
      ]
    },
    run: { bytes in
      _ = try? ServerFrame(bytes)
      _ = try? ServerFrame.all(in: bytes)
    })

  static var serverFrames: [[UInt8]] {
    let verdict = InputVerdict(seq: InputSeq(3), kind: .refused)
    return [
      .init(made: { out in
        [UInt8](repeating: 5, count: 40).withUnsafeBytes {
          encodeWelcomeFrame(
            into: &out,
            WelcomeFrame(session: SessionID(1), resume: $0, resumed: true, graceSeconds: 30, frameBytesMax: 65_536))
        }
      }),
      .init(made: { out in
        Array("tally 1".utf8).withUnsafeBytes {
          encodeAttachedFrame(into: &out, JoinID(1), attachment(1, RoomID(7), $0))
        }
      }),
      .init(made: { encodeOutputFrame(into: &$0, seq: OutSeq(5), payload: [1, 2, 3]) }),
      .init(made: { encodeOutputFrame(into: &$0, seq: OutSeq(6), payload: [], verdict: verdict) }),
      .init(made: { encodeStateFrame(into: &$0, timeline: Timeline(1), asOf: OutSeq(9), payload: [1, 2]) }),
      .init(made: { encodeAckFrame(into: &$0, JoinID(1), InputSeq(2)) }),
      .init(made: { encodeExpectedFrame(into: &$0, JoinID(1), InputSeq(2)) }),
      .init(made: { encodeBusyFrame(into: &$0, JoinID(1), InputSeq(2), retryMilliseconds: 50, reason: "full") }),
      .init(made: { encodeGoneFrame(into: &$0, JoinID(1), last: InputSeq(2), known: true, reason: "left") }),
      .init(made: { encodeErrorFrame(into: &$0, .tooMany, text: Array("no".utf8), closing: true) }),
      .init(made: { encodeNoticeFrame(into: &$0, JoinID(1), kind: 1, text: Array("frozen".utf8)) }),
      .init(made: { encodePongFrame(into: &$0, time: 1, serverMicroseconds: 2) }),
    ]
  }

  static func attachment(_ route: UInt32, _ room: RoomID, _ module: UnsafeRawBufferPointer) -> LinkToGateway.Attachment
  {
    LinkToGateway.Attachment(
      route: Route(route), room: room, slot: Slot(0), nextSeq: InputSeq(1), timeline: Timeline(cut: 0, own: 1),
      upTo: OutSeq(4), mark: OutSeq(0), module: module)
  }

  /// The link in both directions. What decodes as said to a worker is written anew and must be the same.
  static let linkRecords = FuzzTarget(
    name: "link-records", bytesMax: 8_192,
    seeds: {
      [LinkSeeds.toWorker(shard: ShardID(0), epoch: ShardEpoch(1)), LinkSeeds.toGateway(epoch: ShardEpoch(1))]
    },
    run: { bytes in
      var reader = LinkReader(bytes)
      while let (header, body) = (try? reader.next()) ?? nil {
        if let record = try? LinkToWorker(header, body) {
          let written = [UInt8](made: { record.encode(header.shard, header.epoch, into: &$0) })
          precondition(
            written.count <= header.length
              && written.dropFirst(LinkHeader.bytes).elementsEqual(
                body.prefix(written.count - LinkHeader.bytes)),
            "a record written anew says something else")
        }
        if let record = try? LinkToGateway(header, body) { visit(record) }
      }
      precondition(reader.consumed <= bytes.count, "more was read than there is")
    })

  private static func visit(_ record: LinkToGateway) {
    var sum: UInt64 = 0
    switch record {
    case .state(_, _, let routes, _), .unreliable(let routes, _), .notice(let routes, _, _):
      for i in 0..<routes.count { sum &+= UInt64(routes[i].rawValue) }
    case .output(_, let recipients, _):
      for i in 0..<recipients.count { sum &+= recipients[i].prev.rawValue }
    default: break
    }
    keep(sum)
  }

  static let supervisorChannel = FuzzTarget(
    name: "supervisor-channel", bytesMax: 4_096,
    seeds: {
      let up: [ToSupervisor] = [
        .ready, .beat(counters: [1, 2, 3]), .adopted(ShardID(1), ShardEpoch(2), rooms: 3, events: 4, microseconds: 5),
        .event(kind: "freeze", text: "room 7"), .request(id: 1, verb: "processes", body: [1, 2]),
      ]
      let down: [FromSupervisor] = [
        .adopt([ShardAssignment(ShardID(1), ShardEpoch(2)), ShardAssignment(ShardID(2), ShardEpoch(2))]),
        .workers([WorkerAddress(instance: 1, path: "run/worker-1.sock")]), .stop(graceMilliseconds: 100),
        .response(id: 1, body: [1, 2, 3]),
      ]
      return [
        .init(made: { for each in up { each.encode(into: &$0) } }),
        .init(made: { for each in down { each.encode(into: &$0) } }),
      ]
    },
    run: { bytes in
      var buffer = SupervisorChannelBuffer()
      // In two reads, as a stream may be cut anywhere.
      let cut = bytes.count / 2
      for piece in [bytes[..<cut], bytes[cut...]] {
        buffer.append(UnsafeRawBufferPointer(rebasing: piece))
        do {
          try buffer.drain { (kind: UInt8, body: UnsafeRawBufferPointer) throws(DecodingError) in
            if let message = try? ToSupervisor(kind: kind, body) {
              _ = [UInt8](made: { message.encode(into: &$0) })
            } else if let message = try? FromSupervisor(kind: kind, body) {
              _ = [UInt8](made: { message.encode(into: &$0) })
            }
          }
        } catch { return }
      }
    })
}
