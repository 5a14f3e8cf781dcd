// What a client does with each frame of the server.
import Core

extension Client {
  package mutating func received(_ message: ServerMessage, at now: Int64, into actions: inout ClientActions) {
    switch connection {
    case .greeting, .up: break
    case .stopped, .waiting, .connecting, .closing: return
    }
    heard(now)
    switch message {
    case .welcome(let w): welcome(w, now, &actions)
    case .attached(let a): attached(a, &actions)
    case .output(let o): output(o, now, &actions)
    case .state(let s): state(s, &actions)
    case .ack(let id, let seq): ack(id, seq, &actions)
    case .expected(let id, let seq): expected(id, seq, &actions)
    case .busy(let id, let seq, let retry, _): busy(id, seq, now + Int64(retry) * 1_000)
    case .gone(let id, let last, let known, let reason): gone(id, last, known, reason, &actions)
    case .error(let e): failed(e, now, &actions)
    case .notice(let id, let kind, let text): actions.events.append(.notice(id, kind: kind, text: text))
    case .pong(let time, let server): actions.events.append(.pong(time: time, serverMicroseconds: server))
    }
  }

  private mutating func attached(_ a: ServerMessage.Attached, _ actions: inout ClientActions) {
    guard let i = index(a.joinID) else { return }
    let isFirst = memberships[i].phase == .joining
    let isSame = memberships[i].timeline == a.timeline
    memberships[i].phase = .attached
    memberships[i].askAgainAt = .max
    memberships[i].refusals = 0
    memberships[i].heldUntil = nil
    memberships[i].room = a.room
    memberships[i].timeline = a.timeline
    if isFirst || !isSame {
      memberships[i].lastOut = OutSeq(0)
      memberships[i].needsState = true
    }
    actions.events.append(
      isFirst ? .joined(a.joinID, a.room, a.slot, module: a.module) : .reattached(a.joinID))
    decideUpTo(i, a, isFirst: isFirst, isSame: isSame, &actions)
    memberships[i].pump(window: settings.window, into: &actions)
  }

  /// Everything below `nextSeq` is decided; what is at or above it goes out again.
  private mutating func decideUpTo(
    _ i: Int, _ a: ServerMessage.Attached, isFirst: Bool, isSame: Bool, _ actions: inout ClientActions
  ) {
    let next = max(a.nextSeq.rawValue, 1)
    let acked = memberships[i].acked
    if isFirst { return memberships[i].renumber(from: next, into: &actions) }
    if next <= acked {
      if isSame {
        actions.events.append(
          .violation(a.joinID, .forgotten(acked: InputSeq(acked), next: InputSeq(next))))
      }
      return memberships[i].renumber(from: next, into: &actions)
    }
    guard next - 1 <= memberships[i].last else {
      actions.events.append(.violation(a.joinID, .unsent(InputSeq(next - 1))))
      let all = memberships[i].last
      if all > acked { memberships[i].acknowledge(all, into: &actions) }
      return memberships[i].renumber(from: next, into: &actions)
    }
    memberships[i].sent = next - 1
    memberships[i].settling = (next - 1, a.upTo)
    if isSame { settle(i, &actions) }
  }

  /// Tells what an `Attached` decided, once the outputs that carry the verdicts have come.
  private mutating func settle(_ i: Int, _ actions: inout ClientActions) {
    guard let settling = memberships[i].settling, memberships[i].lastOut >= settling.upTo else { return }
    memberships[i].settling = nil
    memberships[i].acknowledge(max(settling.through, memberships[i].acked), into: &actions)
    memberships[i].pump(window: settings.window, into: &actions)
  }

  private mutating func output(_ o: ServerMessage.Output, _ now: Int64, _ actions: inout ClientActions) {
    guard let i = index(o.joinID), memberships[i].phase == .attached else { return }
    if o.seq.rawValue != 0 {
      let last = memberships[i].lastOut
      if o.seq <= last {
        return actions.events.append(.violation(o.joinID, .doubled(last: last, seq: o.seq)))
      }
      if o.prev > last {
        actions.events.append(.violation(o.joinID, .gap(last: last, prev: o.prev, seq: o.seq)))
        memberships[i].phase = .attaching
        return ask(i, now, &actions)
      }
      memberships[i].lastOut = o.seq
    }
    if let verdict = o.result {
      memberships[i].verdictKnown = max(memberships[i].verdictKnown, verdict.seq.rawValue)
      actions.events.append(.verdict(o.joinID, verdict))
    }
    if o.result == nil || !o.payload.isEmpty {
      actions.events.append(.output(o.joinID, o.seq, payload: o.payload))
    }
    settle(i, &actions)
  }

  private mutating func state(_ s: ServerMessage.State, _ actions: inout ClientActions) {
    guard let i = index(s.joinID), memberships[i].phase == .attached else { return }
    memberships[i].timeline = s.timeline
    memberships[i].lastOut = s.asOf
    memberships[i].needsState = false
    if let settling = memberships[i].settling {
      let known = max(memberships[i].verdictKnown, memberships[i].acked)
      if settling.through > known {
        actions.events.append(
          .verdictsUnknown(s.joinID, InputSeq(known + 1)...InputSeq(settling.through)))
      }
      memberships[i].settling = (settling.through, OutSeq(0))
    }
    actions.events.append(.state(s.joinID, asOf: s.asOf, payload: s.payload))
    settle(i, &actions)
  }

  private mutating func ack(_ id: JoinID, _ seq: InputSeq, _ actions: inout ClientActions) {
    guard let i = index(id), memberships[i].phase == .attached, seq.rawValue > memberships[i].acked else { return }
    guard seq.rawValue <= memberships[i].last else {
      return actions.events.append(.violation(id, .unsent(seq)))
    }
    memberships[i].acknowledge(seq.rawValue, into: &actions)
    if memberships[i].isLeaving, memberships[i].pending.isEmpty {
      actions.events.append(.ended(id, last: seq, known: true, reason: "left"))
      return end(i)
    }
    memberships[i].pump(window: settings.window, into: &actions)
  }

  private mutating func expected(_ id: JoinID, _ seq: InputSeq, _ actions: inout ClientActions) {
    guard let i = index(id), memberships[i].phase == .attached else { return }
    if seq.rawValue <= memberships[i].acked {
      return actions.events.append(
        .violation(id, .forgotten(acked: InputSeq(memberships[i].acked), next: seq)))
    }
    memberships[i].goBack(to: seq.rawValue)
    memberships[i].pump(window: settings.window, into: &actions)
  }

  private mutating func busy(_ id: JoinID, _ seq: InputSeq, _ until: Int64) {
    guard let i = index(id), memberships[i].phase == .attached else { return }
    memberships[i].goBack(to: seq.rawValue)
    memberships[i].heldUntil = until
  }

  private mutating func gone(
    _ id: JoinID, _ last: InputSeq, _ known: Bool, _ reason: String, _ actions: inout ClientActions
  ) {
    guard let i = index(id) else { return }
    let through = min(last.rawValue, memberships[i].last)
    if known, through > memberships[i].acked {
      let from = max(memberships[i].verdictKnown, memberships[i].acked) + 1
      if from <= through {
        actions.events.append(.verdictsUnknown(id, InputSeq(from)...InputSeq(through)))
      }
      memberships[i].acknowledge(through, into: &actions)
    }
    actions.events.append(.ended(id, last: last, known: known, reason: reason))
    end(i)
  }

  private mutating func failed(_ e: ServerMessage.ServerError, _ now: Int64, _ actions: inout ClientActions) {
    actions.events.append(.failed(e))
    if e.joinID.rawValue != 0 { membershipFailed(e, now, &actions) }
    if e.joinID.rawValue == 0, e.retryMilliseconds > 0 { retryNotBefore(now + Int64(e.retryMilliseconds) * 1_000) }
    switch e.code {
    case .replaced: giveUp("a newer connection of this session has taken over", &actions)
    case .version: giveUp("the server speaks another version of the protocol: \(e.text)", &actions)
    case .badToken: forgetToken()
    default: break
    }
    if e.closing, connection != .stopped { close(&actions) }
  }

  private mutating func membershipFailed(
    _ e: ServerMessage.ServerError, _ now: Int64, _ actions: inout ClientActions
  ) {
    guard let i = index(e.joinID) else { return }
    if e.code == .notAttached {
      // In answer to something sent before the break was seen; one question at a time.
      guard memberships[i].phase == .attached else { return }
      memberships[i].phase = .attaching
      return ask(i, now, &actions)
    }
    guard memberships[i].phase != .attached else { return }
    if memberships[i].phase == .attaching || e.retryMilliseconds > 0 || e.code == .unavailable {
      // A membership that exists can only end by `gone`.
      let named = e.retryMilliseconds > 0 ? Int64(max(e.retryMilliseconds, 100)) * 1_000 : settings.refusedMicroseconds
      memberships[i].askAgainAt =
        now + max(named, min(named << memberships[i].refusals, settings.refusedMaxMicroseconds))
      memberships[i].refusals = min(memberships[i].refusals + 1, 16)
      return
    }
    actions.events.append(.joinFailed(e.joinID, e.code, text: e.text))
    end(i)
  }
}
