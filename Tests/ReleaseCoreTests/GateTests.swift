import Artifacts
import Core
import ReleaseCore
import Testing

@Suite struct GateTests {
  @Test func `a good release goes room by room into all, and then to new ones`() throws {
    let stage = Stage(rooms: 100)
    try stage.push()
    #expect(stage.rollout?.gate == .canary)
    var steps: [Int] = []
    stage.run(seconds: 60) { stage in
      if steps.last != stage.rooms(on: v2) { steps.append(stage.rooms(on: v2)) }
      if stage.rollout?.gate == .canary {
        #expect(stage.server.offered == v1)
        #expect(stage.twins == stage.rooms(on: v2))
      }
      return stage.rollout == nil
    }
    #expect(steps.filter { $0 > 0 } == [1, 5, 25, 50, 100])
    #expect(stage.last?.state == .done && stage.last?.percent == 100)
    #expect(stage.rooms(on: v2) == 100 && stage.twins == 0 && stage.server.offered == v2)
    #expect(stage.rollouts.current(of: module) == v2)
    #expect(stage.rollouts.builds(of: module).map(\.state) == [.previous, .current])
    #expect(
      stage.audit.map(\.what) == [
        .pushed, .verified, .rehearsed, .canary, .canary, .canary, .canary, .canary, .permanent, .done,
      ])
    let live = try #require(stage.last?.live)
    #expect(live.old.events == live.new.events && live.new.events > 100)
  }

  @Test func `the busiest room is first, and one of each older build is in the first step`() throws {
    let stage = Stage(rooms: 100)
    let busy = RoomID(42), ancient = RoomID(77)
    stage.server.rooms[busy]?.events = 1_000
    stage.server.rooms[ancient]?.build = v3
    try stage.push()
    stage.run(seconds: 10) { $0.rooms(on: v2) > 0 }
    #expect(stage.server.rooms[busy]?.build == v2)
    stage.run(seconds: 10) { $0.rooms(on: v2) > 1 }
    #expect(stage.server.rooms[ancient]?.build == v2)
  }

  @Test func `what does not verify never comes into a room`() throws {
    let stage = Stage(rooms: 3)
    stage.verification = "the artifact is not signed"
    try stage.push()
    #expect(stage.rollout == nil)
    #expect(
      stage.last?.state == .refused && stage.last?.gate == .verify && stage.last?.why == "the artifact is not signed")
    #expect(stage.rooms(on: v1) == 3 && stage.rollouts.builds(of: module).last?.state == .refused)
    stage.verification = nil
    #expect(throws: Never.self) { try stage.push() }
  }

  @Test func `a bad rehearsal refuses, a thin one lets live rooms say it`() throws {
    var bad = Report(verdict: .bad)
    bad.problems = ["3 rooms could not be restored"]
    let stage = Stage(rooms: 3)
    stage.report = bad
    try stage.push()
    #expect(stage.last?.state == .refused && stage.last?.why == "3 rooms could not be restored")
    #expect(stage.last?.rehearsal == bad)
    stage.report = Report(verdict: .thin)
    try stage.push()
    #expect(stage.rollout?.gate == .canary)
  }

  @Test func `a rehearsal that cannot be held waits for a word`() throws {
    let stage = Stage(rooms: 3)
    stage.answersAtOnce = false
    let id = try stage.push().id
    stage.send(.verified(id))
    stage.send(.unrehearsed(id, "its process died"))
    #expect(stage.rollout?.state == .paused)
    try stage.order(.resume)
    #expect(stage.actions.filter { if case .rehearse = $0 { true } else { false } }.count == 2)
    stage.send(.unrehearsed(id, "its process died"))
    try stage.order(.promote)
    stage.run(seconds: 5)
    #expect(stage.last?.state == .done && stage.rooms(on: v2) == 3)
  }

  @Test func `no evidence is not good evidence`() throws {
    let stage = Stage(rooms: 10)
    stage.server.eventsPerRoom = 0
    try stage.push()
    stage.run(seconds: 30)
    #expect(stage.rollout?.state == .paused && stage.rollout?.gate == .canary)
    #expect(stage.rollout?.why.contains("0 of 20 events") == true)
    #expect(stage.rooms(on: v2) == 1)
    // It waits anew, and goes on when there is something to see.
    stage.server.eventsPerRoom = 10
    try stage.order(.resume)
    stage.run(seconds: 60)
    #expect(stage.last?.state == .done)
  }

  @Test func `without a room that is awake it pauses, and goes on by a word`() throws {
    let stage = Stage(rooms: 4)
    for id in stage.server.rooms.keys { stage.server.rooms[id]?.isAwake = false }
    try stage.push()
    stage.run(seconds: 30)
    #expect(stage.rollout?.state == .paused && stage.rollout?.why.contains("no room is awake") == true)
    try stage.order(.promote)
    stage.run(seconds: 5)
    // Sleeping rooms are woken by it.
    #expect(stage.last?.state == .done && stage.rooms(on: v2) == 4)
  }

  @Test func `rooms that are asleep follow at the end, new ones at once`() throws {
    let stage = Stage(rooms: 20)
    for id in stage.server.rooms.keys where id.rawValue > 10 { stage.server.rooms[id]?.isAwake = false }
    try stage.push()
    stage.run(seconds: 60) { stage in
      if stage.rollout?.gate == .canary {
        #expect(stage.rooms(on: v2) <= 10 + stage.server.rooms.count - 20)
        if stage.server.rooms.count < 25 { stage.server.addRoom() }
      }
      return stage.rollout == nil
    }
    #expect(stage.last?.state == .done && stage.rooms(on: v2) == stage.server.rooms.count)
  }

  @Test func `a step with no other rooms is left out`() throws {
    let stage = Stage(rooms: 1)
    stage.server.eventsPerRoom = 20
    try stage.push()
    stage.run(seconds: 4)
    #expect(stage.last?.state == .done)
  }

  @Test func `not all workers answer: it waits`() throws {
    let stage = Stage(rooms: 10)
    try stage.push()
    stage.run(seconds: 1)
    for _ in 0..<100 {
      stage.now.monotonic += 250_000
      stage.send(.rooms(module: module, Array(stage.server.sights.prefix(3)), isWhole: false))
      stage.send(.tick)
    }
    #expect(stage.rollout?.state == .paused && stage.rollout?.why.contains("not all workers answer") == true)
  }

  @Test func `the first build of a module is offered at once`() throws {
    let stage = Stage(rooms: 0)
    var actions: [ReleaseAction] = []
    let candidate = Candidate(module: "other", build: v2, who: "ana")
    let id = try stage.rollouts.push(candidate, at: start, into: &actions).id
    stage.rollouts.handle(.verified(id), at: start, into: &actions)
    #expect(actions.contains(.rehearse(id, module: "other", from: nil, to: v2, prepareOnly: true)))
    stage.rollouts.handle(.rehearsed(id, Report(verdict: .thin)), at: start, into: &actions)
    #expect(actions.contains(.offer(module: "other", v2)))
    for _ in 0..<2 { stage.rollouts.handle(.rooms(module: "other", [], isWhole: true), at: start, into: &actions) }
    #expect(stage.rollouts.ended(of: "other").last?.state == .done)
    #expect(stage.rollouts.current(of: "other") == v2)
  }

  @Test func `the state is saved before what follows from it`() throws {
    let stage = Stage(rooms: 3)
    try stage.push()
    stage.run(seconds: 60) { $0.rollout == nil }
    var isSaved = false
    for action in stage.actions {
      switch action {
      case .save: isSaved = true
      case .audit, .offer, .verify, .rehearse: #expect(isSaved)
      case .changed: isSaved = false
      default: break
      }
    }
    #expect(stage.saved == stage.rollouts.state)
  }
}
