// What rooms ask of other rooms (protocol §10): kept with their state until the answer is an event of theirs, sent when
// the event that asked is durable and settled, and sent again until it is answered.
package import Core
import Wire

/// A request without an answer.
package struct OpenRequest: Hashable, Sendable {
  /// As the version that asked calls it.
  package var id: RequestID
  package var key: RequestKey
  package var kind: RequestKind
  /// `module/key`.
  package var target: [UInt8]
  package var payload: [UInt8]
}

/// When a request is sent next. Not part of the room's history.
struct RequestIssue {
  var key: RequestKey
  /// Monotonic microseconds.
  var dueAt: Int64
  /// From one time to the next.
  var delay = Limits.requestRetryMicroseconds
  /// How often it was sent.
  var count = 0
  /// Of the last time.
  var attempt: UInt32 = 0
}

extension [OpenRequest] {
  subscript(key: RequestKey) -> OpenRequest? { first { $0.key == key } }

  /// What an event has asked, in order, from its `index`-th request on; beyond the limit nothing is kept.
  mutating func add(_ effects: RoomEffects, event: EventSeq, time: Int64, index: inout Int) {
    for case .ask(let id, let kind, let target, let payload) in effects.commands {
      guard count < Limits.requestsPerRoomMax else { return }
      let (target, payload) = ([UInt8](effects.bytes[target]), [UInt8](effects.bytes[payload]))
      let key = RequestKey(event: event, time: time, index: index, kind, target: target, payload: payload)
      append(OpenRequest(id: id, key: key, kind: kind, target: target, payload: payload))
      index += 1
    }
  }
}

extension RoomEngine {
  /// Tells a version what came of its request; nil: it has none such.
  func answer(
    _ request: OpenRequest?, _ outcome: RequestOutcome, _ reply: UnsafeRawBufferPointer,
    in instance: any RoomInstance, budget: RoomBudget
  ) -> RoomOutcome? {
    guard let request else { return nil }
    // The place of the one that is answered can be used at once.
    context.openRequests -= 1
    return call(instance, .answered(request.id, outcome), payload: reply, budget: budget)
  }
}

extension Worker {
  // MARK: Sending

  /// The room has something to send, once all that was executed in this turn is settled.
  mutating func noteRequests(_ room: Room) {
    guard !room.isGhost, asking.last !== room else { return }
    asking.append(room)
  }

  /// What was asked in this turn, and what rooms that were woken or went back had open.
  mutating func issueAsked() {
    guard !asking.isEmpty else { return }
    let rooms = asking
    asking.removeAll(keepingCapacity: true)
    for room in rooms {
      issueRequests(room, mayStage: false)
      schedule(room)
    }
  }

  /// Sends what is due. `mayStage`: what cannot be done is answered at once, by an event.
  mutating func issueRequests(_ room: Room, mayStage: Bool) {
    guard room.phase == .ready, let host = room.host, !host.requests.isEmpty || !room.issues.isEmpty else { return }
    room.issues.removeAll { host.requests[$0.key] == nil }
    for request in host.requests {
      let known = room.issues.firstIndex { $0.key == request.key }
      if known == nil { room.issues.append(RequestIssue(key: request.key, dueAt: now.monotonic)) }
      let i = known ?? room.issues.count - 1
      guard room.issues[i].dueAt <= now.monotonic, !room.stagedAnswers.contains(request.key) else { continue }
      let target = RequestTarget(request.target)
      if let target, map.room(module: target.module, key: target.key) != room.id {
        send(room, host, request, target, i)
      } else if mayStage {
        room.issues[i].dueAt = now.monotonic + Limits.requestRetryMicroseconds
        let why = target == nil ? "it names no room: write module/key" : "a room cannot ask itself"
        stageAnswer(room, request.key, .refused, Array(why.utf8))
      }
    }
  }

  /// A room's requests always go over the same gateway loop, which passes them on in order: no older one arrives behind the
  /// answer to a newer one. A loop that hangs is the supervisor's business.
  private func loop(of room: Room) -> UInt16 { UInt16((room.id.rawValue >> 32) % UInt64(max(gatewayLoops, 1))) }

  private func link(of room: Room) -> Int? {
    let loop = loop(of: room)
    let all = links.indices.filter {
      links[$0].isOpen && links[$0].loops > 0 && links[$0].gateway == gateway && links[$0].loop == loop
    }
    return all.max { links[$0].life < links[$1].life }
  }

  /// A loop has a new link: what was sent over its last one may be lost.
  mutating func askAnew(over loop: UInt16) {
    for room in awakeRooms where room.host?.requests.isEmpty == false && self.loop(of: room) == loop {
      for i in room.issues.indices { room.issues[i].dueAt = now.monotonic }
      noteRequests(room)
    }
  }

  private mutating func send(
    _ room: Room, _ host: RoomHost, _ request: OpenRequest, _ target: RequestTarget, _ i: Int
  ) {
    guard let link = link(of: room) else {
      room.issues[i].dueAt = now.monotonic + Limits.requestRetryMicroseconds
      return
    }
    guard links[link].out.count < Limits.requestPendingBytesMax else {
      room.issues[i].dueAt = now.monotonic + Int64(Limits.retryBusyMilliseconds) * 1_000
      return
    }
    attempts &+= 1
    counters.requests += 1
    room.issues[i].dueAt = now.monotonic + room.issues[i].delay
    room.issues[i].delay = min(room.issues[i].delay * 2, Limits.requestRetryMicrosecondsMax)
    room.issues[i].count += 1
    room.issues[i].attempt = attempts
    let oldest = host.requests.first?.key.event ?? request.key.event
    put(room, request, target, SignalName.text(request.key, from: room.id, oldest: oldest), link)
  }

  private mutating func put(
    _ room: Room, _ request: OpenRequest, _ target: RequestTarget, _ text: String, _ link: Int
  ) {
    let epoch = epoch(room.shard)
    Array(target.module).withUnsafeBytes { module in
      Array(target.key).withUnsafeBytes { name in
        request.payload.withUnsafeBytes { payload in
          Array(text.utf8).withUnsafeBytes { text in
            let command: RoomCommand =
              switch request.kind {
              case .open: .create(module: module, key: name, parameters: payload)
              case .signal: .signal(module: module, key: name, idempotencyKey: text, payload: payload)
              }
            links[link].out.putAsk(room.shard, epoch, room.id, request.key, attempt: attempts, command)
          }
        }
      }
    }
  }

  // MARK: Answers

  mutating func takeAnswered(
    _ shard: ShardID, _ id: RoomID, _ key: RequestKey, _ attempt: UInt32, _ answer: CommandAnswer
  ) {
    guard let room = shards[Int(shard.rawValue)]?.rooms[id], room.phase == .ready, let host = room.host,
      host.requests[key] != nil || host.twin?.requests[key] != nil, !room.stagedAnswers.contains(key)
    else { return }
    let isLast = room.issues.first { $0.key == key }?.attempt == attempt
    switch answer {
    case .done(_, let reply): stageAnswer(room, key, .done, reply)
    // Nobody remembers why a room could not be asked. It was sent again meanwhile, and what comes of that stands.
    case _ where !isLast: break
    case .refused(let reason): stageAnswer(room, key, .refused, Array(reason.utf8))
    case .notFound: stageAnswer(room, key, .refused, Array("there is no such room".utf8))
    case .failed(let reason): stageAnswer(room, key, .failed, Array(reason.utf8))
    case .busy(let milliseconds): askAgain(room, key, in: milliseconds)
    case .notMine: askAgain(room, key, in: Limits.retryBusyMilliseconds)
    }
  }

  /// An answer that cannot be taken now is asked for again: the other room remembers it.
  private mutating func stageAnswer(_ room: Room, _ key: RequestKey, _ outcome: RequestOutcome, _ reply: [UInt8]) {
    guard let host = room.host, host.frozen == nil, host.ended == nil, !room.isEnding else { return }
    guard room.busy == nil, fits(room, reply.count) else {
      return askAgain(room, key, in: Limits.retryBusyMilliseconds)
    }
    room.stagedAnswers.append(key)
    reply.prefix(Limits.signalReplyBytesMax).withUnsafeBytes { stage(room, .answered(key, outcome, reply: $0)) }
  }

  /// Each time later, so that many that wait for one room do not keep the links busy.
  private mutating func askAgain(_ room: Room, _ key: RequestKey, in milliseconds: UInt32) {
    guard let i = room.issues.firstIndex(where: { $0.key == key }) else { return }
    let first = Int64(max(milliseconds, Limits.retryBusyMilliseconds)) * 1_000
    let wait = min(first << min(max(room.issues[i].count - 1, 0), 6), max(first, Limits.requestRetryMicroseconds))
    room.issues[i].dueAt = min(room.issues[i].dueAt, now.monotonic + wait)
    schedule(room)
  }

  /// It is out of the outbox, whatever came of the event.
  func settleAnswered(_ room: Room, _ key: RequestKey) {
    room.awake.requests.removeAll { $0.key == key }
    room.stagedAnswers.removeAll { $0 == key }
    room.issues.removeAll { $0.key == key }
  }
}

// MARK: In snapshots

extension [UInt8] {
  /// u32 next id, u8 count, then of each u32 id, u64 event, u64 digest, u8 kind, blobs target, payload.
  mutating func putRequests(_ next: RequestID, _ requests: [OpenRequest]) {
    put(next)
    append(UInt8(requests.count))
    for request in requests {
      put(request.id)
      put(request.key)
      append(request.kind.rawValue)
      putBlob(request.target)
      putBlob(request.payload)
    }
  }
}

extension ByteReader {
  mutating func takeRequests() throws(DecodingError) -> (RequestID, [OpenRequest]) {
    let next: RequestID = try take()
    var requests: [OpenRequest] = []
    for _ in 0..<(try take(UInt8.self)) {
      requests.append(
        OpenRequest(
          id: try take(), key: try takeRequestKey(), kind: try takeCode(), target: Array(try takeBlob()),
          payload: Array(try takeBlob())))
    }
    guard requests.count <= Limits.requestsPerRoomMax else { throw DecodingError("snapshot with many requests") }
    return (next, requests)
  }
}
