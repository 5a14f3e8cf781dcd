// From gate to gate: what an answer, a word or the evidence changes.
internal import Artifacts
internal import Core

extension Rollouts {
  // MARK: Verify, rehearse

  mutating func verified(_ course: inout Course, _ now: Now) {
    guard course.rollout.gate == .verify, !course.rollout.isOver else { return }
    set(course.rollout.module, course.rollout.to, .candidate, now)
    effects.append(course.audit(.verified, "signature, hash, names and interface are right"))
    let isAlone = course.isNow || course.isOnTrial || course.rollout.from == nil
    course.become(
      course.rollout.state, .rehearse,
      isAlone ? "it is compiled for the workers" : "it replays what copies of rooms went through", now)
  }

  mutating func unverified(_ course: inout Course, _ why: String, _ now: Now) {
    guard course.rollout.gate == .verify, !course.rollout.isOver else { return }
    refuse(&course, why, by: Course.itself, now)
  }

  mutating func rehearsed(_ course: inout Course, _ report: Report, _ now: Now) {
    guard course.rollout.gate == .rehearse, !course.rollout.isOver else { return }
    course.rollout.rehearsal = report
    needsSave = true
    let isAlone = course.isNow || course.isOnTrial || course.rollout.from == nil
    if isAlone {
      course.rollout.rehearsal?.skipped =
        course.rollout.from == nil
        ? "it is the first build of its module" : "\(course.who) wanted it at once: \(course.reason)"
    }
    let text = isAlone && report.verdict != .bad ? "it is compiled and loads" : Rollouts.text(of: report)
    effects.append(course.audit(.rehearsed, text))
    guard report.verdict != .bad else {
      return refuse(&course, report.problems.first ?? "its rehearsal went badly", by: Course.itself, now)
    }
    course.note(text, now)
  }

  private static func text(of report: Report) -> String {
    let seen =
      "\(count(report.rooms, "room")), \(count(report.events, "event")), \(count(report.crashes, "crash bundle"))"
    return switch report.verdict {
    case .good: "rehearsed with \(seen): nothing worse than before"
    case .thin: "rehearsed with \(seen): too little to say much; live rooms must show it"
    case .bad: "rehearsed with \(seen): \(report.problems.joined(separator: "; "))"
    }
  }

  mutating func unrehearsed(_ course: inout Course, _ why: String, _ now: Now) {
    guard course.rollout.gate == .rehearse, !course.rollout.isOver else { return }
    asked.remove(Question(course))
    let text = "the rehearsal could not be held: \(why); resume tries it again, promote goes on without it"
    // A pause that somebody ordered meanwhile is his.
    guard course.rollout.state == .running else { return course.note(text, now) }
    pause(&course, text, by: Course.itself, now)
  }

  /// It never came into a room.
  private mutating func refuse(_ course: inout Course, _ why: String, by who: String, _ now: Now) {
    if course.rollout.gate == .rehearse, course.rollout.rehearsal == nil {
      effects.append(.stopRehearsal(course.rollout.id))
    }
    // A build that is in use under the same bytes keeps what it is.
    let standing = builds(of: course.rollout.module).last { $0.build.hash == course.rollout.to.hash }?.state
    if standing == nil || standing == .candidate || standing == .refused {
      set(course.rollout.module, course.rollout.to, course.bansOld ? .previous : .refused, why: why, now)
    }
    course.become(.refused, course.rollout.gate, why, now)
    effects.append(course.audit(.refused, by: who, why))
    course.hasEnded = true
    needsSave = true
  }

  // MARK: Words

  mutating func pause(_ course: inout Course, _ why: String, by who: String, _ now: Now) {
    course.become(.paused, course.rollout.gate, why, now)
    effects.append(course.audit(.paused, by: who, why))
    needsSave = true
  }

  mutating func resume(_ course: inout Course, _ why: String, by who: String, _ now: Now) {
    course.become(.running, course.rollout.gate, why, now)
    course.waitedMilliseconds = 0
    views[course.rollout.module]?.nobodySince = nil
    effects.append(course.audit(.resumed, by: who, why))
    needsSave = true
  }

  mutating func promote(_ course: inout Course, _ why: String, by who: String, _ now: Now) {
    course.isPromoted = true
    course.become(.running, .canary, why, now)
    effects.append(course.audit(.promoted, by: who, why))
    needsSave = true
  }

  // MARK: Canary, permanent

  mutating func enterCanary(_ course: inout Course, _ now: Now) {
    views[course.rollout.module, default: RoomView()].beginAnew()
    course.beginStep(course.isOnTrial ? settings.percents.count : 0)
    let why =
      course.isOnTrial ? "all rooms run it, each beside its old version: \(course.reason)" : "one room runs it first"
    course.become(.running, .canary, why, now)
    effects.append(course.audit(.canary, why))
    needsSave = true
  }

  mutating func enterPermanent(_ course: inout Course, _ why: String, _ now: Now) {
    let (module, rollout) = (course.rollout.module, course.rollout)
    views[module, default: RoomView()].beginAnew()
    course.become(.running, .permanent, why, now)
    effects.append(course.audit(.permanent, why))
    // A release for some rooms is not what new rooms get.
    if course.scope.isEmpty {
      if let from = rollout.from { set(module, from, .previous, now) }
      set(module, rollout.to, .current, now)
    }
    needsSave = true
  }

  mutating func finishPermanent(_ course: inout Course, _ stay: Int, _ sleepers: String?, _ now: Now) {
    let rollout = course.rollout
    if course.bansOld, let from = rollout.from {
      set(rollout.module, from, .banned, why: course.reason, now)
      effects.append(course.audit(.banned, by: course.who, of: from, course.reason))
    }
    let new = rollout.rooms.new
    let stays = stay == 1 ? "; 1 room stays on what it had" : stay == 0 ? "" : "; \(stay) rooms stay on what they had"
    let left = stays + (sleepers.map { "; \($0)" } ?? "")
    course.become(.done, .permanent, "\(count(new, "room")) \(new == 1 ? "runs" : "run") it\(left)", now)
    effects.append(course.audit(.done, course.rollout.why))
    course.hasEnded = true
    needsSave = true
  }

  // MARK: Back

  /// All rooms go back; the version is banned. Before any room had it, it is refused.
  mutating func takeBack(_ course: inout Course, _ why: String, by who: String, _ now: Now) {
    let rollout = course.rollout
    guard !rollout.isOver else { return }
    guard rollout.gate >= .canary else { return refuse(&course, why, by: who, now) }
    guard let from = rollout.from else { return }
    let rooms = views[rollout.module]?.rooms.values.filter(course.isNew).map(\.id).sorted() ?? []
    views[rollout.module, default: RoomView()].beginAnew()
    course.failed = [:]
    if rollout.gate == .permanent, course.scope.isEmpty { set(rollout.module, from, .current, now) }
    // The way back from a bad release is no bad release itself.
    set(rollout.module, rollout.to, course.bansOld ? .previous : .banned, why: why, now)
    course.become(.rolledBack, rollout.gate, why, now)
    effects.append(course.audit(.rolledBack, by: who, rooms: rooms, why))
    if !course.bansOld { effects.append(course.audit(.banned, by: who, why)) }
    needsSave = true
  }
}
