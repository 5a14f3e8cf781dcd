// From what rooms run to what they shall run.
internal import Artifacts
internal import Core

extension Rollouts {
  /// What follows from the state and from what is seen.
  mutating func advance(_ course: inout Course, _ now: Now) {
    guard !course.hasEnded else { return }
    let module = course.rollout.module
    views[module]?.forgetUnanswered(before: now.monotonic - Int64(settings.answerSecondsMax) * 1_000_000)
    if course.rollout.gate >= .canary { look(&course, now) }
    switch (course.rollout.state, course.rollout.gate) {
    case (.rolledBack, _): goBack(&course, now)
    case (_, .verify): ask(course, .verify(course.rollout.id))
    case (_, .rehearse): rehearse(&course, now)
    case (_, .canary): canary(&course, now)
    case (_, .permanent): permanent(&course, now)
    }
  }

  /// Once in this process's life.
  private mutating func ask(_ course: Course, _ action: ReleaseAction) {
    guard asked.insert(Question(course)).inserted else { return }
    effects.append(action)
  }

  private mutating func rehearse(_ course: inout Course, _ now: Now) {
    let rollout = course.rollout
    guard rollout.state == .running else { return }
    guard rollout.rehearsal != nil else {
      return ask(
        course,
        .rehearse(
          rollout.id, module: rollout.module, from: rollout.from, to: rollout.to,
          prepareOnly: course.isNow || course.isOnTrial || rollout.from == nil))
    }
    if rollout.from == nil {
      enterPermanent(&course, "it is the first build of its module", now)
    } else if course.isNow {
      enterPermanent(&course, "\(course.who) releases it at once: \(course.reason)", now)
    } else {
      enterCanary(&course, now)
    }
    advance(&course, now)
  }

  /// Counts for people.
  private mutating func look(_ course: inout Course, _ now: Now) {
    guard var view = views[course.rollout.module], view.sights > 0 || view.isWhole else { return }
    var counts = RoomCounts()
    var able = 0
    for room in view.rooms.values where course.isFor(room) {
      guard room.isAwake else {
        counts.asleep += 1
        continue
      }
      counts.total += 1
      if course.isNew(room) {
        counts.new += 1
        if room.isOnProbation { counts.probation += 1 }
        if view.newSince[room.id] == nil { view.newSince[room.id] = now.monotonic }
      } else {
        counts.old += 1
        view.newSince[room.id] = nil
      }
      if course.isNew(room) || course.canTake(room) { able += 1 }
    }
    course.rollout.rooms = counts
    let isThere = course.rollout.gate == .permanent && course.rollout.state != .rolledBack
    course.rollout.percent = able == 0 ? (isThere ? 100 : 0) : max(counts.new * 100 / able, counts.new > 0 ? 1 : 0)
    views[course.rollout.module] = view
  }

  // MARK: Canary

  /// How many of the awake rooms a step wants.
  private func target(_ step: Int, of awake: Int) -> Int {
    guard step > 0 else { return min(1, awake) }
    return (awake * settings.percents[min(step, settings.percents.count) - 1] + 99) / 100
  }
  private func awake(_ course: Course, _ view: RoomView) -> [RoomSight] {
    view.rooms.values.filter { $0.isAwake && course.canTake($0) }
  }

  /// All rooms that the step wants run the new version.
  func isBaking(_ course: Course) -> Bool {
    guard let view = views[course.rollout.module], view.isWhole else { return false }
    let rooms = awake(course, view)
    let new = rooms.count { course.isNew($0) }
    return new > 0 && new >= target(course.step, of: rooms.count)
  }

  private mutating func canary(_ course: inout Course, _ now: Now) {
    let module = course.rollout.module
    if let why = settings.trigger(course.ledger, views[module]?.errors ?? ErrorWindow()) {
      takeBack(&course, why, by: Course.itself, now)
      return advance(&course, now)
    }
    if course.failed.count > settings.failedUpgradesMax, let why = course.failed.sorted(by: { $0.key < $1.key }).first {
      takeBack(&course, "room \(why.key) could not be carried over: \(why.value)", by: Course.itself, now)
      return advance(&course, now)
    }
    goOnWithRoom(&course, now)
    guard course.rollout.state == .running else { return }
    if course.isPromoted {
      enterPermanent(&course, course.rollout.why, now)
      return advance(&course, now)
    }
    guard let view = views[module], view.isWhole, course.ledger.hasBegun else {
      return waitNoLonger(&course, "not all workers answer", now)
    }
    if hasNoRooms(course, view) {
      enterPermanent(&course, "there is no room of this module, so nobody can be hurt: new rooms get it at once", now)
      return advance(&course, now)
    }
    let rooms = awake(course, view)
    if waitsForRoom(&course, rooms.isEmpty && course.staying.isEmpty ? Rollouts.nobody(view) : nil, now) { return }
    let new = rooms.count { course.isNew($0) }
    upgrade(course, rooms, wanted: target(course.step, of: rooms.count) - new, now)
    let events = course.ledger.new.events - min(course.ledger.new.events, course.eventsAtStep)
    let isBaked = course.bakedMilliseconds >= Int64(settings.bakeSeconds) * 1_000
    if isBaking(course), isBaked, events >= settings.eventsPerStep { return nextStep(&course, rooms.count, new, now) }
    waitNoLonger(&course, lacking(course, rooms.count, new, events, now), now)
  }

  private mutating func nextStep(_ course: inout Course, _ awake: Int, _ new: Int, _ now: Now) {
    var step = course.step + 1
    // A step without another room would show nothing new.
    while step <= settings.percents.count, target(step, of: awake) <= new { step += 1 }
    guard step <= settings.percents.count else {
      let events = course.ledger.new.events
      enterPermanent(
        &course, "all rooms that are awake run it, and \(count(events, "event")) showed nothing worse than before", now)
      return advance(&course, now)
    }
    course.beginStep(step)
    let wanted = target(step, of: awake)
    course.become(.running, .canary, "\(settings.percents[step - 1]) % of the rooms, \(wanted), run it", now)
    effects.append(course.audit(.canary, course.rollout.why))
    needsSave = true
    advance(&course, now)
  }

  /// What the step waits for, for people.
  private func lacking(_ course: Course, _ awake: Int, _ new: Int, _ events: UInt64, _ now: Now) -> String {
    if let why = course.staying.values.sorted().first, awake == 0 {
      return "no room can be carried over (\(why)): promote gives it to new rooms only"
    }
    if awake == 0 { return Rollouts.nobody(views[course.rollout.module] ?? RoomView()) }
    let wanted = target(course.step, of: awake)
    if new < wanted {
      let why = views[course.rollout.module]?.later.values.map(\.why).min()
      return "\(new) of \(wanted) rooms run it\(why.map { " (\($0))" } ?? "")"
    }
    if events < settings.eventsPerStep { return "\(events) of \(settings.eventsPerStep) events were seen" }
    return "the step bakes"
  }

  private static let noRoom = "no room is awake that could show what it does"
  private static let untilThen = ": it goes on by itself when one is; promote gives it to new rooms at once"
  private static func nobody(_ view: RoomView) -> String { noRoom + (view.sleepers.map { " (\($0))" } ?? "") }

  /// `nobody`: why nothing can be seen just now. Said at once; after a moment the rollout is paused, because waiting would
  /// show nothing either, until a room is awake. True where it is.
  private mutating func waitsForRoom(_ course: inout Course, _ nobody: String?, _ now: Now) -> Bool {
    let module = course.rollout.module
    guard let nobody else {
      views[module]?.nobodySince = nil
      if course.rollout.why.hasPrefix(Rollouts.noRoom) { course.rollout.why = stepText(course) }
      return false
    }
    let why = nobody + Rollouts.untilThen
    course.rollout.why = why
    let since = views[module]?.nobodySince ?? now.monotonic
    views[module]?.nobodySince = since
    guard now.monotonic - since >= Int64(settings.emptySecondsMax) * 1_000_000 else { return false }
    course.become(.paused, course.rollout.gate, why, now)
    if course.hasWaitedForRoom != true { effects.append(course.audit(.paused, why)) }
    course.rollout.waitsForRoom = true
    needsSave = true
    return true
  }
  private mutating func goOnWithRoom(_ course: inout Course, _ now: Now) {
    guard course.rollout.waitsForRoom == true, let view = views[course.rollout.module], view.isWhole else { return }
    if hasNoRooms(course, view) { return goOn(&course, "no room of it is left", now) }
    guard !awake(course, view).isEmpty else {
      // How many sleep changes.
      course.rollout.why = Rollouts.nobody(view) + Rollouts.untilThen
      return
    }
    goOn(&course, "a room is awake: \(stepText(course))", now)
  }
  /// By itself. Rooms may wake and sleep by turns for ever: the audit log has the first turn of a step, and the step's
  /// deadline is not put off.
  private mutating func goOn(_ course: inout Course, _ why: String, _ now: Now) {
    course.become(.running, course.rollout.gate, why, now)
    views[course.rollout.module]?.nobodySince = nil
    if course.hasWaitedForRoom != true { effects.append(course.audit(.resumed, why)) }
    course.hasWaitedForRoom = true
    needsSave = true
  }
  /// Once it had rooms, that none is left may be its own doing.
  private func hasNoRooms(_ course: Course, _ view: RoomView) -> Bool {
    course.scope.isEmpty && course.step == 0 && course.ledger.new.events == 0 && view.rooms.isEmpty && view.unknown == 0
  }
  private func stepText(_ course: Course) -> String {
    course.step == 0 ? "one room runs it first" : "\(percent(course.step)) % of the rooms run it"
  }
  private func percent(_ step: Int) -> Int { settings.percents[min(step, settings.percents.count) - 1] }

  private mutating func waitNoLonger(_ course: inout Course, _ lacking: String, _ now: Now) {
    let isHopeless = !course.staying.isEmpty && awakeCount(course) == 0
    guard isHopeless || course.waitedMilliseconds >= Int64(settings.stepSecondsMax) * 1_000 else { return }
    pause(
      &course,
      isHopeless
        ? lacking
        : "too little evidence after \(settings.stepSecondsMax) s: \(lacking); resume waits again, promote goes on without it",
      by: Course.itself, now)
  }
  private func awakeCount(_ course: Course) -> Int { views[course.rollout.module].map { awake(course, $0).count } ?? 0 }

  /// The busiest first, and one of each older build: what fails there fails at the first step.
  private func inOrder(_ rooms: [RoomSight], _ course: Course) -> [RoomSight] {
    let sorted = rooms.sorted { ($1.events, $0.id) < ($0.events, $1.id) }
    var first: [RoomSight] = []
    var seen: Set<ModuleHash> = course.rollout.from.map { [$0.hash] } ?? []
    for room in sorted where first.isEmpty || !seen.contains(room.build) {
      first.append(room)
      seen.insert(room.build)
    }
    let chosen = Set(first.map(\.id))
    // The rest in any order that is the same each time and mixes the shards.
    return first + sorted.filter { !chosen.contains($0.id) }.sorted { mixed($0.id) < mixed($1.id) }
  }
  private func mixed(_ room: RoomID) -> UInt64 {
    (room.rawValue ^ room.rawValue >> 31) &* 0x9E37_79B9_7F4A_7C15
  }

  private mutating func upgrade(_ course: Course, _ rooms: [RoomSight], wanted: Int, _ now: Now) {
    let module = course.rollout.module
    guard let view = views[module] else { return }
    let onTheWay = rooms.count { !course.isNew($0) && view.orders[$0.id] != nil }
    let place = min(wanted - onTheWay, settings.ordersMax - view.orders.count)
    guard place > 0 else { return }
    let order = RoomOrder.upgrade(
      to: course.rollout.to.hash, probationEvents: UInt32(clamping: settings.eventsPerStep),
      probationSeconds: settings.probationSeconds)
    let free = rooms.filter { !course.isNew($0) && view.isFree($0.id, at: now.monotonic) }
    for room in inOrder(free, course).prefix(place) { give(module, room.id, order, now) }
    makeSpace(course, view, now)
  }

  /// Where workers have no room for more old versions, those that have been silent long enough end, at most one for each
  /// room that waits: such a room would go back by being carried.
  private mutating func makeSpace(_ course: Course, _ view: RoomView, _ now: Now) {
    let waiting = view.later.count { $0.value.isForSpace && $0.value.at > now.monotonic }
    guard waiting > 0 else { return }
    let baked = now.monotonic - Int64(settings.bakeSeconds) * 1_000_000
    let settled = view.rooms.values.filter {
      course.isNew($0) && $0.isAwake && $0.isOnProbation && view.isFree($0.id, at: now.monotonic)
        && view.newSince[$0.id].map { $0 <= baked } ?? false
    }
    for room in settled.sorted(by: { $0.id < $1.id }).prefix(waiting) {
      give(course.rollout.module, room.id, .settle, now)
    }
  }

  // MARK: Permanent

  private mutating func permanent(_ course: inout Course, _ now: Now) {
    let (module, rollout) = (course.rollout.module, course.rollout)
    if course.scope.isEmpty { ask(course, .offer(module: module, rollout.to)) }
    guard let view = views[module], view.isWhole else { return }
    var left = 0
    var stay = 0
    for room in view.rooms.values.sorted(by: { $0.id < $1.id }) where course.isFor(room) && room.isAwake {
      if course.isNew(room) {
        guard room.isOnProbation, course.failed[room.id.description] == nil else { continue }
        left += 1
        giveIfFree(module, room.id, .settle, now)
      } else if course.canTake(room) {
        left += 1
        giveIfFree(module, room.id, .upgrade(to: rollout.to.hash, probationEvents: 0, probationSeconds: 0), now)
      } else {
        stay += 1
      }
    }
    if left == 0, view.orders.isEmpty, view.sights >= 2 {
      finishPermanent(&course, stay, course.scope.isEmpty ? view.sleepers : nil, now)
    }
  }

  // MARK: Back

  private mutating func goBack(_ course: inout Course, _ now: Now) {
    let (module, rollout) = (course.rollout.module, course.rollout)
    guard let from = rollout.from else { return }
    if rollout.gate == .permanent, course.scope.isEmpty { ask(course, .offer(module: module, from)) }
    guard let view = views[module], view.isWhole else { return }
    var left = 0
    for room in view.rooms.values.sorted(by: { $0.id < $1.id }) where course.isNew(room) && room.isAwake {
      guard course.failed[room.id.description] == nil else { continue }
      left += 1
      let order: RoomOrder =
        room.isOnProbation
        ? .back(reason: rollout.why) : .upgrade(to: from.hash, probationEvents: 0, probationSeconds: 0)
      giveIfFree(module, room.id, order, now)
    }
    guard left == 0, view.orders.isEmpty, view.sights >= 2 else { return }
    let asleep = view.rooms.values.count { course.isNew($0) && !$0.isAwake }
    course.note(
      (course.failed.isEmpty
        ? "all rooms are back" : "all rooms are back but \(course.failed.count), which cannot be carried")
        + (asleep == 0
          ? ""
          : "; \(count(asleep, "room")) \(asleep == 1 ? "sleeps with it and goes" : "sleep with it and go") back on waking"),
      now)
    effects.append(course.audit(.cameBack, course.rollout.history.last?.text ?? ""))
    course.hasEnded = true
    needsSave = true
  }

  // MARK: Orders and their answers

  private mutating func giveIfFree(_ module: String, _ room: RoomID, _ order: RoomOrder, _ now: Now) {
    guard let view = views[module], view.orders.count < settings.ordersMax, view.isFree(room, at: now.monotonic) else {
      return
    }
    give(module, room, order, now)
  }
  private mutating func give(_ module: String, _ room: RoomID, _ order: RoomOrder, _ now: Now) {
    views[module]?.orders[room] = RoomView.Given(order: order, at: now.monotonic)
    views[module]?.later[room] = nil
    effects.append(.room(module: module, room, order))
  }

  /// What was only not possible just then.
  static let soonMicroseconds: Int64 = 200_000
  static let laterMicroseconds: Int64 = 1_000_000

  mutating func answered(
    _ course: inout Course, _ room: RoomID, _ order: RoomOrder, _ refusal: RoomRefusal?, _ now: Now
  ) {
    let module = course.rollout.module
    guard var view = views.removeValue(forKey: module) else { return }
    defer { views[module] = view }
    // The answer to an order that was given up says nothing about the one that was given since.
    if let given = view.orders[room], given.order != order { return }
    view.orders[room] = nil
    switch refusal {
    case nil, .alreadySo:
      view.rooms[room]?.becomes(order, from: course.rollout.from?.hash)
      // Which of its older builds it went back to is seen by looking.
      if case .back = order { view.sights = min(view.sights, 1) }
    case .gone: view.rooms[room] = nil
    case .noTwin: view.rooms[room]?.isOnProbation = false
    case .later(let why): view.later[room] = RoomView.Later(at: now.monotonic + Rollouts.soonMicroseconds, why: why)
    case .noPlace:
      view.later[room] = RoomView.Later(
        at: now.monotonic + Rollouts.laterMicroseconds,
        why: "workers have no place for more old versions beside new ones",
        isForSpace: true)
    case .frozen:
      view.rooms[room]?.isFrozen = true
      retry(&course, &view, room, order, "the room is frozen", now)
    case .cannotCarry(let why):
      guard let build = view.rooms[room]?.build, course.rollout.state != .rolledBack else {
        return leave(&course, room, why, now)
      }
      course.staying[build.description] = why
      course.note("rooms of that build stay on it: \(why)", now)
      effects.append(course.audit(.stays, rooms: [room], why))
      needsSave = true
    case .failed(let why):
      guard course.rollout.state == .rolledBack || order == .settle else { return leave(&course, room, why, now) }
      retry(&course, &view, room, order, why, now)
    }
  }

  /// Again in a second; a room that must go back, or that is on the new build for good, not for ever.
  private mutating func retry(
    _ course: inout Course, _ view: inout RoomView, _ room: RoomID, _ order: RoomOrder, _ why: String, _ now: Now
  ) {
    view.later[room] = RoomView.Later(at: now.monotonic + Rollouts.laterMicroseconds, why: why)
    guard course.rollout.state == .rolledBack || order == .settle else { return }
    view.tries[room, default: 0] += 1
    if view.tries[room, default: 0] >= settings.backTriesMax { leave(&course, room, why, now) }
  }

  private mutating func leave(_ course: inout Course, _ room: RoomID, _ why: String, _ now: Now) {
    course.failed[room.description] = why
    course.note("room \(room) stays as it is: \(why)", now)
    effects.append(course.audit(.stays, rooms: [room], why))
    needsSave = true
  }
}

extension RoomSight {
  /// What it is after an order was done; of `back`, what it most probably is.
  fileprivate mutating func becomes(_ order: RoomOrder, from: ModuleHash?) {
    switch order {
    case .upgrade(let to, let events, let seconds):
      build = to
      isOnProbation = events > 0 || seconds > 0
    case .back:
      build = from ?? build
      isOnProbation = false
    case .settle: isOnProbation = false
    }
  }
}
