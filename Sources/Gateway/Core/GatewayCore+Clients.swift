// What clients say.
package import Core
import Wire

extension GatewayCore {
  var costMicroseconds: Int64 {
    settings.framesPerSecond > 0 ? max(1, 1_000_000 / Int64(settings.framesPerSecond)) : 0
  }
  var creditMax: Int64 { costMicroseconds * Int64(settings.framesBurst) }

  /// A piece of a client's stream: frames, each behind its 4-byte big-endian length. `decode` turns whatever is not a
  /// hot input into a message; it must not call the core.
  package mutating func receive(
    _ id: ConnectionID, _ stream: UnsafeRawBufferPointer, now: Now,
    decode: (UnsafeRawBufferPointer) -> ClientMessage
  ) -> Received {
    guard let c = find(id) else { return Received(consumed: stream.count) }
    refill(c, now)
    var offset = 0
    while connections[c].phase != .closing {
      guard stream.count - offset >= 4 else { return Received(consumed: offset) }
      let length = Int(UInt32(bigEndian: stream.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
      guard length <= Limits.clientFrameBytesMax else {
        fail(id, .tooLarge, "a frame is longer than Welcome.frame_bytes_max")
        break
      }
      guard stream.count - offset - 4 >= length else { return Received(consumed: offset) }
      let missing = costMicroseconds - connections[c].credit
      if missing > 0, costMicroseconds > 0 { return Received(consumed: offset, pauseMicroseconds: missing) }
      connections[c].credit -= costMicroseconds
      let frame = UnsafeRawBufferPointer(rebasing: stream[offset + 4..<offset + 4 + length])
      offset += 4 + length
      if let input = ClientScanner.scan(frame) {
        take(c, input.joinID, input.seq, stamp: input.stamp, input.payload)
      } else {
        let message = decode(frame)
        // A join can cost the room an event even where it is refused.
        if case .join = message { connections[c].credit -= costMicroseconds * (Limits.joinCostsFrames - 1) }
        take(c, message, now)
      }
    }
    return Received(consumed: stream.count)
  }

  /// One message, outside the rate: for the simulator and tests.
  package mutating func receive(_ id: ConnectionID, _ message: ClientMessage, now: Now) {
    guard let c = find(id), connections[c].phase != .closing else { return }
    take(c, message, now)
  }

  private mutating func refill(_ c: Int, _ now: Now) {
    let elapsed = max(0, now.monotonic - connections[c].creditAt)
    connections[c].creditAt = max(connections[c].creditAt, now.monotonic)
    connections[c].credit = min(creditMax, connections[c].credit + min(elapsed, creditMax))
  }

  private mutating func take(_ c: Int, _ message: ClientMessage, _ now: Now) {
    switch message {
    case .input(let joinID, let seq, let stamp, let payload):
      payload.withUnsafeBytes { take(c, joinID, seq, stamp: stamp, $0) }
      return
    case .malformed:
      fail(id(c), .malformed, "not a ClientFrame of oneup.v1")
      return
    default: break
    }
    counters.framesIn += 1
    if case .hello(let hello) = message { return take(c, hello, now) }
    guard connections[c].phase == .live else { return outOfOrder(c) }
    switch message {
    case .join(let joinID, let module, let key, let parameters):
      take(c, joinID, RouteEntry.Join(module: module, key: key, parameters: parameters), now)
    case .attach(let joinID, let room, let timeline, let lastOut):
      attach(c, joinID, room, (timeline, lastOut), now)
    case .leave(let joinID, let seq): leave(c, joinID, seq)
    case .ping(let time): send(c) { encodePongFrame(into: &$0, time: time, serverMicroseconds: now.wall) }
    case .unknown: refuse(c, JoinID(0), .malformed, "a frame of a kind that version 1 does not know")
    case .hello, .input, .malformed: preconditionFailure("answered above")
    }
  }

  private mutating func outOfOrder(_ c: Int) { fail(id(c), .outOfOrder, "the first frame must be Hello, and only one") }

  private mutating func take(_ c: Int, _ hello: ClientMessage.Hello, _ now: Now) {
    let id = id(c)
    guard connections[c].phase == .opened else { return outOfOrder(c) }
    guard hello.version == 1 else { return fail(id, .version, "this server speaks version 1 of the protocol") }
    guard hello.name.count <= Limits.playerNameBytesMax else {
      return fail(id, .tooLarge, "a name has at most 64 bytes")
    }
    guard case .session(let session, let resumed, let counter, let token) = hello.ticket else {
      return fail(id, .badToken, "the resume token is not of this server, or has expired: start anew without it")
    }
    if let older = sessions[session] { replace(older) }
    counters.hellos += 1
    sessions[session] = id
    connections[c].phase = .live
    connections[c].session = session
    connections[c].generation = Generation(epoch: settings.epoch, counter: counter)
    connections[c].name = hello.name
    send(c) { out in
      token.withUnsafeBytes {
        encodeWelcomeFrame(
          into: &out,
          WelcomeFrame(
            session: session, resume: $0, resumed: resumed, graceSeconds: UInt32(Limits.graceSeconds),
            frameBytesMax: UInt32(Limits.clientFrameBytesMax)))
      }
    }
  }

  // MARK: Memberships

  private mutating func take(_ c: Int, _ joinID: JoinID, _ join: RouteEntry.Join, _ now: Now) {
    guard joinID != JoinID(0), !join.module.isEmpty else {
      return refuse(c, joinID, .malformed, "a join needs a join_id above 0 and a module")
    }
    guard join.module.count <= Limits.moduleNameBytesMax, join.key.count <= Limits.roomKeyBytesMax,
      join.parameters.count <= Limits.joinParametersBytesMax
    else { return refuse(c, joinID, .tooLarge, "at most 64 bytes of module, 128 of key, 4,096 of parameters") }
    let room = settings.shards.room(module: join.module, key: join.key)
    guard let r = route(c, joinID, room) else { return }
    switch routes[r].phase {
    case .joining:
      // Already on its way, or waiting for an owner: a second one could be accepted after the first was refused.
      guard routes[r].join == nil else { return }
      routes[r].join = join
    case .attaching: return  // Its answer is on the way.
    case .attached:
      // The room has the member: say again how things stand.
      routes[r].phase = .attaching
      routes[r].claim = (routes[r].timeline, routes[r].mark)
    }
    ask(r, now)
  }

  private mutating func attach(
    _ c: Int, _ joinID: JoinID, _ room: RoomID, _ claim: (timeline: Timeline, lastOut: OutSeq), _ now: Now
  ) {
    guard joinID != JoinID(0) else { return refuse(c, joinID, .malformed, "an attach needs a join_id above 0") }
    let isNew = connections[c].route(of: joinID) == nil
    guard let r = route(c, joinID, room) else { return }
    // A join on its way answers this too.
    guard isNew || routes[r].phase != .joining else { return }
    // Asked again before the answer came: a second answer would pass on the same outputs once more.
    guard isNew || routes[r].phase != .attaching || !routes[r].isAsked else { return }
    if isNew { (routes[r].timeline, routes[r].mark) = claim }
    // Asked again while the answer was on its way to the client: what this connection was given is in the mark.
    routes[r].claim = routes[r].phase == .attached ? (routes[r].timeline, routes[r].mark) : claim
    routes[r].phase = .attaching
    ask(r, now)
  }

  /// The membership's route on this connection; a new one is `joining`. nil: the client was told why not.
  private mutating func route(_ c: Int, _ joinID: JoinID, _ room: RoomID) -> Int? {
    connections[c].toldNotAttached = JoinID(0)
    if let r = connections[c].route(of: joinID) {
      guard routes[r].room == room else {
        refuse(c, joinID, .malformed, "this join_id names another room already")
        return nil
      }
      return r
    }
    guard connections[c].handles.count < Limits.membershipsPerSessionMax else {
      refuse(c, joinID, .tooMany, "a session has at most 64 memberships at once")
      return nil
    }
    guard let r = routes.make(id(c), joinID, room, settings.shards.shard(of: room)) else {
      refuse(
        c, joinID, .unavailable, "this gateway has no place for another membership",
        retry: Limits.retryUnavailableMilliseconds)
      return nil
    }
    connections[c].handles.append(Connection.Handle(joinID: joinID, route: r))
    return r
  }

  // MARK: Inputs

  /// The hot path. An input without a live attachment is dropped: the client sends it again after `Attached`.
  private mutating func take(
    _ c: Int, _ joinID: JoinID, _ seq: InputSeq, stamp: UInt64, _ payload: UnsafeRawBufferPointer
  ) {
    counters.framesIn += 1
    counters.inputs += 1
    guard let (route, shard, owner) = liveRoute(c, joinID) else { return }
    say(owner, shard, .input(route, seq, stamp: seq == InputSeq(0) ? stamp : 0, payload: payload))
  }

  private mutating func leave(_ c: Int, _ joinID: JoinID, _ seq: InputSeq) {
    counters.inputs += 1
    guard seq != InputSeq(0) else { return refuse(c, joinID, .malformed, "a leave is a numbered input") }
    guard let (route, shard, owner) = liveRoute(c, joinID) else { return }
    say(owner, shard, .leave(route, seq))
  }

  private mutating func liveRoute(_ c: Int, _ joinID: JoinID) -> (Route, ShardID, owner: Int)? {
    guard let r = connections[c].route(of: joinID) else {
      counters.inputsDropped += 1
      notAttached(c, joinID)
      return nil
    }
    let shard = routes[r].shard
    guard routes[r].isLive, let owner = shards[Int(shard.rawValue)].owner else {
      counters.inputsDropped += 1
      return nil
    }
    if links[owner].isStalled, links[owner].out.count >= settings.linkPendingBytesMax {
      routes[r].hasDropped = true
      links[owner].hasDropped = true
      counters.inputsDropped += 1
      return nil
    }
    return (routes.route(at: r), shard, owner)
  }

  /// Told once: what a client still had on its way when its membership ended is no news to it.
  private mutating func notAttached(_ c: Int, _ joinID: JoinID) {
    guard connections[c].phase == .live else { return outOfOrder(c) }
    guard connections[c].toldNotAttached != joinID || joinID == JoinID(0) else { return }
    connections[c].toldNotAttached = joinID
    refuse(c, joinID, .notAttached, "join or attach first")
  }
}
