// The gates' state machine: a pure value. It is told what happened and the time, and says what to do.
//
//   verify ──► rehearse ──► canary (1 room, 5, 25, 50, 100 % of the awake rooms) ──► permanent ──► done
//      │           │            │          ▲                                            │
//      ▼           ▼            ▼          │ resume                                     ▼
//   refused     refused      paused ───────┘         anything bad, or an order:   rolledBack: every room goes back
//
// What rooms shall run follows from the state; what they do run is seen again and again; the difference is what is
// ordered. So it is the same whether an order got lost, a worker or this process died, or all went well: a rollout that
// was begun ends with the rooms on one of its two builds. Orders may come twice; a worker does them once.
//
// New rooms get the new build at `permanent` and not before: a room that was made with it has no older version beside it
// that could take over.
package import Artifacts
package import Core

package struct Rollouts: Sendable {
  package var settings: ReleaseSettings
  package internal(set) var state: ReleaseState

  /// What was seen of the modules whose rollouts run; gone with the process.
  var views: [String: RoomView] = [:]
  /// What was asked for in this process's life.
  var asked: Set<Question> = []
  private var lastTime: Int64?
  private var busySince: Int64?
  var needsSave = false
  /// What follows from an event, after the state is durable.
  var effects: [ReleaseAction] = []

  package init(_ settings: ReleaseSettings = ReleaseSettings(), state: ReleaseState = ReleaseState()) {
    (self.settings, self.state) = (settings, state)
  }

  struct Question: Hashable, Sendable {
    var id: RolloutID
    var gate: Gate
    var isBack: Bool
    init(_ course: Course) {
      (id, gate, isBack) = (course.rollout.id, course.rollout.gate, course.rollout.state == .rolledBack)
    }
  }

  // MARK: What there is

  /// The one on its way.
  package func rollout(of module: String) -> Rollout? { state.courses[module]?.rollout }
  package var running: [Rollout] { state.courses.values.map(\.rollout).sorted { $0.module < $1.module } }
  /// Rooms and statistics of these are to be looked at and told.
  package var watched: [String] {
    state.courses.filter { $0.value.rollout.gate >= .canary }.map(\.key).sorted()
  }
  /// Oldest first.
  package func ended(of module: String) -> [Rollout] { state.ended.filter { $0.module == module } }
  package func builds(of module: String) -> [KnownBuild] { state.builds[module] ?? [] }
  package var modules: [String] { state.builds.keys.sorted() }
  package func current(of module: String) -> Build? {
    state.builds[module]?.last { $0.state == .current }?.build
  }
  package func banned(of module: String) -> [KnownBuild] { builds(of: module).filter { $0.state == .banned } }
  /// Builds that rooms may still run or go back to.
  package func known(of module: String) -> [Build] {
    builds(of: module).filter { [.current, .candidate, .previous].contains($0.state) }.map(\.build)
  }
  /// Builds that releases stand on or may go back to, whatever rooms need: the newest of those before the current one.
  package var needed: Set<ModuleHash> {
    var needed: Set<ModuleHash> = []
    for course in state.courses.values {
      needed.insert(course.rollout.to.hash)
      if let from = course.rollout.from { needed.insert(from.hash) }
    }
    for builds in state.builds.values {
      needed.formUnion(builds.filter { $0.state == .current || $0.state == .candidate }.map(\.build.hash))
      needed.formUnion(builds.filter { $0.state == .previous }.suffix(ReleaseState.previousKept).map(\.build.hash))
    }
    return needed
  }
  /// It is allowed to be older than what runs.
  package func isOlderAskedFor(_ id: RolloutID) -> Bool {
    state.courses.values.contains { $0.rollout.id == id && $0.olderIsAskedFor }
  }

  // MARK: What happens

  /// Appends what to do, in order. `now.wall` is for what people read; only `now.monotonic` is reckoned with.
  package mutating func handle(_ event: ReleaseEvent, at now: Now, into actions: inout [ReleaseAction]) {
    let before = state.courses.mapValues(\.rollout)
    var answered: String?
    switch event {
    case .currently(let module, let build): currently(module, build, now)
    case .verified(let id): with(id) { $0.verified(&$1, now) }
    case .unverified(let id, let why): with(id) { $0.unverified(&$1, why, now) }
    case .rehearsed(let id, let report): with(id) { $0.rehearsed(&$1, report, now) }
    case .unrehearsed(let id, let why): with(id) { $0.unrehearsed(&$1, why, now) }
    case .distrusted(let module, let hash, let why): distrusted(module, hash, why, now)
    case .rooms(let module, let rooms, let isWhole, let unknown):
      if state.courses[module] != nil {
        views[module, default: RoomView()].see(rooms, isWhole: isWhole, unknown: unknown)
      }
    case .statistics(let workers): count(workers, now)
    case .answered(let module, let room, let order, let refusal):
      with(module) { $0.answered(&$1, room, order, refusal, now) }
      answered = module
    case .load(let percent): load(percent, now)
    case .tick: pass(now)
    }
    // With thousands of rooms, not all of them are gone through at each answer.
    if let answered, (views[answered]?.orders.count ?? 0) % max(1, settings.ordersMax / 4) != 0 {
      return finish(before, &actions)
    }
    for module in state.courses.keys.sorted() { with(module) { $0.advance(&$1, now) } }
    finish(before, &actions)
  }

  /// The state before what follows from it.
  func finishActions(_ before: [String: Rollout]) -> [ReleaseAction] {
    var actions: [ReleaseAction] = needsSave ? [.save] : []
    actions += effects
    for module in Set(before.keys).union(state.courses.keys).sorted() {
      let rollout = state.courses[module]?.rollout ?? state.ended.last { $0.id == before[module]?.id }
      if let rollout, rollout != before[module] { actions.append(.changed(rollout)) }
    }
    return actions
  }
  mutating func finish(_ before: [String: Rollout], _ actions: inout [ReleaseAction]) {
    actions += finishActions(before)
    effects = []
    needsSave = false
  }

  /// Takes the course out, so that it can be changed together with the rest; puts it back unless it has ended.
  mutating func with(_ module: String, _ body: (inout Rollouts, inout Course) -> Void) {
    guard var course = state.courses.removeValue(forKey: module) else { return }
    body(&self, &course)
    if course.hasEnded {
      end(course)
    } else {
      state.courses[module] = course
    }
  }
  private mutating func with(_ id: RolloutID, _ body: (inout Rollouts, inout Course) -> Void) {
    guard let module = state.courses.first(where: { $0.value.rollout.id == id })?.key else { return }
    with(module, body)
  }

  private mutating func end(_ course: Course) {
    state.ended.append(course.rollout)
    if state.ended.count > ReleaseState.endedMax { state.ended.removeFirst() }
    views[course.rollout.module] = nil
    asked = asked.filter { $0.id != course.rollout.id }
    needsSave = true
  }

  // MARK: Time, load and counts

  /// So much of the time that a step was watched may be lost.
  private static let savedMilliseconds: Int64 = 1_000

  private mutating func pass(_ now: Now) {
    // A gap is time that nobody watched.
    let passed = min(max(0, now.monotonic - (lastTime ?? now.monotonic)), 2_000_000)
    lastTime = now.monotonic
    for module in state.courses.keys.sorted() {
      with(module) {
        let before = $1.waitedMilliseconds / Rollouts.savedMilliseconds
        $1.pass(milliseconds: passed / 1_000, isBaking: $0.isBaking($1))
        // What was watched is not watched again after this process's death.
        if $1.waitedMilliseconds / Rollouts.savedMilliseconds != before { $0.needsSave = true }
      }
    }
  }

  private mutating func load(_ percent: Int, _ now: Now) {
    guard percent >= settings.loadPercentMax else {
      busySince = nil
      return
    }
    let since = busySince ?? now.monotonic
    busySince = since
    guard now.monotonic - since >= Int64(settings.loadSecondsMax) * 1_000_000 else { return }
    busySince = nil
    let why =
      "the processors have been over \(settings.loadPercentMax) % busy for \(settings.loadSecondsMax) s: resume it when "
      + "they have room, or roll it back"
    for module in state.courses.keys.sorted() {
      with(module) {
        if $1.rollout.gate == .canary, $1.rollout.state == .running { $0.pause(&$1, why, by: Course.itself, now) }
      }
    }
  }

  private mutating func count(_ workers: [WorkerStatistics], _ now: Now) {
    for module in watched {
      with(module) { rollouts, course in
        // Afterwards there is no older version beside it to compare it with.
        guard course.rollout.gate == .canary, !course.rollout.isOver else { return }
        // What it is counted from must not be taken anew after a restart.
        if !course.ledger.hasBegun { rollouts.needsSave = true }
        course.ledger.count(workers, module: module, to: course.rollout.to)
        course.rollout.live = course.ledger.comparison
        rollouts.views[module, default: RoomView()].errors.add(
          events: course.ledger.new.events, errors: course.ledger.unsharedTraps, at: now.monotonic,
          seconds: rollouts.settings.errorSeconds)
      }
    }
  }

  private mutating func currently(_ module: String, _ build: Build, _ now: Now) {
    guard let current = current(of: module) else {
      set(module, build, .current, now)
      return
    }
    if current != build, state.courses[module] == nil { effects.append(.offer(module: module, current)) }
  }

  /// Rooms that run it go on with it: it is in them already. It may be brought again, signed by somebody else.
  private mutating func distrusted(_ module: String, _ hash: ModuleHash, _ why: String, _ now: Now) {
    guard let build = current(of: module), build.hash == hash else { return }
    set(module, build, .refused, why: why, now)
    effects.append(
      .audit(ReleaseAudit(who: Course.itself, what: .refused, module: module, build: build, why: why)))
  }

  // MARK: Builds

  mutating func set(_ module: String, _ build: Build, _ standing: BuildStanding, why: String = "", _ now: Now) {
    var builds = state.builds[module] ?? []
    builds.removeAll { $0.build.hash == build.hash }
    builds.append(KnownBuild(build: build, state: standing, at: now.wall / 1_000, why: why))
    // What nobody can go back to is forgotten first; a ban is never.
    while builds.count > ReleaseState.buildsMax,
      let oldest = builds.firstIndex(where: { $0.state == .refused || $0.state == .previous })
    {
      builds.remove(at: oldest)
    }
    state.builds[module] = builds
    needsSave = true
  }
}
