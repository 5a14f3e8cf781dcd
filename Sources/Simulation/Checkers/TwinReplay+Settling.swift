// What a decided event changes in a twin, and what it tells whom.
import Core
import Wire
import WorkerCore

extension TwinReplay {
  mutating func settle(_ twin: inout RoomTwin, _ event: RoomEvent, _ outcome: Outcome, isBack: Bool) {
    let isApplied = outcome.isApplied
    if isApplied {
      twin.version.random = engine.context.random
      twin.version.nextTimer = engine.context.nextTimer
      twin.version.nextRequest = engine.context.nextRequest
    }
    switch event {
    case .created: if isApplied { carry(&twin, nil, InputSeq(0)) }
    case .joined(let j):
      guard isApplied else { return }
      twin.members[j.slot.rawValue] = .init(membership: j.membership, generation: j.generation)
      carry(&twin, nil, InputSeq(0))
    case .attached(let slot, let generation):
      twin.members[slot.rawValue]?.generation = generation
      twin.members[slot.rawValue]?.isSuspended = false
      if isApplied { carry(&twin, nil, InputSeq(0)) }
    case .input(let slot, let number, _, _): settleInput(&twin, slot, number, outcome, isBack: isBack)
    case .rejected(let slot, let number, _):
      twin.members[slot.rawValue]?.lastSeq = number
      say(&twin, slot, [], (number, 3, []))
    case .leave(let slot, let number):
      twin.members[slot.rawValue]?.lastSeq = number
      if isApplied { carry(&twin, nil, InputSeq(0)) }
      twin.members[slot.rawValue] = nil
      twin.strangers.remove(slot.rawValue)
    case .removed(let slot, _):
      if isApplied { carry(&twin, nil, InputSeq(0)) }
      twin.members[slot.rawValue] = nil
      twin.strangers.remove(slot.rawValue)
    case .suspended(let slot):
      twin.members[slot.rawValue]?.isSuspended = true
      if isApplied { carry(&twin, nil, InputSeq(0)) }
    case .tick(let number, _):
      twin.tick = number
      if isApplied { carry(&twin, nil, InputSeq(0)) }
    case .timer, .wake, .answered:
      dropTimer(&twin.version, event, twin.time)
      if isApplied { carry(&twin, nil, InputSeq(0)) }
    case .frozen: twin.isFrozen = true
    case .signal(let key, _):
      twin.remember(String(decoding: key, as: UTF8.self))
      if isApplied { carry(&twin, nil, InputSeq(0)) }
    case .ended:
      twin.hasEnded = true
      twin.members = [:]
      twin.version.timers = []
      twin.version.requests = []
      twin.strangers = []
      twin.silent = nil
    case .locked(let isLocked): twin.isLocked = isLocked
    case .upgraded(let upgrade): settleUpgrade(&twin, upgrade)
    case .back: goBack(&twin)
    case .twinEnded: twin.silent = nil
    case .dropped: preconditionFailure("answered above")
    }
  }

  private mutating func settleInput(
    _ twin: inout RoomTwin, _ slot: Slot, _ number: InputSeq, _ outcome: Outcome, isBack: Bool
  ) {
    if number.rawValue > 0 { twin.members[slot.rawValue]?.lastSeq = number }
    if outcome.isApplied { return carry(&twin, isBack ? nil : slot, number) }
    // Who goes back has been answered already.
    if isBack { return }
    if case .undone = outcome {
      say(&twin, slot, [], (number, 2, []))
    } else {
      say(&twin, slot, [], (number, 1, []))
    }
  }

  private mutating func settleUpgrade(_ twin: inout RoomTwin, _ upgrade: RoomEvent.Upgrade) {
    let old = twin.version
    twin.version.module = upgrade.module
    twin.version.limits = upgrade.limits
    twin.ownTimeline += 1
    twin.isFrozen = false
    guard let state = try? ScriptedRoom(upgrade.image), state == old.state else {
      return world.fail("I-2", "an upgrade's image is not the room's state")
    }
    if upgrade.probationEvents > 0 || upgrade.probationSeconds > 0 { twin.silent = .init(version: old) }
  }

  private mutating func carry(_ twin: inout RoomTwin, _ sender: Slot?, _ number: InputSeq) {
    let effects = engine.effects
    for command in effects.commands {
      switch command {
      case .send(let target, let isReliable, let range):
        guard isReliable else { continue }
        let all = twin.members.keys.filter { slot in
          switch target {
          case .all: true
          case .only(let one): one.rawValue == slot
          case .except(let one): one.rawValue != slot
          case .some: preconditionFailure("scripted rooms do not send to some")
          }
        }
        guard !all.isEmpty else { continue }
        twin.outSeq = OutSeq(twin.outSeq.rawValue + 1)
        for slot in all { twin.members[slot]!.lastOut = twin.outSeq }
        twin.outputs[twin.outSeq.rawValue] = RoomTwin.digest(Array(effects.bytes[range]), nil)
      case .reply(let range): if let sender { say(&twin, sender, [], (number, 0, Array(effects.bytes[range]))) }
      case .after, .cancel: keepTimer(&twin.version, command, twin.time)
      case .kick, .refuse, .log, .count, .label, .property, .lock, .end, .ask: break
      }
    }
    twin.version.keepRequests(effects, twin.eventSeq, twin.time)
  }

  func say(_ twin: inout RoomTwin, _ slot: Slot, _ payload: [UInt8], _ verdict: (InputSeq, UInt8, [UInt8])) {
    guard twin.members[slot.rawValue] != nil else { return }
    twin.outSeq = OutSeq(twin.outSeq.rawValue + 1)
    twin.members[slot.rawValue]!.lastOut = twin.outSeq
    twin.outputs[twin.outSeq.rawValue] = RoomTwin.digest(payload, verdict)
  }
}
