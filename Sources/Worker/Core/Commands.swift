// What the game's own backend asks of rooms over control's link: answered once it is durable and decided.
import Core
import Wire

/// Who waits for an event's outcome. Void when its link has closed; nobody else waits for it then.
struct PendingCommand {
  var event: EventSeq
  var link: Int
  var linkLife: UInt64
  var request: UInt32
  /// Of a signal.
  var idempotencyKey: [UInt8]?
}

/// Why a room is not made.
struct CreationRefusal: Error {
  var reason: LinkToGateway.JoinRefusal
  var text: String
}

extension Worker {
  mutating func takeCommand(_ link: Int, _ request: UInt32, _ command: RoomCommand) {
    if let answer = begin(link, request, command) { links[link].out.putCommanded(request: request, answer) }
  }

  /// The answer, where there is nothing to wait for.
  private mutating func begin(_ link: Int, _ request: UInt32, _ command: RoomCommand) -> CommandAnswer? {
    guard command.fits else {
      return .refused("a name, key, reason or payload is too long, or the idempotency key empty")
    }
    if case .offer(let module) = command {
      do throws(EngineError) { try engine.offer(module) } catch { return .refused(error.description) }
      if let settings = engine.module(module) { count(settings.name) }
      return .done(RoomID(0), reply: [])
    }
    let id = command.room(in: map)
    let shard = map.shard(of: id)
    guard let owned = shards[Int(shard.rawValue)] else { return .notMine(shard) }
    if let known = owned.rooms[id] { wake(known) }
    // Waking it may have shown that it never was.
    guard let room = owned.rooms[id] else {
      guard case .create(let module, let key, let parameters) = command else {
        return owned.mayHaveOthers ? .busy(retryMilliseconds: Limits.retryBusyMilliseconds) : .notFound
      }
      return make(id, shard, module, key, parameters, link, request)
    }
    switch room.phase {
    case .asleep, .repairing: return .busy(retryMilliseconds: Limits.retryBusyMilliseconds)
    case .stopped:
      // What is asked by a room may be in its record already; it waits, as players do.
      return isOfRoom(link)
        ? .busy(retryMilliseconds: Limits.retryWithoutPlaceMilliseconds)
        : .refused("the room is frozen: its history cannot be replayed by this server")
    case .ready: break
    }
    guard let host = room.host else { return .busy(retryMilliseconds: Limits.retryBusyMilliseconds) }
    if case .create = command {
      return host.ended == nil
        ? .done(id, reply: []) : .refused(String(decoding: Self.endText(host), as: UTF8.self))
    }
    return begin(room, host, link, request, command)
  }

  /// What comes from a gateway was asked by a room: control's links say nothing of loops.
  private func isOfRoom(_ link: Int) -> Bool { links[link].loops > 0 }

  /// On a room that is there.
  private mutating func begin(
    _ room: Room, _ host: RoomHost, _ link: Int, _ request: UInt32, _ command: RoomCommand
  ) -> CommandAnswer? {
    let busy = CommandAnswer.busy(retryMilliseconds: Limits.retryBusyMilliseconds)
    var waits = PendingCommand(
      event: EventSeq(0), link: link, linkLife: links[link].life, request: request, idempotencyKey: nil)
    if case .signal(_, _, let key, _) = command {
      let name = SignalName(key)
      guard isOfRoom(link) || !name.isOfRoom else { return .refused("idempotency keys of this form are rooms' own") }
      if let known = host.signals.last(where: { $0.idempotencyKey == name.bytes }) { return known.answer(room.id) }
      waits.idempotencyKey = name.bytes
      // Asked for again while the first is on its way: one run, two answers.
      if let first = room.commands.first(where: { $0.idempotencyKey == waits.idempotencyKey }) {
        guard room.commands.count < Limits.commandsPerRoomMax else { return busy }
        waits.event = first.event
        room.commands.append(waits)
        return nil
      }
    }
    if host.ended != nil {
      if case .end = command { return .done(room.id, reply: []) }
      return .refused(String(decoding: Self.endText(host), as: UTF8.self))
    }
    guard !room.isEnding, room.commands.count < Limits.commandsPerRoomMax else { return busy }
    if let frozen = host.frozen {
      switch command {
      case .end, .upgrade: break
      default:
        return .refused("the room is frozen (\(frozen.text)): end it, or upgrade it to a build that does not fail")
      }
    }
    if case .upgrade(_, let module, let events, let seconds) = command {
      return beginUpgrade(room, host, module, events, seconds, waits)
    }
    if let answer = stage(room, command) { return answer }
    waits.event = room.stagedEvent
    room.commands.append(waits)
    return nil
  }

  /// Nil: its event is staged.
  private mutating func stage(_ room: Room, _ command: RoomCommand) -> CommandAnswer? {
    let busy = CommandAnswer.busy(retryMilliseconds: Limits.retryBusyMilliseconds)
    switch command {
    case .create, .upgrade, .offer: preconditionFailure("answered above")
    case .back(_, let reason):
      guard room.host?.twin != nil else {
        return .refused("no older version is silent in the room: going back is an upgrade to it")
      }
      guard fitsReserve(room, reason.count) else { return busy }
      room.isTwinChanging = true
      stage(room, .back(reason: reason))
    case .settle:
      guard room.host?.twin != nil else { return .done(room.id, reply: []) }
      guard fitsReserve(room, 0) else { return busy }
      room.isTwinChanging = true
      stage(room, .twinEnded(.settled))
    case .signal(_, _, let key, let payload):
      guard room.busy == nil, fits(room, key.count + payload.count) else { return busy }
      stage(room, .signal(idempotencyKey: key, payload: payload))
    case .kick(_, let slot, let reason):
      guard room.host?[slot] != nil else { return .notFound }
      guard !room.claims[room.claim(slot)].isChanging, fitsReserve(room, 0) else { return busy }
      room.kickReasons[slot] = Array(reason)
      remove(room, slot)
    case .lock(_, let isLocked):
      guard fitsReserve(room, 0) else { return busy }
      stage(room, .locked(isLocked))
    case .end(_, let reason):
      guard fitsReserve(room, reason.count) else { return busy }
      stageEnd(room, Array(reason))
    }
    return nil
  }

  private mutating func make(
    _ id: RoomID, _ shard: ShardID, _ module: UnsafeRawBufferPointer, _ key: UnsafeRawBufferPointer,
    _ parameters: UnsafeRawBufferPointer, _ link: Int, _ request: UInt32
  ) -> CommandAnswer? {
    do throws(CreationRefusal) {
      let room = try create(id, shard, module, key, parameters, memberBytes: 0, byClient: false)
      room.commands.append(
        PendingCommand(event: room.stagedEvent, link: link, linkLife: links[link].life, request: request))
      return nil
    } catch {
      return error.reason == .busy
        ? .busy(retryMilliseconds: Limits.retryBusyMilliseconds) : .refused(error.text)
    }
  }

  // MARK: Answers

  /// Whoever waits for the event is told what came of it.
  mutating func answerCommands(_ room: Room, _ seq: EventSeq, _ event: RoomEvent) {
    var answer = CommandAnswer.done(room.id, reply: [])
    if case .signal = event, let signal = room.host?.signals.last { answer = signal.answer(room.id) }
    let waiting = room.commands
    room.commands = []
    for command in waiting {
      if command.event == seq { say(command, answer) } else { room.commands.append(command) }
    }
  }

  /// All of them are told the same.
  mutating func answerCommands(_ room: Room, _ answer: CommandAnswer) {
    for command in room.commands { say(command, answer) }
    room.commands = []
  }

  /// The room cannot go on here, and what was asked of it may be in its record: rooms ask again.
  mutating func refuseCommands(_ room: Room, _ text: String) {
    room.commands.removeAll { links[$0.link].life == $0.linkLife && isOfRoom($0.link) }
    answerCommands(room, .refused(text))
  }

  mutating func say(_ command: PendingCommand, _ answer: CommandAnswer) {
    guard links[command.link].isOpen, links[command.link].life == command.linkLife else { return }
    links[command.link].out.putCommanded(request: command.request, answer)
  }

  /// Remembers what came of a signal and does what it asked for.
  mutating func settleSignal(_ room: Room, _ key: UnsafeRawBufferPointer, _ outcome: Settlement) {
    let name = SignalName(key)
    var answer = SignalAnswer(idempotencyKey: name.bytes, verdict: .applied, reply: [])
    switch outcome {
    case .applied:
      answer.reply = Self.reply(engine.effects)
      carryOut(room, sender: nil, number: InputSeq(0))
    case .refused:
      answer.verdict = .refused
      let effects = engine.effects
      for case .refuse(let range) in effects.commands { answer.reply = Array(effects.bytes[range].prefix(256)) }
    case .quarantined, .nothing:
      answer.verdict = .quarantined
    }
    room.awake.remember(answer, name)
  }

  static func reply(_ effects: RoomEffects) -> [UInt8] {
    for case .reply(let range) in effects.commands.reversed() { return Array(effects.bytes[range]) }
    return []
  }
}

extension RoomHost {
  /// Beside what it makes needless. Rooms' and others' have a share each, so that a flood of one kind does not push out what
  /// the other one waits for.
  func remember(_ answer: SignalAnswer, _ name: SignalName) {
    signals.removeAll { name.forgets($0.idempotencyKey) }
    if signals.count >= Limits.signalAnswersMax {
      let isOfRoom = SignalName.hasForm(name.bytes[...])
      var (count, oldest) = (0, 0)
      for i in signals.indices.reversed() where SignalName.hasForm(signals[i].idempotencyKey[...]) == isOfRoom {
        (count, oldest) = (count + 1, i)
      }
      if count >= Limits.signalAnswersMax { signals.remove(at: oldest) }
    }
    signals.append(answer)
  }
}

extension SignalAnswer {
  func answer(_ room: RoomID) -> CommandAnswer {
    switch verdict {
    case .applied: .done(room, reply: reply)
    case .refused: .refused(String(decoding: reply, as: UTF8.self))
    case .quarantined: .failed("it made the room's code fail and was undone")
    }
  }
}

extension RoomCommand {
  func room(in map: ShardMap) -> RoomID {
    switch self {
    case .create(let module, let key, _), .signal(let module, let key, _, _): map.room(module: module, key: key)
    case .kick(let room, _, _), .lock(let room, _), .end(let room, _), .upgrade(let room, _, _, _), .back(let room, _),
      .settle(let room):
      room
    case .offer: RoomID(0)
    }
  }
  var fits: Bool {
    switch self {
    case .create(let module, let key, let parameters):
      module.count <= Limits.moduleNameBytesMax && key.count <= Limits.roomKeyBytesMax
        && parameters.count <= Limits.joinParametersBytesMax
    case .signal(let module, let key, let idempotencyKey, let payload):
      module.count <= Limits.moduleNameBytesMax && key.count <= Limits.roomKeyBytesMax && !idempotencyKey.isEmpty
        && idempotencyKey.count <= Limits.idempotencyKeyBytesMax && payload.count <= Limits.inputBytesMax
    case .kick(_, _, let reason), .end(_, let reason), .back(_, let reason): reason.count <= Limits.reasonBytesMax
    case .lock, .upgrade, .settle, .offer: true
    }
  }
}
