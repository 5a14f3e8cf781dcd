// Rollouts and a model server, wired as control wires them.
import Artifacts
import Core
import Foundation
import ReleaseCore
import Testing

final class Stage {
  var rollouts: Rollouts
  var server: ModelServer
  var now = start
  /// What each rehearsal finds.
  var report = Report(verdict: .good)
  var verification: String?
  /// Rehearsals and verifications are answered at once.
  var answersAtOnce = true
  private(set) var saved: ReleaseState
  private(set) var audit: [ReleaseAudit] = []
  private(set) var actions: [ReleaseAction] = []
  private(set) var changes: [Rollout] = []
  /// Random troubles: the numbers are chances of a thousand, at each step.
  var random: RandomState?
  var lostAnswers: UInt64 = 0
  var unknownSleepers = 0

  init(rooms: Int, _ settings: ReleaseSettings = Stage.quick, seed: UInt64 = 1) {
    rollouts = Rollouts(settings)
    saved = rollouts.state
    server = ModelServer(rooms: rooms, seed: seed)
    // What the directory says at start.
    send(.currently(module: module, v1))
  }

  /// Bakes for 2 s, waits for 20 s.
  static var quick: ReleaseSettings {
    var settings = ReleaseSettings()
    settings.bakeSeconds = 2
    settings.stepSecondsMax = 20
    return settings
  }

  var rollout: Rollout? { rollouts.rollout(of: module) }
  var last: Rollout? { rollout ?? rollouts.ended(of: module).last }
  func rooms(on build: Build) -> Int { server.rooms.values.count { $0.build == build } }
  var twins: Int { server.rooms.values.count { $0.twin != nil } }

  // MARK: What happens

  func send(_ event: ReleaseEvent) {
    var actions: [ReleaseAction] = []
    rollouts.handle(event, at: now, into: &actions)
    perform(actions)
  }

  @discardableResult
  func push(_ build: Build = v2, _ change: (inout Candidate) -> Void = { _ in }) throws -> Rollout {
    var candidate = Candidate(module: module, build: build, who: "ana")
    candidate.reason = "a fix"
    change(&candidate)
    var actions: [ReleaseAction] = []
    let rollout = try rollouts.push(candidate, at: now, into: &actions)
    perform(actions)
    return rollout
  }

  @discardableResult
  func order(_ order: ReleaseOrder, reason: String = "because") throws -> Rollout? {
    var actions: [ReleaseAction] = []
    let rollout = try rollouts.order(order, module: module, by: "bob", reason: reason, at: now, into: &actions)
    perform(actions)
    return rollout
  }

  /// So many quarters of a second: players play, then control looks.
  func run(seconds: Double, until done: (Stage) -> Bool = { _ in false }) {
    for _ in 0..<Int(seconds * 4) {
      if done(self) { return }
      step()
    }
  }
  func step() {
    now.monotonic += 250_000
    now.wall += 250_000
    server.play()
    look()
  }
  func look() {
    if !rollouts.watched.isEmpty {
      send(.statistics(server.statistics))
      send(.rooms(module: module, server.sights, isWhole: true, unknown: unknownSleepers))
    }
    sweep()
    send(.tick)
  }
  /// What control does every few seconds.
  func sweep() {
    for sight in server.sights {
      if let order = rollouts.correction(of: sight, in: module) { _ = server.obey(sight.id, order) }
    }
  }

  // MARK: What is done

  private var queue: [ReleaseAction] = []
  private var isPerforming = false
  /// Control dies between two actions, in so many of a thousand cases.
  var deaths: UInt64 = 0

  /// One after the other; what an action leads to at once is done behind those that there are.
  private func perform(_ actions: [ReleaseAction]) {
    queue += actions
    guard !isPerforming else { return }
    isPerforming = true
    defer { isPerforming = false }
    while !queue.isEmpty {
      if chance(deaths) { return controlDies() }
      let action = queue.removeFirst()
      self.actions.append(action)
      perform(action)
    }
  }

  private func perform(_ action: ReleaseAction) {
    switch action {
    case .save: saved = rollouts.state
    case .verify(let id):
      if answersAtOnce { send(verification.map { .unverified(id, $0) } ?? .verified(id)) }
    case .rehearse(let id, _, _, _, let prepareOnly):
      if answersAtOnce { send(.rehearsed(id, prepareOnly ? Report(verdict: .thin) : report)) }
    case .stopRehearsal: break
    case .room(let module, let room, let order):
      let refusal = server.obey(room, order)
      if chance(lostAnswers) { return }
      send(.answered(module: module, room, order, refusal))
    case .offer(_, let build): server.offered = build
    case .audit(let entry): audit.append(entry)
    case .changed(let rollout): changes.append(rollout)
    }
  }

  /// What was saved is all that is left of it.
  func controlDies() {
    queue = []
    do {
      let state = try JSONDecoder().decode(ReleaseState.self, from: try JSONEncoder().encode(saved))
      #expect(state == saved)
      rollouts = Rollouts(rollouts.settings, state: state)
      send(.currently(module: module, server.offered))
    } catch { Issue.record("the state is not read again: \(error)") }
  }

  func chance(_ ofThousand: UInt64) -> Bool {
    guard ofThousand > 0, random != nil else { return false }
    return draw(1_000) < ofThousand
  }
  func draw(_ below: UInt64) -> UInt64 { (random?.next() ?? 0) % below }

  func what(_ what: ReleaseAudit.What) -> [ReleaseAudit] { audit.filter { $0.what == what } }
}
