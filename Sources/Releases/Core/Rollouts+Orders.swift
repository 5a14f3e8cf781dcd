// What people bring and say.
internal import Artifacts
package import Core

extension Rollouts {
  /// Somebody brings a build. Throws where it cannot be looked at now; whether it is right is the first gate's to say.
  package mutating func push(
    _ candidate: Candidate, at now: Now, into actions: inout [ReleaseAction]
  ) throws(ReleaseError) -> Rollout {
    try begin(candidate, bansOld: false, now, &actions)
  }

  private mutating func begin(
    _ candidate: Candidate, bansOld: Bool, _ now: Now, _ actions: inout [ReleaseAction]
  ) throws(ReleaseError) -> Rollout {
    let module = candidate.module
    if let rollout = rollout(of: module) {
      throw ReleaseError(
        rollout.state == .rolledBack
          ? "\(module) \(rollout.to) is still on its way back: try again in a moment"
          : "\(module) \(rollout.to) is on its way (\(rollout.gate.rawValue), \(rollout.state.rawValue)): wait for its end, or roll it back first"
      )
    }
    let build = candidate.build
    if current(of: module)?.hash == build.hash {
      throw ReleaseError("\(module) \(build) is what new rooms get already: there is nothing to release")
    }
    if banned(of: module).contains(where: { $0.build.hash == build.hash }) {
      throw ReleaseError("\(module) \(build) was rolled back and is banned: release a fix, or unban it with a reason")
    }
    guard !candidate.now && !candidate.onTrial || !candidate.reason.isEmpty else {
      throw ReleaseError("a release that skips the canary needs a reason for the audit log: --now --reason \"…\"")
    }
    let id = RolloutID(module, state.nextNumber)
    state.nextNumber += 1
    let before = state.courses.mapValues(\.rollout)
    let course = Course(candidate, id: id, from: current(of: module), bansOld: bansOld, at: now)
    state.courses[module] = course
    needsSave = true
    let how = candidate.now ? " (now, without a canary)" : candidate.onTrial ? " (all rooms at once, on trial)" : ""
    effects.append(course.audit(.pushed, by: candidate.who, candidate.reason + how))
    with(module) { $0.advance(&$1, now) }
    finish(before, &actions)
    return course.rollout
  }

  /// Somebody's word. Throws where it makes no sense, with what does.
  @discardableResult
  package mutating func order(
    _ order: ReleaseOrder, module: String, by who: String, reason: String, at now: Now,
    into actions: inout [ReleaseAction]
  ) throws(ReleaseError) -> Rollout? {
    if case .unban(let version) = order {
      try unban(module, version, by: who, reason, now, &actions)
      return nil
    }
    guard let course = state.courses[module] else {
      if case .rollback(let isNow) = order { return try wayBack(module, isNow, by: who, reason, now, &actions) }
      throw ReleaseError("no release of \(module) is on its way: `oneup release list` shows what there is")
    }
    try check(order, course)
    let before = state.courses.mapValues(\.rollout)
    let said = reason.isEmpty ? "" : ": \(reason)"
    with(module) { rollouts, course in
      switch order {
      case .promote: rollouts.promote(&course, "\(who) promoted it\(said)", by: who, now)
      case .pause: rollouts.pause(&course, "\(who) paused it\(said)", by: who, now)
      case .resume: rollouts.resume(&course, "\(who) resumed it\(said)", by: who, now)
      case .rollback: rollouts.takeBack(&course, "\(who) rolled it back\(said)", by: who, now)
      case .unban: break
      }
      rollouts.advance(&course, now)
    }
    finish(before, &actions)
    return rollout(of: module) ?? state.ended.last { $0.id == course.rollout.id }
  }

  private func check(_ order: ReleaseOrder, _ course: Course) throws(ReleaseError) {
    let rollout = course.rollout
    let name = "\(rollout.module) \(rollout.to)"
    if rollout.state == .rolledBack { throw ReleaseError("\(name) is on its way back already: wait for its end") }
    switch order {
    case .pause where rollout.state == .paused && rollout.waitsForRoom != true:
      throw ReleaseError("\(name) is paused already: \(rollout.why)")
    case .resume where rollout.state != .paused:
      throw ReleaseError("\(name) is not paused; it is at \(rollout.gate.rawValue)")
    case .promote where rollout.gate == .verify || rollout.gate == .rehearse && rollout.state == .running:
      throw ReleaseError("\(name) has not been rehearsed yet: wait a moment, or release it with --now --reason")
    case .promote where rollout.gate == .permanent: throw ReleaseError("\(name) is permanent already")
    case .pause where rollout.gate == .permanent:
      throw ReleaseError("\(name) is permanent: nothing is left to wait for; roll it back if it is bad")
    case .rollback where rollout.from == nil && rollout.gate == .permanent:
      throw ReleaseError("\(name) is the first build of its module: there is none to go back to")
    default: break
    }
  }

  /// From a permanent release to the one before, through the same gates.
  private mutating func wayBack(
    _ module: String, _ isNow: Bool, by who: String, _ reason: String, _ now: Now, _ actions: inout [ReleaseAction]
  ) throws(ReleaseError) -> Rollout {
    guard let current = current(of: module) else {
      throw ReleaseError("there is no build of \(module) here: `oneup release list` shows what there is")
    }
    guard let previous = builds(of: module).last(where: { $0.state == .previous })?.build else {
      throw ReleaseError("\(module) \(current) has no version before it to go back to: release a fix")
    }
    var candidate = Candidate(module: module, build: previous, who: who)
    candidate.reason = reason.isEmpty ? "back from \(current)" : reason
    candidate.now = isNow
    candidate.olderIsAskedFor = true
    return try begin(candidate, bansOld: true, now, &actions)
  }

  private mutating func unban(
    _ module: String, _ version: String, by who: String, _ reason: String, _ now: Now,
    _ actions: inout [ReleaseAction]
  ) throws(ReleaseError) {
    guard !reason.isEmpty else { throw ReleaseError("an unban needs a reason for the audit log: --reason \"…\"") }
    let banned = banned(of: module).filter { $0.build.version == version }
    guard !banned.isEmpty else {
      let others = self.banned(of: module).map(\.build.version).joined(separator: ", ")
      throw ReleaseError("\(module) \(version) is not banned\(others.isEmpty ? "" : "; these are: \(others)")")
    }
    state.builds[module]?.removeAll { $0.state == .banned && $0.build.version == version }
    needsSave = true
    for entry in banned {
      effects.append(
        .audit(ReleaseAudit(who: who, what: .unbanned, module: module, build: entry.build, why: reason)))
    }
    finish(state.courses.mapValues(\.rollout), &actions)
  }
}
