import Artifacts
import Core
import ReleaseCore
import Testing

@Suite struct OrderTests {
  @Test func `now: no rehearsal, no canary, no twins, but verified`() throws {
    let stage = Stage(rooms: 50)
    #expect(throws: ReleaseError.self) {
      try stage.push(v2) {
        $0.now = true
        $0.reason = ""
      }
    }
    let id = try stage.push(v2) { $0.now = true }.id
    #expect(stage.actions.contains(.verify(id)))
    #expect(stage.actions.contains(.rehearse(id, module: module, from: v1, to: v2, prepareOnly: true)))
    stage.run(seconds: 2)
    #expect(stage.last?.state == .done && stage.rooms(on: v2) == 50 && stage.server.offered == v2)
    #expect(
      !stage.actions.contains {
        if case .room(_, _, .upgrade(_, let events, let seconds)) = $0 { events + seconds > 0 } else { false }
      })
    #expect(stage.what(.permanent).first?.why.contains("a fix") == true)
  }

  @Test func `on trial: all rooms at once, each beside its old version, and back if it is bad`() throws {
    let stage = Stage(rooms: 50)
    try stage.push(v2) { $0.onTrial = true }
    stage.run(seconds: 0.75)
    #expect(stage.rooms(on: v2) == 50 && stage.twins == 50 && stage.rollout?.gate == .canary)
    stage.run(seconds: 10)
    #expect(stage.last?.state == .done && stage.twins == 0)
    stage.server.conduct[v3] = Conduct(traps: 50)
    try stage.push(v3) { $0.onTrial = true }
    stage.run(seconds: 10)
    #expect(stage.last?.state == .rolledBack && stage.rooms(on: v2) == 50 && stage.twins == 0)
  }

  @Test func `now is verified all the same`() throws {
    let stage = Stage(rooms: 5)
    stage.verification = "the artifact is not signed"
    try stage.push(v2) { $0.now = true }
    stage.run(seconds: 2)
    #expect(stage.last?.state == .refused && stage.rooms(on: v1) == 5)
  }

  @Test func `paused, nothing moves; resumed, it goes on`() throws {
    let stage = Stage(rooms: 20)
    try stage.push()
    stage.run(seconds: 1)
    try stage.order(.pause)
    stage.run(seconds: 40)
    #expect(stage.rooms(on: v2) == 1 && stage.rollout?.state == .paused)
    #expect(stage.rollout?.why == "bob paused it: because")
    #expect(throws: ReleaseError.self) { try stage.order(.pause) }
    try stage.order(.resume)
    #expect(throws: ReleaseError.self) { try stage.order(.resume) }
    stage.run(seconds: 60)
    #expect(stage.last?.state == .done)
  }

  @Test func `what is bad goes back while it is paused, too`() throws {
    let stage = Stage(rooms: 20)
    try stage.push()
    stage.run(seconds: 1)
    try stage.order(.pause)
    stage.server.conduct[v2] = Conduct(traps: 500)
    stage.run(seconds: 10)
    #expect(stage.last?.state == .rolledBack && stage.rooms(on: v1) == 20)
  }

  @Test func `rolled back by a word at any moment: all rooms are back, and the version is banned`() throws {
    for quarters in 1...60 {
      let stage = Stage(rooms: 30)
      stage.server.eventsPerRoom = 8
      try stage.push()
      stage.run(seconds: Double(quarters) / 4)
      guard stage.rollout != nil else { break }
      let rollout = try stage.order(.rollback(now: false))
      #expect(rollout?.state == .rolledBack)
      #expect(throws: ReleaseError.self) { try stage.push(v3) }
      stage.run(seconds: 10)
      #expect(stage.rollout == nil && stage.last?.state == .rolledBack)
      #expect(stage.rooms(on: v1) == 30 && stage.twins == 0 && stage.server.offered == v1, "\(quarters)")
      #expect(stage.rollouts.banned(of: module).map(\.build) == [v2] && stage.rollouts.current(of: module) == v1)
      #expect(stage.what(.banned).count == 1 && stage.what(.rolledBack).count == 1 && stage.what(.cameBack).count == 1)
    }
  }

  @Test func `before a room had it, a rollback is a refusal`() throws {
    let stage = Stage(rooms: 3)
    stage.answersAtOnce = false
    let id = try stage.push().id
    stage.send(.verified(id))
    #expect(throws: ReleaseError.self) { try stage.order(.promote) }
    try stage.order(.rollback(now: false))
    #expect(stage.last?.state == .refused && stage.rollout == nil)
    #expect(stage.actions.contains(.stopRehearsal(id)))
    #expect(stage.rollouts.banned(of: module).isEmpty)
    // Its answer comes too late and changes nothing.
    stage.send(.rehearsed(id, Report(verdict: .good)))
    #expect(stage.rollout == nil)
  }

  @Test func `promoted, it does not wait for evidence`() throws {
    let stage = Stage(rooms: 40)
    stage.server.eventsPerRoom = 0
    try stage.push()
    stage.run(seconds: 1)
    try stage.order(.promote)
    stage.run(seconds: 3)
    #expect(stage.last?.state == .done && stage.rooms(on: v2) == 40 && stage.twins == 0)
    #expect(stage.what(.promoted).first?.who == "bob")
  }

  @Test func `two releases of one module do not run at once; of two modules they do`() throws {
    let stage = Stage(rooms: 10)
    try stage.push()
    let error = #expect(throws: ReleaseError.self) { try stage.push(v3) }
    #expect(error?.description.contains("1.0.1 is on its way (canary, running)") == true)
    var actions: [ReleaseAction] = []
    _ = try stage.rollouts.push(Candidate(module: "other", build: v2, who: "ana"), at: start, into: &actions)
    #expect(stage.rollouts.running.map(\.module) == ["arena", "other"])
    stage.run(seconds: 60)
    #expect(stage.rollouts.running.map(\.module) == ["other"])
    try stage.push(v3)
    stage.run(seconds: 60)
    #expect(stage.rooms(on: v3) == 10)
  }

  @Test func `from a permanent release back through the gates, and the bad one is banned`() throws {
    let stage = Stage(rooms: 10)
    #expect(throws: ReleaseError.self) { try stage.order(.rollback(now: false)) }
    try stage.push()
    stage.run(seconds: 60)
    let rollout = try #require(try stage.order(.rollback(now: false)))
    #expect(rollout.from == v2 && rollout.to == v1 && stage.rollouts.isOlderAskedFor(rollout.id))
    stage.run(seconds: 60)
    #expect(stage.last?.state == .done && stage.rooms(on: v1) == 10 && stage.server.offered == v1)
    #expect(stage.rollouts.current(of: module) == v1 && stage.rollouts.banned(of: module).map(\.build) == [v2])
    // At once.
    try stage.push(v3)
    stage.run(seconds: 60)
    try stage.order(.rollback(now: true))
    stage.run(seconds: 3)
    #expect(stage.last?.state == .done && stage.rooms(on: v1) == 10)
  }

  @Test func `banned until it is unbanned with a reason`() throws {
    let stage = Stage(rooms: 3)
    try stage.push()
    stage.run(seconds: 1)
    try stage.order(.rollback(now: false))
    stage.run(seconds: 3)
    #expect(throws: ReleaseError.self) { try stage.order(.unban(version: "1.0.1"), reason: "") }
    #expect(throws: ReleaseError.self) { try stage.order(.unban(version: "1.0.2")) }
    try stage.order(.unban(version: "1.0.1"))
    #expect(stage.rollouts.banned(of: module).isEmpty && stage.what(.unbanned).first?.why == "because")
    #expect(stage.saved == stage.rollouts.state)
  }

  @Test func `a release for some rooms leaves the others, and new ones, alone`() throws {
    let stage = Stage(rooms: 40)
    try stage.push(v2) { $0.scope = ["eu/"] }
    stage.run(seconds: 60)
    #expect(stage.last?.state == .done && stage.server.offered == v1 && stage.rollouts.current(of: module) == v1)
    #expect(stage.server.rooms.values.allSatisfy { ($0.build == v2) == $0.key.hasPrefix("eu/") })
    try stage.push(v3) { $0.scope = ["us/"] }
    stage.run(seconds: 1)
    try stage.order(.rollback(now: false))
    stage.run(seconds: 5)
    #expect(stage.rooms(on: v2) == 20 && stage.rooms(on: v1) == 20)
  }

  @Test func `orders that make no sense say what does`() throws {
    let stage = Stage(rooms: 3)
    for order in [ReleaseOrder.promote, .pause, .resume] {
      let error = #expect(throws: ReleaseError.self) { try stage.order(order) }
      #expect(error?.description.contains("no release of arena is on its way") == true)
    }
  }
}
