// What the last guest call asked for, carried out: outputs into the ring and onto the links, timers, kicks.
import Core
import Wire

extension Worker {
  /// Carries out the effects of an applied event. `number`: of the input it answers, for a reply.
  mutating func carryOut(_ room: Room, sender: Slot?, number: InputSeq) {
    let effects = engine.effects
    var asks = false
    for command in effects.commands {
      switch command {
      case .send(let target, let reliable, let payload):
        if !isFollowing { room.counts?.spoken.noteOutput(payload.count) }
        effects.bytes.withUnsafeBytes {
          send(room, target.members(in: $0), reliable, UnsafeRawBufferPointer(rebasing: $0[payload]))
        }
      case .reply(let payload):
        if !isFollowing { room.counts?.spoken.noteOutput(payload.count) }
        guard let sender, !room.isQuiet else { continue }
        effects.bytes.withUnsafeBytes {
          verdict(
            room, sender,
            InputVerdict(seq: number, kind: .applied, reply: UnsafeRawBufferPointer(rebasing: $0[payload])), "")
        }
      case .after(let id, let milliseconds, let payload):
        guard room.awake.timers.count < Limits.timersMax else { continue }
        room.awake.add(RoomTimer(id: id, after: milliseconds, room.awake.time, effects.bytes[payload]))
        schedule(room)
      case .cancel(let id): room.awake.timers.removeAll { $0.id == id }
      case .kick(let slot, let reason):
        guard !room.isGhost, let membership = room.awake[slot]?.membership else { continue }
        room.ordersPending += 1
        pendingKicks.append(
          PendingKick(
            room: room, slot: slot, membership: membership,
            reason: [UInt8](text: effects.bytes[reason], most: Limits.reasonBytesMax)))
      case .count(let name, let amount): count(room, effects.bytes[name], amount)
      case .label(let range): room.awake.label = [UInt8](text: effects.bytes[range], most: Limits.labelBytesMax)
      case .property(let range): room.awake.setProperty(effects.bytes[range])
      case .lock(let isLocked): room.awake.isLocked = isLocked
      case .end(let reason):
        guard !room.isEnding, !room.isGhost else { continue }
        room.isEnding = true
        room.ordersPending += 1
        pendingEnds.append(
          PendingEnd(room: room, reason: [UInt8](text: effects.bytes[reason], most: Limits.reasonBytesMax)))
      case .ask: asks = true
      case .refuse, .log: break
      }
    }
    guard asks else { return }
    var index = 0
    room.awake.requests.add(effects, event: room.awake.eventSeq, time: room.awake.time, index: &index)
    noteRequests(room)
  }

  private mutating func count(_ room: Room, _ name: ArraySlice<UInt8>, _ amount: Int64) {
    guard !isMuted else { return }
    let module = String(decoding: room.awake.name, as: UTF8.self)
    let name = String(decoding: name.prefix(Limits.moduleNameBytesMax), as: UTF8.self)
    guard let value = moduleCounters[module]?[name] else {
      if moduleCounters[module]?.count ?? 0 < Limits.moduleCountersMax {
        moduleCounters[module, default: [:]][name] = amount
      }
      return
    }
    moduleCounters[module]![name] = value &+ amount
  }

  private mutating func send(
    _ room: Room, _ target: SendTarget, _ reliable: Bool, _ payload: UnsafeRawBufferPointer
  ) {
    guard reliable else {
      sendUnreliable(room, target, payload)
      return
    }
    if let seq = room.awake.keep(payload, for: target) { passOn(room, seq) }
  }

  /// A numbered output to one member that carries a verdict on its input.
  mutating func verdict(_ room: Room, _ slot: Slot, _ verdict: InputVerdict, _ reason: String) {
    guard let prev = room.awake[slot]?.lastOut else { return }
    let seq = OutSeq(room.awake.outSeq.rawValue + 1)
    room.awake.outSeq = seq
    room.awake.members[Int(slot.rawValue)]!.lastOut = seq
    room.awake.ring.begin()
    room.awake.ring.putRecipient(slot, prev: prev)
    var text = reason
    text.withUTF8 { reason in
      var verdict = verdict
      verdict.reason = UnsafeRawBufferPointer(reason)
      room.awake.ring.putFrame {
        encodeOutputFrame(into: &$0, seq: seq, payload: EmptyCollection<UInt8>(), verdict: verdict)
      }
    }
    room.awake.ring.end(seq)
    passOn(room, seq)
  }

  /// Sends the ring's last output to the recipients that are connected, one record per link.
  private mutating func passOn(_ room: Room, _ seq: OutSeq) {
    guard !room.isGhost else { return }
    counters.outputs += 1
    guard !room.isQuiet else { return }
    let epoch = epoch(room.shard)
    room.awake.ring.withLast { recipients, frame in
      let count = recipients.count / OutputRing.recipientBytes
      if count == 1 { return passOn(room, epoch, seq, recipients, frame) }
      for l in links.indices where links[l].isOpen && links[l].loops > 0 {
        let start = links[l].out.beginOutput(room.shard, epoch, seq, count: 0)
        var sent = 0
        for i in 0..<count {
          let at = i * OutputRing.recipientBytes
          let c = Int(UInt32(littleEndian: recipients.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
          guard c < room.claims.count, room.claims[c].link == l else { continue }
          let prev = UInt64(littleEndian: recipients.loadUnaligned(fromByteOffset: at + 4, as: UInt64.self))
          links[l].out.putRecipient(room.claims[c].route, prev: OutSeq(prev))
          sent += 1
        }
        guard sent > 0 else {
          links[l].out.removeLast(links[l].out.count - start)
          continue
        }
        links[l].out.patch(UInt16(sent), at: start + LinkHeader.bytes + 8)
        links[l].out.append(contentsOf: frame)
        links[l].out.endLink(start)
        links[l].unconfirmed.append(room)
        room.unconfirmed += 1
      }
    }
  }

  /// The same for a single recipient.
  private mutating func passOn(
    _ room: Room, _ epoch: ShardEpoch, _ seq: OutSeq, _ recipient: UnsafeRawBufferPointer,
    _ frame: UnsafeRawBufferPointer
  ) {
    let c = Int(UInt32(littleEndian: recipient.loadUnaligned(as: UInt32.self)))
    guard c < room.claims.count else { return }
    let l = room.claims[c].link
    guard l >= 0, links[l].isOpen, links[l].loops > 0 else { return }
    let prev = OutSeq(UInt64(littleEndian: recipient.loadUnaligned(fromByteOffset: 4, as: UInt64.self)))
    links[l].out.putOutput(room.shard, epoch, seq, room.claims[c].route, prev: prev, frame: frame)
    links[l].unconfirmed.append(room)
    room.unconfirmed += 1
  }

  private mutating func sendUnreliable(
    _ room: Room, _ target: SendTarget, _ payload: UnsafeRawBufferPointer
  ) {
    // Fresh or nothing (I-6): a replay has nobody to say it to.
    guard !room.isQuiet, !room.isGhost else { return }
    for l in links.indices where links[l].isOpen && links[l].loops > 0 {
      let start = links[l].out.beginUnreliable(room.shard, epoch(room.shard), count: 0)
      var sent = 0
      for c in room.claims.indices where room.claims[c].link == l && target.includes(Slot(UInt32(c))) {
        links[l].out.put(room.claims[c].route)
        sent += 1
      }
      guard sent > 0 else {
        links[l].out.removeLast(links[l].out.count - start)
        continue
      }
      links[l].out.patch(UInt16(sent), at: start + LinkHeader.bytes)
      encodeOutputFrame(into: &links[l].out, seq: OutSeq(0), payload: payload)
      links[l].out.endLink(start)
    }
  }

  /// Kicks are events at their own place. A replay asks for them again: who has gone since is not kicked twice.
  mutating func stageKicks() {
    guard !pendingKicks.isEmpty else { return }
    let kicks = pendingKicks
    pendingKicks.removeAll(keepingCapacity: true)
    for kick in kicks {
      guard kick.room.phase != .repairing else {
        pendingKicks.append(kick)
        continue
      }
      guard kick.room.phase == .ready, kick.room.host?[kick.slot]?.membership == kick.membership else {
        kick.room.ordersPending -= 1
        continue
      }
      // It is just returning, or being suspended: it is kicked after that. Or leaving: then nobody is left to kick.
      guard !kick.room.claims[kick.room.claim(kick.slot)].isChanging, !kick.room.isEnding else {
        pendingKicks.append(kick)
        continue
      }
      guard fitsReserve(kick.room, 0) else {
        isShortOfSpace = true
        pendingKicks.append(kick)
        continue
      }
      kick.room.kickReasons[kick.slot] = kick.reason
      kick.room.ordersPending -= 1
      remove(kick.room, kick.slot)
    }
  }

  /// Stages the end of a membership, unless another change of it is on its way. Ask `fitsReserve` first.
  mutating func remove(_ room: Room, _ slot: Slot, _ reason: LeaveReason = .kicked) {
    let c = room.claim(slot)
    guard !room.claims[c].isChanging else { return }
    room.claims[c].isChanging = true
    stage(room, .removed(slot, reason))
  }
}

struct PendingKick {
  var room: Room
  var slot: Slot
  var membership: Membership
  var reason: [UInt8]
}

/// Whom a send is for; `some` is u32 slots, valid during the call.
enum SendTarget {
  case all
  case only(Slot)
  case except(Slot)
  case some(UnsafeRawBufferPointer)

  func includes(_ slot: Slot) -> Bool {
    switch self {
    case .all: true
    case .only(let one): one == slot
    case .except(let one): one != slot
    case .some(let slots):
      // At most `membersMax`, and seldom more than a few.
      stride(from: 0, to: slots.count, by: 4).contains {
        UInt32(littleEndian: slots.loadUnaligned(fromByteOffset: $0, as: UInt32.self)) == slot.rawValue
      }
    }
  }
}

extension RoomEffects.Target {
  func members(in bytes: UnsafeRawBufferPointer) -> SendTarget {
    switch self {
    case .all: .all
    case .only(let slot): .only(slot)
    case .except(let slot): .except(slot)
    case .some(let range): .some(UnsafeRawBufferPointer(rebasing: bytes[range]))
    }
  }
}
