// What workers say.
package import Core
package import Wire

extension GatewayCore {
  /// A piece of a link's stream. Returns the bytes of whole records; the rest must come again, in front of what
  /// follows. Throws where the worker breaks the link's rules: close the link and open it anew.
  package mutating func receive(
    _ id: LinkID, _ stream: UnsafeRawBufferPointer, now: Now
  ) throws(LinkError) -> Int {
    guard let link = find(id) else { return stream.count }
    var reader = LinkReader(stream)
    while let (header, body) = try reader.next() {
      try take(link, header, try LinkToGateway(header, body), now)
    }
    if links[link].outputs - links[link].confirmed >= Limits.confirmEveryOutputs { confirm(link) }
    return reader.consumed
  }

  /// Not for every output: a confirmation of its own is a write, and wakes the worker. The rest goes with the next tick.
  mutating func confirm(_ link: Int) {
    guard links[link].isOpen, links[link].outputs != links[link].confirmed else { return }
    links[link].confirmed = links[link].outputs
    say(link, ShardID(0), .confirm(records: links[link].outputs), epoch: ShardEpoch(0))
  }

  private mutating func take(
    _ link: Int, _ header: LinkHeader, _ record: LinkToGateway, _ now: Now
  ) throws(LinkError) {
    // Counted even when void: the worker counts what it has sent.
    if case .output = record { links[link].outputs += 1 }
    let shard = Int(header.shard.rawValue)
    // Control asks on links of its own; what is commanded here is asked by rooms.
    switch record {
    case .inspected: return
    case .commanded(let request, let answer): return commanded(link, request, answer)
    default: break
    }
    guard shard < shards.count else { throw LinkError("a worker speaks of shard \(shard) of \(shards.count)") }
    if case .serving = record { return serving(link, header.shard, header.epoch) }
    guard shards[shard].owner == link, shards[shard].epoch == header.epoch else {
      counters.staleRecords += 1
      return
    }
    switch record {
    case .output(let seq, let recipients, let frame): try output(header.shard, seq, recipients, frame)
    case .unreliable(let list, let frame): try unreliable(header.shard, list, frame)
    case .state(let timeline, let asOf, let list, let frame): try state(header.shard, timeline, asOf, list, frame)
    case .ack(let route, let seq):
      answer(header.shard, route) { encodeAckFrame(into: &$0, $1, seq) }
    case .expected(let route, let seq):
      answer(header.shard, route) { encodeExpectedFrame(into: &$0, $1, seq) }
    case .busy(let route, let seq, let retry, let reason):
      answer(header.shard, route) {
        encodeBusyFrame(into: &$0, $1, seq, retryMilliseconds: retry, reason: reason.text)
      }
    case .attached(let attachment): attached(header.shard, attachment, now)
    case .gone(let route, let last, let known, let reason, let text):
      guard let (r, c) = recipient(header.shard, route) else { return }
      let joinID = routes[r].joinID
      if text.isEmpty {
        send(c) { encodeGoneFrame(into: &$0, joinID, last: last, known: known, reason: reason.text) }
      } else {
        let text = Array(String(decoding: text.prefix(1_024), as: UTF8.self).utf8)
        send(c) { encodeGoneFrame(into: &$0, joinID, last: last, known: known, reason: text) }
      }
      // The send may have ended the connection, and the route with it.
      if routes.find(route) != nil { end(r) }
    case .refused(let route, let reason, let retry, let text): refused(header.shard, route, reason, retry, text)
    case .notice(let list, let kind, let text): notice(header.shard, list, kind, text)
    case .ask(let room, let key, let attempt, let command):
      let asking = AskingRoom(room: room, epoch: header.epoch, key: key, attempt: attempt)
      passOn(asking, command, now: now)
    case .serving, .inspected, .commanded: preconditionFailure("answered above")
    }
  }

  /// The route's entry and connection, if it is still this use of it, and of this shard.
  private mutating func recipient(_ shard: ShardID, _ route: Route) -> (route: Int, connection: Int)? {
    guard let r = routes.find(route), routes[r].shard == shard, let id = routes[r].connection, let c = find(id) else {
      counters.staleRecords += 1
      return nil
    }
    return (r, c)
  }

  private mutating func answer(_ shard: ShardID, _ route: Route, _ encode: (inout [UInt8], JoinID) -> Void) {
    guard let (r, c) = recipient(shard, route), routes[r].isLive else { return }
    let joinID = routes[r].joinID
    send(c) { encode(&$0, joinID) }
  }

  // MARK: Attachments

  private mutating func attached(_ shard: ShardID, _ a: LinkToGateway.Attachment, _ now: Now) {
    guard let (r, c) = recipient(shard, a.route), routes[r].isAsked else { return }
    // On another timeline than was claimed a state is to come. Until it has, nothing of that timeline was passed on: a
    // next owner must send the state too, not the ring.
    let claimed: Timeline? =
      switch routes[r].phase {
      case .joining: nil
      case .attaching: routes[r].claim.timeline
      case .attached: routes[r].timeline
      }
    routes[r].phase = .attached
    routes[r].isLive = true
    routes[r].join = nil
    routes[r].timeline = claimed == a.timeline ? a.timeline : Timeline(0)
    routes[r].mark = a.mark
    // What the worker names is passed on; text must be UTF-8 in protobuf.
    let joinID = routes[r].joinID
    var answer = a
    let module = Array(String(decoding: a.module, as: UTF8.self).utf8)
    module.withUnsafeBytes { bytes in
      answer.module = bytes
      send(c) { encodeAttachedFrame(into: &$0, joinID, answer) }
    }
  }

  private mutating func refused(
    _ shard: ShardID, _ route: Route, _ reason: LinkToGateway.JoinRefusal, _ retry: UInt32,
    _ text: UnsafeRawBufferPointer
  ) {
    guard let (r, c) = recipient(shard, route) else { return }
    let joinID = routes[r].joinID
    let text = text.isEmpty ? "the join was refused: \(reason)" : String(decoding: text.prefix(1_024), as: UTF8.self)
    counters.errors += 1
    // A client that is attached did not ask, its room's next owner was asked for it: it learns that it is not attached
    // any more, asks by itself, and is told then when to try again.
    let hasAsked = routes[r].phase != .attached
    if !hasAsked { connections[c].toldNotAttached = joinID }
    // It may have been asked for twice: by its client, and here for a new owner. What the other one brings nobody would
    // ever let go of.
    if routes[r].phase != .joining, let owner = shards[Int(shard.rawValue)].owner {
      say(owner, shard, .detach(route, connections[c].generation))
    }
    send(c) {
      encodeErrorFrame(
        into: &$0, hasAsked ? reason.code : .notAttached, text: text.utf8, retryMilliseconds: hasAsked ? retry : 0,
        joinID: joinID, closing: false)
    }
    if routes.find(route) != nil { end(r) }
  }

  // MARK: Outputs

  /// Numbered: passed on once per (timeline, number), never dropped for want of room.
  private mutating func output(
    _ shard: ShardID, _ seq: OutSeq, _ list: LinkToGateway.RecipientList, _ frame: UnsafeRawBufferPointer
  ) throws(LinkError) {
    guard let joinIDAt = ClientFramePatch.joinIDOffset(in: frame), ClientFramePatch.prevOffset(in: frame) != nil else {
      throw LinkError("a numbered output is no finished Output frame")
    }
    for i in 0..<list.count {
      let (route, prev) = list[i]
      guard let (r, c) = recipient(shard, route), routes[r].isLive else { continue }
      guard seq > routes[r].mark else {
        counters.outputsBelowMark += 1
        continue
      }
      guard hasRoom(c) else { continue }
      routes[r].mark = seq
      makeDirty(c)
      counters.framesOut += 1
      connections[c].out.append(frame: frame, joinID: routes[r].joinID, at: joinIDAt, prev: prev)
    }
  }

  /// Fresh or nothing.
  private mutating func unreliable(
    _ shard: ShardID, _ list: LinkToGateway.RouteList, _ frame: UnsafeRawBufferPointer
  ) throws(LinkError) {
    guard let joinIDAt = ClientFramePatch.joinIDOffset(in: frame) else {
      throw LinkError("an unreliable output is no finished Output frame")
    }
    for i in 0..<list.count {
      let route = list[i]
      guard let (r, c) = recipient(shard, route), routes[r].isLive else { continue }
      guard !connections[c].out.isStalled || connections[c].out.count < Limits.unreliablePendingBytesMax,
        connections[c].out.count < settings.outboundBytesMax
      else {
        counters.unreliableDropped += 1
        continue
      }
      makeDirty(c)
      counters.framesOut += 1
      connections[c].out.appendUnreliable(frame: frame, route: route, joinID: routes[r].joinID, at: joinIDAt)
    }
  }

  /// Replaces all outputs up to `asOf`, on whatever timeline.
  private mutating func state(
    _ shard: ShardID, _ timeline: Timeline, _ asOf: OutSeq, _ list: LinkToGateway.RouteList,
    _ frame: UnsafeRawBufferPointer
  ) throws(LinkError) {
    guard let joinIDAt = ClientFramePatch.joinIDOffset(in: frame) else {
      throw LinkError("a state is no finished State frame")
    }
    for i in 0..<list.count {
      guard let (r, c) = recipient(shard, list[i]), routes[r].isLive, hasRoom(c) else { continue }
      routes[r].timeline = timeline
      routes[r].mark = asOf
      makeDirty(c)
      counters.framesOut += 1
      connections[c].out.append(frame: frame, joinID: routes[r].joinID, at: joinIDAt, prev: nil)
    }
  }

  private mutating func notice(
    _ shard: ShardID, _ list: LinkToGateway.RouteList, _ kind: UInt8, _ text: UnsafeRawBufferPointer
  ) {
    let text = Array(String(decoding: text, as: UTF8.self).utf8)
    for i in 0..<list.count {
      answer(shard, list[i]) { encodeNoticeFrame(into: &$0, $1, kind: kind, text: text) }
    }
  }
}

extension LinkToGateway.Busy {
  var text: StaticString {
    switch self {
    case .queue: "the room's queue is full"
    case .rebuilding: "the room is being rebuilt"
    case .frozen: "the room is frozen"
    case .noSpace: "the journal has no space"
    case .outputs: "the room's outputs are not taken fast enough"
    }
  }
}

extension LinkToGateway.GoneReason {
  var text: StaticString {
    switch self {
    case .unknown: "no such membership"
    case .left: "left"
    case .kicked: "removed by the room"
    case .expired: "did not come back in time"
    case .ended: "the room has ended"
    }
  }
}

extension LinkToGateway.JoinRefusal {
  var code: ClientErrorCode {
    switch self {
    case .unknownModule: .unknownModule
    case .byRoom, .full, .frozen, .failed, .ended, .locked, .notCreated: .joinRefused
    case .tooManyRooms: .tooMany
    case .busy: .unavailable
    case .malformed: .malformed
    }
  }
}
