// Switching a room to another build: aside first, then by one record, and back (protocol §9).
import Core
import Wire

/// A room that waits to be carried to another build.
struct PendingUpgrade {
  var room: Room
  var module: ModuleHash
  var events: UInt32
  var seconds: UInt32
  var command: PendingCommand
}

extension Worker {
  // MARK: By command

  /// Nil: it waits for its turn, which comes when nothing of the room is staged.
  mutating func beginUpgrade(
    _ room: Room, _ host: RoomHost, _ module: ModuleHash, _ events: UInt32, _ seconds: UInt32, _ command: PendingCommand
  ) -> CommandAnswer? {
    if let why = whyNot(room, host, module) { return .refused(why) }
    guard pendingUpgrades.count < Limits.pendingUpgradesMax, !room.isUpgrading else {
      return .busy(retryMilliseconds: Limits.retryBusyMilliseconds)
    }
    room.isUpgrading = true
    let upgrade = PendingUpgrade(room: room, module: module, events: events, seconds: seconds, command: command)
    if pendingUpgrades.isEmpty { beginUpgrade(upgrade) } else { pendingUpgrades.append(upgrade) }
    return nil
  }

  private func whyNot(_ room: Room, _ host: RoomHost, _ module: ModuleHash) -> String? {
    if host.module == module { return "the room runs this build already" }
    if host.twin != nil { return "the room is on probation already: settle it or send it back first" }
    guard let settings = engine.module(module) else { return "the build \(module) is not here" }
    guard Array(settings.name.utf8) == host.name else {
      return "the build is one of '\(settings.name)', the room one of '\(String(decoding: host.name, as: UTF8.self))'"
    }
    return nil
  }

  /// Carries rooms whose turn it is: few at a time, so that what players send is taken between them.
  mutating func beginUpgrades() {
    guard !pendingUpgrades.isEmpty, mayCarry else { return }
    let waiting = pendingUpgrades
    pendingUpgrades = []
    var looked = 0
    while looked < waiting.count, mayCarry {
      beginUpgrade(waiting[looked])
      looked += 1
    }
    // Those that could not be carried just now come behind those that were not looked at.
    pendingUpgrades.insert(contentsOf: waiting[looked...], at: 0)
  }

  /// Whether the pace allows another room.
  private var mayCarry: Bool { now.monotonic >= nextUpgrade }

  private mutating func spend(_ bytes: Int) {
    let cost = Int64(bytes) + Limits.upgradeCostsBytes
    nextUpgrade =
      max(nextUpgrade, now.monotonic - Limits.upgradesMadeUpMicroseconds)
      + cost * 1_000 / Limits.upgradeBytesPerMillisecond
  }

  /// Now, if nothing of the room is staged: what is carried is then its newest state. Else it waits for the next turn.
  private mutating func beginUpgrade(_ upgrade: PendingUpgrade) {
    let room = upgrade.room
    switch room.phase {
    case .repairing: return pendingUpgrades.append(upgrade)
    case .asleep: return giveUp(upgrade, .busy(retryMilliseconds: Limits.retryBusyMilliseconds))
    case .stopped:
      return giveUp(upgrade, .refused("the room is frozen: its history cannot be replayed by this server"))
    case .ready: break
    }
    guard let host = room.host, host.ended == nil, !room.isEnding else {
      return giveUp(upgrade, .refused("the room has ended meanwhile"))
    }
    guard mayCarry, room.stagedCount == 0, room.ordersPending == 0, host.strangers.isEmpty else {
      return pendingUpgrades.append(upgrade)
    }
    if let why = whyNot(room, host, upgrade.module) { return giveUp(upgrade, .refused(why)) }
    if let answer = carry(upgrade, host) { giveUp(upgrade, answer) }
  }

  private mutating func giveUp(_ upgrade: PendingUpgrade, _ answer: CommandAnswer) {
    upgrade.room.isUpgrading = false
    say(upgrade.command, answer)
  }

  /// Makes the room's new instance aside and stages the switch. Nil: it is on its way.
  private mutating func carry(_ upgrade: PendingUpgrade, _ host: RoomHost) -> CommandAnswer? {
    let room = upgrade.room
    // Rather than going without a silent version, the rollout waits.
    if upgrade.events > 0 || upgrade.seconds > 0, placesTaken >= Limits.liveRoomsMax - Limits.placesKeptFromTwins {
      return .busy(retryMilliseconds: Limits.retryWithoutPlaceMilliseconds)
    }
    let settings = engine.module(upgrade.module)!
    if let why = whyNotCarried(room, host, to: upgrade.module) { return .refused(why) }
    let isNoted = note(.carry, room, host.module, to: upgrade.module)
    defer { noteReturn(room, isNoted) }
    let instance: any RoomInstance
    do throws(CarryError) {
      instance = try engine.carry(
        room.instance!, to: upgrade.module, limits: settings.limits,
        context: RoomContext(
          time: max(host.time, now.wall), tick: host.tick, random: host.random, nextTimer: host.nextTimer))
    } catch {
      spend(0)
      if error.kind == .unavailable { return .refused("no room could be made of the build: \(error.text)") }
      return .refused(error.text)
    }
    var image: [UInt8] = []
    engine.image(of: instance, into: &image)
    spend(image.count)
    let size = encodeSnapshot(room).count + image.count
    guard fits(room, max(image.count, size)) else {
      engine.discard(instance)
      guard shards[Int(room.shard.rawValue)]!.batch.isEmpty else {
        // What else is staged leaves no place in this turn's record.
        pendingUpgrades.append(upgrade)
        return nil
      }
      return .refused(
        "the room's state in both versions, \(size) bytes, does not fit into what its journal has free just now")
    }
    room.candidate = instance
    room.isUpgrading = false
    image.withUnsafeBytes { image in
      stage(
        room,
        .upgraded(
          .init(
            module: upgrade.module, limits: settings.limits, probationEvents: upgrade.events,
            probationSeconds: upgrade.seconds, image: image)))
    }
    var command = upgrade.command
    command.event = room.stagedEvent
    room.commands.append(command)
    return nil
  }

  /// The instance that an `upgraded` of the record switches to.
  mutating func prepare(_ room: Room, _ upgrade: RoomEvent.Upgrade) -> WakeError? {
    guard engine.module(upgrade.module) != nil else {
      return WakeError(.moduleMissing, "the module build \(upgrade.module) is not here")
    }
    // Following the record from a build that is confined to one that is not, nothing else is noted.
    let isNoted = isFollowing && !room.mayKill && note(.restore, room, upgrade.module)
    defer { noteReturn(room, isNoted) }
    do throws(WakeError) {
      room.candidate = try restore(
        upgrade.module, upgrade.limits, upgrade.image, forReplay: room.hasLargerStack)
      return nil
    } catch { return error }
  }

  // MARK: Settling

  mutating func settleUpgraded(_ room: Room, _ seq: EventSeq, _ upgrade: RoomEvent.Upgrade, _ time: Int64) {
    let host = room.awake
    let from = versionText(room.settings)
    if upgrade.hasProbation {
      host.twin = TwinPart(host, at: seq, time: time, upgrade)
      room.twin = room.instance.take()
    } else if let old = room.instance.take() {
      engine.discard(old)
    }
    host.module = upgrade.module
    host.limits = upgrade.limits
    // What failed was the old version's code.
    host.frozen = nil
    host.blames = []
    // Outputs of another version are not a continuation: who comes back gets the state, not the ring (protocol §3.5).
    host.ownTimeline += 1
    room.instance = room.candidate.take()
    learnVersions(room)
    room.described = nil
    room.needsSnapshot = true
    if !room.isGhost { snapshotsAreNeeded = true }
    room.hasLostTwin = false
    schedule(room)
    guard !room.isGhost else { return }
    noticeAll(room, .upgraded, "the room runs \(versionText(room.settings)) now")
    // A client learns which build speaks, and has its state, before anything that is encoded by it.
    resendState(room)
    guard !isFollowing else { return }
    reports.append(
      .upgraded(
        room: room.id, event: seq, from: from, to: versionText(room.settings), onProbation: upgrade.hasProbation))
  }

  mutating func settleTwinEnded(_ room: Room, _ why: RoomEvent.TwinEnd) {
    endTwin(room, why: why.text)
    room.isTwinChanging = false
  }

  mutating func settleBack(_ room: Room, _ seq: EventSeq, _ reason: UnsafeRawBufferPointer) {
    guard room.host?.twin != nil else {
      if room.hasLostTwin { stop(room, .diverged, "it went back to a version that diverged in replay") }
      return
    }
    let old = switchVersions(room)
    announceSwitch(room, seq, old, String(decoding: reason, as: UTF8.self))
  }

  /// An event at which the version that speaks failed alone: the silent one's outcome stands, and it speaks from here on.
  mutating func settleSwitch(_ room: Room, _ step: EventStep, _ settled: Settled, _ verdict: Annotation, _ why: String)
  {
    engine.effects = settled.effects
    engine.context = settled.context
    if case .input(let slot, let number, _, _) = step.event, number.rawValue > 0 {
      answerBeforeSwitch(room, slot, number, settled.settlement)
    }
    let old = switchVersions(room)
    // Everybody gets the full state: what the event says is in it.
    room.isQuiet = true
    finish(room, step, settled.settlement, settled.fuel, verdict: verdict)
    room.isQuiet = false
    announceSwitch(room, step.head.seq, old, why)
  }

  /// A full state leaves unknown what was not told before it: the sender hears of its input first, and of nothing else.
  private mutating func answerBeforeSwitch(
    _ room: Room, _ slot: Slot, _ number: InputSeq, _ settlement: Settlement
  ) {
    let effects = engine.effects
    tellOutcome(room, slot, number, settlement)
    if case .applied = settlement {
      for case .reply(let payload) in effects.commands {
        effects.bytes.withUnsafeBytes {
          verdict(
            room, slot,
            InputVerdict(seq: number, kind: .applied, reply: UnsafeRawBufferPointer(rebasing: $0[payload])), "")
        }
      }
    }
    let c = room.claim(slot)
    guard room.claims[c].link >= 0 else { return }
    links[room.claims[c].link].out.putAck(room.shard, epoch(room.shard), room.claims[c].route, number)
  }

  /// What is told of a switch once it is made.
  struct SwitchNews {
    var from: String
    var differences: [TwinPart.Difference]
  }

  private mutating func switchVersions(_ room: Room) -> SwitchNews {
    let host = room.awake
    let part = host.twin!
    let news = SwitchNews(from: versionText(room.settings), differences: part.differences)
    host.module = part.module
    host.limits = part.limits
    host.random = part.random
    host.nextTimer = part.nextTimer
    host.timers = part.timers
    host.nextRequest = part.nextRequest
    host.requests = part.requests
    room.issues = []
    host.strangers = part.lacks.filter { host[$0] != nil }
    host.twin = nil
    if let instance = room.instance.take() { engine.discard(instance) }
    room.instance = room.twin.take()
    if !isFollowing, !room.isGhost {
      room.counts?.backs += 1
      room.counts?.lastBackAt = now.wall
    }
    learnVersions(room)
    room.isTwinChanging = false
    host.ownTimeline += 1
    room.described = nil
    return news
  }

  private mutating func announceSwitch(_ room: Room, _ seq: EventSeq, _ news: SwitchNews, _ why: String) {
    schedule(room)
    guard !room.isGhost else { return }
    expelStrangers(room)
    noteRequests(room)
    resendState(room)
    let to = versionText(room.settings)
    for c in room.claims.indices where room.claims[c].link >= 0 {
      let numbers = news.differences.filter { $0.slot.rawValue == UInt32(c) }.map { "\($0.seq)" }
      let differing =
        numbers.isEmpty ? "" : "; what came of your messages \(numbers.joined(separator: ", ")) is different there"
      notice(room, to: [room.claims[c].route], room.claims[c].link, "the room is back on \(to)\(differing)", .back)
    }
    guard !isFollowing else { return }
    reports.append(
      .wentBack(room: room.id, event: seq, from: news.from, to: to, why: why, effects: room.extraEffects))
    room.extraEffects = []
  }

  /// Members whom the version that speaks never took are removed, by events of their own.
  mutating func expelStrangers(_ room: Room) {
    for slot in room.awake.strangers {
      guard let membership = room.awake[slot]?.membership else { continue }
      room.ordersPending += 1
      pendingKicks.append(
        PendingKick(
          room: room, slot: slot, membership: membership,
          reason: Array("the room went back to a version that does not know this member".utf8)))
    }
  }

  func versionText(_ settings: ModuleSettings?) -> String { settings.map { "\($0.name) \($0.version)" } ?? "?" }

  // MARK: Probation

  /// Ends when enough events and enough time have passed, and when the room freezes: neither version has anything more to
  /// show, and a third one thaws only a room that has one.
  mutating func stageProbation(_ room: Room) {
    guard let host = room.host, let twin = host.twin, host.ended == nil, !room.isEnding, !room.isTwinChanging,
      host.frozen != nil || (host.eventSeq >= twin.endsAtEvent && now.wall >= twin.endsAtTime)
    else { return }
    guard fitsReserve(room, 0) else { return hold(room) }
    room.isTwinChanging = true
    stage(room, .twinEnded(.probationOver))
  }
}
