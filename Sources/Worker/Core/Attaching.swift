// Attachments: the one repair path (protocol §2). Who is connected where, and what a returning member is sent.
import Core
import Wire

/// What a join says beyond its answer, kept while its room is not ready.
struct PendingJoin {
  var player: [UInt8]
  var parameters: [UInt8]
}

extension PendingAnswer {
  /// Makes it void if it is that connection's; no link ever has life 0.
  mutating func cancel(_ link: Int, _ route: Route) -> Bool {
    guard self.link == link, self.route == route else { return false }
    linkLife = 0
    return true
  }
}

extension Worker {
  mutating func greet(_ link: Int, _ epoch: GatewayEpoch, _ loop: UInt16, _ loops: UInt16) {
    links[link].gateway = epoch
    links[link].loop = loop
    links[link].loops = loops
    defer { if epoch == gateway { askAnew(over: loop) } }
    guard epoch > gateway else { return }
    // A newer gateway: whoever the old one spoke for has nobody until it is attached again. The old one may hang with
    // its links open: it is not heard any more, and nothing goes to it.
    gateway = epoch
    gatewayLoops = loops
    for l in links.indices where links[l].isOpen && links[l].loops > 0 && links[l].gateway < epoch { letGo(l) }
    for s in shards.indices where shards[s] != nil { awaitLists(s) }
    for room in awakeRooms {
      for c in room.claims.indices where room.host?[Slot(UInt32(c))] != nil && room.claims[c].link < 0 {
        if room.claims[c].unclaimedSince == nil { markUnclaimed(room, c) }
      }
      schedule(room)
    }
  }

  /// All attachments of that loop have come: members of its gateway that are not among them have nobody.
  mutating func takeComplete(_ link: Int, _ s: Int) {
    guard links[link].gateway == gateway else { return }
    shards[s]!.completeLoops.insert(links[link].loop)
    if shards[s]!.completeLoops.count >= Int(gatewayLoops) { closeLists(s) }
  }

  /// From now on the gateway's loops have a while to say whom they speak for.
  mutating func awaitLists(_ s: Int) {
    shards[s]!.completeLoops = []
    shards[s]!.hasLists = false
    shards[s]!.listsDueAt = now.monotonic + Limits.listsSeconds * 1_000_000
    noteListsDue()
  }

  /// A loop that hangs before its list is complete must not keep members for ever.
  mutating func closeOverdueLists() {
    guard listsDueAt <= now.monotonic else { return }
    for s in shards.indices where shards[s] != nil && shards[s]!.listsDueAt <= now.monotonic { closeLists(s) }
  }

  private mutating func noteListsDue() { listsDueAt = shards.reduce(Int64.max) { min($0, $1?.listsDueAt ?? $0) } }

  private mutating func closeLists(_ s: Int) {
    shards[s]!.hasLists = true
    shards[s]!.listsDueAt = Int64.max
    noteListsDue()
    for room in awakeRooms where Int(room.shard.rawValue) == s { unclaimSilent(room) }
  }

  /// Members that nobody has spoken for since the adoption, once everybody has spoken.
  mutating func unclaimSilent(_ room: Room) {
    guard let host = room.host else { return }
    for i in host.members.indices where host.members[i] != nil {
      let c = room.claim(Slot(UInt32(i)))
      if room.claims[c].link < 0, room.claims[c].unclaimedSince == nil { markUnclaimed(room, c) }
    }
    schedule(room)
  }

  private func markUnclaimed(_ room: Room, _ c: Int) {
    room.claims[c].unclaimedSince = now.monotonic
    if room.host?[Slot(UInt32(c))]?.suspended == true { room.claims[c].graceSince = now.monotonic }
  }

  mutating func takeDetach(_ link: Int, _ route: Route, _ generation: Generation) {
    cancelAnswer(link, route)
    guard let target = links[link].targets[route.rawValue], target.generation <= generation else { return }
    links[link].targets[route.rawValue] = nil
    unclaim(target.room, target.slot, link: link, route: route)
  }

  /// A connection that went before it was answered gets no answer: nobody would ever take back its claim. What waits
  /// for an answer is staged, or waits for a repair.
  private mutating func cancelAnswer(_ link: Int, _ route: Route) {
    for i in steps.indices {
      switch steps[i] {
      case .event(let room, _, _): cancelJoining(room, link, route)
      case .answer(let room, var answer):
        guard answer.cancel(link, route) else { continue }
        steps[i] = .answer(room, answer)
      }
    }
    for room in repairing {
      cancelJoining(room, link, route)
      for i in room.waiting.indices { _ = room.waiting[i].cancel(link, route) }
      for i in room.backlog.indices {
        guard case .answer(var answer) = room.backlog[i], answer.cancel(link, route) else { continue }
        room.backlog[i] = .answer(answer)
      }
    }
  }

  private func cancelJoining(_ room: Room, _ link: Int, _ route: Route) {
    for i in room.joining.indices { _ = room.joining[i].answer.cancel(link, route) }
  }

  /// The connection that spoke for the member is gone. With a route: only if it still was that one.
  mutating func unclaim(_ room: Room, _ slot: Slot, link: Int, route: Route? = nil) {
    let c = Int(slot.rawValue)
    guard c < room.claims.count, room.claims[c].link == link, route == nil || room.claims[c].route == route else {
      return
    }
    room.claims[c].link = -1
    markUnclaimed(room, c)
    schedule(room)
  }

  mutating func takeAttach(_ link: Int, _ shard: ShardID, _ a: LinkToWorker.AttachRequest) {
    let answer = PendingAnswer(
      link: link, linkLife: links[link].life, route: a.route, membership: a.membership, generation: a.generation,
      timeline: a.timeline, lastOut: a.lastOut)
    guard let room = shards[Int(shard.rawValue)]!.rooms[a.room] else {
      guard !shards[Int(shard.rawValue)]!.mayHaveOthers else {
        return refuse(answer, shard, .busy, Self.othersText, retry: Limits.retryUnavailableMilliseconds)
      }
      links[link].out.putGone(shard, epoch(shard), a.route, last: InputSeq(0), known: false, .unknown)
      return
    }
    wake(room)
    if shards[Int(shard.rawValue)]!.rooms[a.room] !== room {
      // Waking it showed that its creation had failed: it never was.
      links[link].out.putGone(shard, epoch(shard), a.route, last: InputSeq(0), known: false, .unknown)
    } else if room.phase == .ready {
      attach(room, answer)
    } else if mayWait(room, answer) {
      room.waiting.append(answer)
    }
  }

  /// Whether a connection may wait for a room that is not ready; otherwise it has been told why not.
  mutating func mayWait(_ room: Room, _ answer: PendingAnswer) -> Bool {
    switch room.phase {
    case .stopped:
      refuse(answer, room.shard, .frozen, "the room is frozen: its history cannot be replayed by this server")
      return false
    case .asleep:
      refuse(
        answer, room.shard, .busy, "this worker has no place to bring the room back just now",
        retry: Limits.retryUnavailableMilliseconds)
      return false
    case .ready, .repairing:
      guard room.waiting.count >= Limits.membersMax else { return true }
      refuse(
        answer, room.shard, .busy, "too many wait for this room already", retry: Limits.retryBusyMilliseconds)
      return false
    }
  }

  /// Decides whether an attach is an event; the answer comes in order either way.
  mutating func attach(_ room: Room, _ answer: PendingAnswer) {
    if let i = room.joining.firstIndex(where: { $0.answer.membership == answer.membership }) {
      if answer.generation >= room.joining[i].answer.generation { room.joining[i].answer = answer }
      return
    }
    if let slot = room.host?.slot(of: answer.membership), let member = room.host?[slot] {
      let c = room.claim(slot)
      // A stale frame of an older connection harms nobody (2.1).
      guard answer.generation >= member.generation else { return }
      if (answer.generation > member.generation || member.suspended) && !room.claims[c].isChanging && !room.isEnding {
        guard fitsReserve(room, 0) else {
          refuseForSpace(answer, room.shard)
          return
        }
        room.claims[c].isChanging = true
        stage(room, .attached(slot, answer.generation))
      }
    }
    room.stagedCount += 1
    steps.append(.answer(room, answer))
  }

  /// The answer to an attach, at its place among the room's events.
  mutating func answer(_ room: Room, _ answer: PendingAnswer) {
    guard isOpen(answer) else { return }
    let link = answer.link
    guard let host = room.host, let slot = host.slot(of: answer.membership), let member = host[slot] else {
      let stone = room.host?.tombstone(of: answer.membership)
      links[link].out.putGone(
        room.shard, epoch(room.shard), answer.route, last: stone?.last ?? InputSeq(0), known: stone != nil,
        stone.flatMap { LinkToGateway.GoneReason(rawValue: $0.reason) } ?? .unknown,
        text: stone?.reason == LinkToGateway.GoneReason.ended.rawValue ? room.host.map(Self.endText) ?? [] : [])
      return
    }
    guard answer.generation >= member.generation else { return }
    let c = room.claim(slot)
    release(room, c)
    room.claims[c].link = link
    room.claims[c].route = answer.route
    room.claims[c].unclaimedSince = nil
    room.claims[c].graceSince = nil
    room.claims[c].isWaitingForNumber = false
    room.claims[c].stagedSeq = max(room.claims[c].stagedSeq, member.lastSeq)
    links[link].targets[answer.route.rawValue] = .init(room: room, slot: slot, generation: answer.generation)

    let now = timeline(room)
    // A mark ahead of the room is void; one behind the ring needs the full state.
    let reaches =
      answer.timeline == now && answer.lastOut <= host.outSeq
      && (host.ring.floor <= answer.lastOut || member.lastOut <= answer.lastOut)
    // Up to the member's own last output: the room's may be meant for others, and then it would be waited for in vain.
    let module = Array("\(room.settings?.name ?? "?") \(room.settings?.version ?? "?") \(host.module)".utf8)
    module.withUnsafeBytes {
      links[link].out.putAttached(
        room.shard, epoch(room.shard),
        .init(
          route: answer.route, room: room.id, slot: slot, nextSeq: InputSeq(member.lastSeq.rawValue + 1),
          timeline: now, upTo: member.lastOut, mark: reaches ? answer.lastOut : OutSeq(0), module: $0))
    }
    if reaches {
      resend(room, host, slot, link, answer)
    } else {
      sendState(room, to: [answer.route], link)
    }
    if let frozen = host.frozen { notice(room, to: [answer.route], link, "the room is frozen: \(frozen.text)") }
  }

  /// The answer where the room stopped, or was dropped, before its turn came.
  mutating func answerStopped(_ room: Room, _ answer: PendingAnswer) {
    guard room.host == nil else {
      refuse(answer, room.shard, .frozen, "the room is frozen: its history cannot be replayed by this server")
      return
    }
    guard isOpen(answer) else { return }
    links[answer.link].out.putGone(
      room.shard, epoch(room.shard), answer.route, last: InputSeq(0), known: false, .unknown)
  }

  private func releaseTarget(_ room: Room, _ c: Int) -> (link: Int, route: Route)? {
    room.claims[c].link >= 0 ? (room.claims[c].link, room.claims[c].route) : nil
  }
  /// Takes the member out of the fan-out of whoever spoke for it.
  mutating func release(_ room: Room, _ c: Int) {
    guard let old = releaseTarget(room, c) else { return }
    room.claims[c].link = -1
    links[old.link].targets[old.route.rawValue] = nil
  }

  private mutating func resend(_ room: Room, _ host: RoomHost, _ slot: Slot, _ link: Int, _ answer: PendingAnswer) {
    let epoch = epoch(room.shard)
    host.ring.outputs(for: slot, above: answer.lastOut) { seq, prev, frame in
      let start = links[link].out.beginOutput(room.shard, epoch, seq, count: 1)
      links[link].out.putRecipient(answer.route, prev: prev)
      links[link].out.append(contentsOf: frame)
      links[link].out.endLink(start)
      links[link].unconfirmed.append(nil)
    }
  }

  /// The full state: made on a copy of the room, no event, unnumbered, true as of the room's last output.
  mutating func sendState(_ room: Room, to routes: [Route], _ link: Int) {
    guard let host = room.host else { return }
    guard mayShow(room, host) else { return }
    let timeline = timeline(room)
    if room.described?.event != host.eventSeq {
      var payload: [UInt8] = []
      let isNoted = note(.describe, room, host.module)
      defer { noteReturn(room, isNoted) }
      do throws(EngineError) {
        try engine.describe(room.instance!, as: .state(nil), into: &payload)
        if payload.count > Limits.stateBytesMax {
          payload = []
          throw EngineError("the room's full state is larger than \(Limits.stateBytesMax) bytes")
        }
      } catch {
        payload = []
        reports.append(.failed(room: room.id, text: "no full state could be made: \(error)"))
      }
      var frame: [UInt8] = []
      encodeStateFrame(into: &frame, timeline: timeline, asOf: host.outSeq, payload: payload)
      room.described = (host.eventSeq, frame)
    }
    links[link].out.putState(
      room.shard, epoch(room.shard), timeline, asOf: host.outSeq, routes: routes, frame: room.described!.frame)
  }

  mutating func notice(
    _ room: Room, to routes: [Route], _ link: Int, _ text: String, _ kind: ClientNotice = .frozen
  ) {
    links[link].out.putNotice(room.shard, epoch(room.shard), routes: routes, kind: kind.rawValue, text: text)
  }
  mutating func noticeAll(_ room: Room, _ kind: ClientNotice, _ text: String) {
    for c in room.claims.indices where room.claims[c].link >= 0 {
      notice(room, to: [room.claims[c].route], room.claims[c].link, text, kind)
    }
  }
}
