// From a link's bytes to staged events: numbers are checked here, and nothing is decided.
import Core
package import Wire

extension Worker {
  /// Takes whole records from `bytes`; returns how many bytes were taken. Stops early when the batch is full.
  package mutating func receive(_ link: Int, _ bytes: UnsafeRawBufferPointer) throws(LinkError) -> Int {
    var reader = LinkReader(bytes)
    while !isFull {
      guard let (header, body) = try reader.next() else { break }
      try take(link, header, try LinkToWorker(header, body))
    }
    return reader.consumed
  }

  private mutating func take(_ link: Int, _ header: LinkHeader, _ record: LinkToWorker) throws(LinkError) {
    switch record {
    case .hello(let gateway, let loop, let loops): greet(link, gateway, loop, loops)
    case _ where links[link].gateway < gateway && links[link].loops > 0: return  // Of a gateway that has been replaced.
    case .confirm(let records): try confirm(link, records: records)
    case .command(let request, let command): takeCommand(link, request, command)
    case .inspect(let request, let what):
      let json = inspect(String(decoding: what, as: UTF8.self))
      links[link].out.putInspected(request: request, json: json)
    default:
      // What speaks of another epoch is void, read or unread (I-8).
      let s = Int(header.shard.rawValue)
      guard s < shards.count, let epoch = shards[s]?.epoch, epoch == header.epoch else { return }
      switch record {
      case .input(let route, let seq, let stamp, let payload): takeInput(link, route, seq, stamp, payload)
      case .leave(let route, let seq): takeLeave(link, route, seq)
      case .join(let join): takeJoin(link, header.shard, join)
      case .attach(let attach): takeAttach(link, header.shard, attach)
      case .detach(let route, let generation): takeDetach(link, route, generation)
      case .answered(let room, let key, let attempt, let answer):
        takeAnswered(header.shard, room, key, attempt, answer)
      case .complete: takeComplete(link, s)
      case .hello, .confirm, .inspect, .command: break
      }
    }
  }

  // MARK: Numbered and unnumbered inputs

  private mutating func takeInput(
    _ link: Int, _ route: Route, _ seq: InputSeq, _ stamp: UInt64, _ payload: UnsafeRawBufferPointer
  ) {
    guard let (room, slot) = target(link, route) else { return }
    let c = Int(slot.rawValue)
    guard mayStage(room, c, seq, bytes: payload.count) else { return }
    if seq.rawValue > 0 {
      room.claims[c].stagedSeq = seq
      if payload.count > Limits.inputBytesMax {
        stage(room, .rejected(slot, seq, code: 1))
        return
      }
    } else if payload.count > Limits.inputBytesMax {
      return
    }
    stage(room, .input(slot, seq, stamp: stamp, payload: payload))
  }

  private mutating func takeLeave(_ link: Int, _ route: Route, _ seq: InputSeq) {
    guard let (room, slot) = target(link, route) else { return }
    let c = Int(slot.rawValue)
    guard seq.rawValue > 0, mayStage(room, c, seq, bytes: 0, isLeave: true) else { return }
    room.claims[c].stagedSeq = seq
    room.claims[c].isChanging = true
    stage(room, .leave(slot, seq))
  }

  private func target(_ link: Int, _ route: Route) -> (Room, Slot)? {
    guard let target = links[link].targets[route.rawValue] else { return nil }
    let c = Int(target.slot.rawValue)
    // Another attachment took the membership over: this one is void.
    guard c < target.room.claims.count, target.room.claims[c].link == link, target.room.claims[c].route == route else {
      return nil
    }
    return (target.room, target.slot)
  }

  /// Rules 1.2 and 1.3: only the next number is taken; busy takes none; a gap is said once.
  private mutating func mayStage(_ room: Room, _ c: Int, _ seq: InputSeq, bytes: Int, isLeave: Bool = false) -> Bool {
    let link = room.claims[c].link
    let route = room.claims[c].route
    if seq.rawValue == 0 {
      return !room.claims[c].isWaitingForNumber && !room.claims[c].isChanging && room.busy == nil
        && fits(room, bytes)
    }
    let next = InputSeq(room.claims[c].stagedSeq.rawValue + 1)
    if seq < next {
      if let member = room.host?[Slot(UInt32(c))], member.lastSeq.rawValue > 0 {
        links[link].out.putAck(room.shard, epoch(room.shard), route, member.lastSeq)
      }
      return false
    }
    guard seq == next else {
      if !room.claims[c].isWaitingForNumber {
        room.claims[c].isWaitingForNumber = true
        links[link].out.putExpected(room.shard, epoch(room.shard), route, next)
      }
      return false
    }
    guard !room.claims[c].isChanging else { return false }
    let busy: LinkBusy?
    if isLeave {
      busy = room.busy.flatMap { $0 == .outputs ? nil : $0 } ?? (fitsReserve(room, 0) ? nil : .noSpace)
    } else if !hasSpace(Int(room.shard.rawValue)) {
      busy = .noSpace
    } else {
      busy = room.stagedCount >= Limits.inputsPerRoomPerBatchMax || !fits(room, bytes) ? .queue : room.busy
    }
    if let busy {
      room.claims[c].isWaitingForNumber = true
      links[link].out.putBusy(
        room.shard, epoch(room.shard), route, seq, retryMilliseconds: Limits.retryBusyMilliseconds, busy)
      return false
    }
    room.claims[c].isWaitingForNumber = false
    return true
  }

  /// Whether an event of so many bytes still fits into this turn's write: one write never straddles two segments, and
  /// what is staged must be writable without a next one.
  func fits(_ room: Room, _ bytes: Int) -> Bool {
    let s = Int(room.shard.rawValue)
    guard hasSpace(s) else { return false }
    let staged = shards[s]!.batch.count + shards[s]!.annotations.count
    // What `hasSpace` was asked for need not be asked for again.
    if staged + bytes + 256 <= Limits.spaceAskedBytes { return true }
    return shards[s]!.store.hasRoom(bytes: staged + bytes + 256, reserve: false)
  }

  /// The same for what must not wait for a full disk to be emptied: leaves, attaches, suspensions, removals. They go into
  /// the journal's reserve and leave of it what verdicts need; beyond, they wait or are told to come again (protocol §6.6).
  func fitsReserve(_ room: Room, _ bytes: Int) -> Bool {
    let s = Int(room.shard.rawValue)
    let staged = shards[s]!.batch.count + shards[s]!.annotations.count + bytes + 256
    if hasSpace(s), staged <= Limits.spaceAskedBytes { return true }
    return shards[s]!.store.hasRoom(bytes: staged + Limits.verdictSpaceBytes, reserve: true)
  }

  /// Whether so much can be written now beside what is staged, which was promised its space.
  func fitsBesideStaged(_ s: Int, _ bytes: Int, reserve: Bool) -> Bool {
    let staged = shards[s]!.batch.count + shards[s]!.annotations.count
    return shards[s]!.store.hasRoom(
      bytes: staged + bytes + (reserve ? Limits.verdictSpaceBytes : 0), reserve: reserve)
  }

  // MARK: Staging

  /// Adds an event to its shard's batch. Its number is the room's next.
  mutating func stage(_ room: Room, _ event: RoomEvent) {
    let s = Int(room.shard.rawValue)
    let shard = shards[s]!
    if shard.batch.isEmpty {
      if shard.annotations.isEmpty { staged.append(s) }
      shard.lastBatch = BatchNumber(shard.lastBatch.rawValue + 1)
      shard.batchTime = now.wall
      shard.batch.put(shard.lastBatch)
      shard.batch.put(now.wall)
    }
    room.stagedEvent = EventSeq(room.stagedEvent.rawValue + 1)
    room.stagedCount += 1
    let start = shard.batch.count
    shard.batch.putEvent(EventHead(room: room.id, seq: room.stagedEvent), event)
    steps.append(.event(room, offset: start, end: shard.batch.count))
  }

  // MARK: Joining

  private mutating func takeJoin(_ link: Int, _ shard: ShardID, _ join: LinkToWorker.JoinRequest) {
    let answer = PendingAnswer(
      link: link, linkLife: links[link].life, route: join.route, membership: join.membership,
      generation: join.generation, timeline: Timeline(0), lastOut: OutSeq(0))
    let id = map.room(module: join.module, key: join.key)
    guard map.shard(of: id) == shard, join.key.count <= Limits.roomKeyBytesMax,
      join.parameters.count <= Limits.joinParametersBytesMax, join.player.count <= Limits.playerNameBytesMax
    else {
      refuse(answer, shard, .malformed, "the join's key, parameters or player name is too long")
      return
    }
    let s = Int(shard.rawValue)
    if let known = shards[s]!.rooms[id] { wake(known) }
    let room: Room
    // Waking it may have shown that its creation had failed: then it never was.
    if let known = shards[s]!.rooms[id] {
      room = known
    } else {
      do throws(CreationRefusal) {
        room = try create(
          id, shard, join.module, join.key, join.parameters,
          memberBytes: 256 + join.parameters.count + join.player.count, byClient: true)
      } catch {
        refuse(
          answer, shard, error.reason, error.text, retry: error.reason == .busy ? Limits.retryBusyMilliseconds : 0)
        return
      }
    }
    guard room.phase == .ready else {
      guard mayWait(room, answer) else { return }
      room.waiting.append(answer)
      pendingJoins[answer.membership] = PendingJoin(player: Array(join.player), parameters: Array(join.parameters))
      return
    }
    stageJoin(room, answer, player: join.player, parameters: join.parameters)
  }

  /// A new room with its `created` event staged. `memberBytes`: of a first member that is to come with it.
  mutating func create(
    _ id: RoomID, _ shard: ShardID, _ module: UnsafeRawBufferPointer, _ key: UnsafeRawBufferPointer,
    _ parameters: UnsafeRawBufferPointer, memberBytes: Int, byClient: Bool
  ) throws(CreationRefusal) -> Room {
    let s = Int(shard.rawValue)
    let name = String(decoding: module, as: UTF8.self)
    guard !shards[s]!.mayHaveOthers else { throw CreationRefusal(reason: .busy, text: Self.othersText) }
    guard !withheld.contains(name) else {
      throw CreationRefusal(
        reason: .unknownModule, text: "the module '\(name)' is for development: serve with --dev")
    }
    guard let settings = engine.module(named: name) else {
      throw CreationRefusal(reason: .unknownModule, text: "no module '\(name)' is loaded")
    }
    guard settings.clientsMayCreate || !byClient else {
      throw CreationRefusal(
        reason: .notCreated, text: "there is no such room, and rooms of '\(name)' are made by the game's own backend")
    }
    if settings.roomsMax > 0 { try mayCreate(name, most: settings.roomsMax) }
    guard placesTaken < Limits.liveRoomsMax else {
      throw CreationRefusal(
        reason: .tooManyRooms, text: "this worker hosts \(awakeRooms.count) rooms, its limit")
    }
    guard shards[s]!.rooms.count < Limits.roomsPerShardMax else {
      throw CreationRefusal(
        reason: .tooManyRooms, text: "shard \(shard) holds \(shards[s]!.rooms.count) rooms, its limit")
    }
    let room = Room(id: id, shard: shard)
    guard fits(room, 128 + module.count + key.count + parameters.count + memberBytes) else {
      throw CreationRefusal(reason: .busy, text: spaceText(shard))
    }
    shards[s]!.rooms[id] = room
    creating += 1
    room.phase = .ready
    room.settings = settings
    // The seed is on record with the event: any number will do that differs by room and time.
    var seed = RandomState(seed: id.rawValue ^ UInt64(bitPattern: now.wall))
    stage(
      room,
      .created(
        .init(
          module: settings.hash, limits: settings.limits, seed: seed.next(), name: module, key: key,
          parameters: parameters)))
    return room
  }

  mutating func stageJoin(
    _ room: Room, _ answer: PendingAnswer, player: some Collection<UInt8>, parameters: some Collection<UInt8>
  ) {
    if let i = room.joining.firstIndex(where: { $0.answer.membership == answer.membership }) {
      // Resent while the first is on its way: the newest connection gets the answer.
      if answer.generation >= room.joining[i].answer.generation { room.joining[i].answer = answer }
      return
    }
    if room.host?.slot(of: answer.membership) != nil || room.host?.tombstone(of: answer.membership) != nil {
      attach(room, answer)
      return
    }
    if let host = room.host, host.ended != nil {
      refuse(answer, room.shard, .ended, String(decoding: Self.endText(host), as: UTF8.self))
      return
    }
    if room.isEnding {
      refuse(answer, room.shard, .busy, "the room is ending; try again", retry: Limits.retryBusyMilliseconds)
      return
    }
    if room.host?.isLocked == true {
      refuse(answer, room.shard, .locked, "the room is locked: it takes no new members")
      return
    }
    if let frozen = room.host?.frozen {
      refuse(answer, room.shard, .frozen, "the room is frozen (\(frozen.text))")
      return
    }
    guard fits(room, player.count + parameters.count) else {
      refuseForSpace(answer, room.shard)
      return
    }
    guard let slot = freeSlot(room) else {
      refuse(answer, room.shard, .full, "the room is full")
      return
    }
    room.joining.append((slot, answer))
    let player = Array(player)
    let parameters = Array(parameters)
    player.withUnsafeBytes { player in
      parameters.withUnsafeBytes { parameters in
        stage(
          room,
          .joined(
            .init(
              slot: slot, membership: answer.membership, generation: answer.generation, player: player,
              parameters: parameters)))
      }
    }
  }

  private func freeSlot(_ room: Room) -> Slot? {
    let limit = min(Int(room.settings?.membersMax ?? 0), Limits.membersMax)
    var i: UInt32 = 0
    while Int(i) < limit {
      let slot = Slot(i)
      if room.host?[slot] == nil, !room.joining.contains(where: { $0.slot == slot }) { return slot }
      i += 1
    }
    return nil
  }

  mutating func refuse(
    _ answer: PendingAnswer, _ shard: ShardID, _ reason: LinkToGateway.JoinRefusal, _ text: String, retry: UInt32 = 0
  ) {
    guard isOpen(answer) else { return }
    links[answer.link].out.putRefused(
      shard, epoch(shard), answer.route, reason, retryMilliseconds: retry, text: text)
  }
  mutating func refuseForSpace(_ answer: PendingAnswer, _ shard: ShardID) {
    refuse(
      answer, shard, .busy, spaceText(shard),
      retry: hasSpace(Int(shard.rawValue))
        ? Limits.retryBusyMilliseconds : Limits.retryUnavailableMilliseconds)
  }
  private func spaceText(_ shard: ShardID) -> String {
    hasSpace(Int(shard.rawValue))
      ? "too much comes at once; try again" : "the journal has no disk space just now"
  }
  func isOpen(_ answer: PendingAnswer) -> Bool {
    links[answer.link].isOpen && links[answer.link].life == answer.linkLife
  }
}
