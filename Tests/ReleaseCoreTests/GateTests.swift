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

  @Test func `a rehearsal that fails while its release is paused is held anew after a resume`() throws {
    let stage = Stage(rooms: 3)
    stage.answersAtOnce = false
    let id = try stage.push().id
    stage.send(.verified(id))
    try stage.order(.pause)
    stage.send(.unrehearsed(id, "its process died"))
    #expect(stage.rollout?.state == .paused && stage.rollout?.why.hasSuffix("because") == true)
    #expect(stage.rollout?.history.last?.text.contains("its process died") == true)
    try stage.order(.resume)
    #expect(stage.actions.filter { if case .rehearse = $0 { true } else { false } }.count == 2)
    stage.send(.rehearsed(id, Report(verdict: .good)))
    #expect(stage.rollout?.gate == .canary)
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
    stage.run(seconds: 0.5)
    // At once, and not when its deadline has come.
    #expect(stage.rollout?.state == .running && stage.rollout?.why.hasPrefix("no room is awake") == true)
    #expect(stage.rollout?.why.contains("4 rooms sleep") == true, "\(stage.rollout?.why ?? "")")
    #expect(stage.rollout?.rooms.asleep == 4 && stage.rollout?.rooms.total == 0)
    stage.run(seconds: 30)
    #expect(stage.rollout?.state == .paused && stage.rollout?.why.contains("no room is awake") == true)
    try stage.order(.promote)
    stage.run(seconds: 5)
    // Sleeping rooms are left alone; new ones get it.
    #expect(stage.last?.state == .done && stage.rooms(on: v2) == 0 && stage.server.offered == v2)
    #expect(stage.last?.why.contains("4 rooms sleep and follow") == true, "\(stage.last?.why ?? "")")
    for id in stage.server.rooms.keys { stage.server.rooms[id]?.isAwake = true }
    stage.step()
    #expect(stage.rooms(on: v2) == 4)
  }

  @Test func `it waits for a room and goes on when one wakes`() throws {
    let stage = Stage(rooms: 2)
    for id in stage.server.rooms.keys { stage.server.rooms[id]?.isAwake = false }
    try stage.push()
    stage.run(seconds: 2)
    #expect(stage.rollout?.why.contains("it goes on by itself when one is") == true)
    stage.server.rooms[RoomID(1)]?.isAwake = true
    stage.run(seconds: 1)
    #expect(stage.rollout?.why == "one room runs it first" && stage.rooms(on: v2) == 1)
  }

  @Test func `rooms that wake and sleep by turns neither fill the audit log nor put the deadline off`() throws {
    let stage = Stage(rooms: 1)
    stage.server.eventsPerRoom = 0
    func awake(_ isAwake: Bool, seconds: Int) {
      stage.server.rooms[RoomID(1)]?.isAwake = isAwake
      stage.run(seconds: Double(seconds))
    }
    awake(false, seconds: 0)
    try stage.push()
    var turns = 0
    while stage.rollout?.why.hasPrefix("too little evidence") == false, turns < 20 {
      awake(turns % 2 == 1, seconds: stage.rollouts.settings.emptySecondsMax + 1)
      turns += 1
    }
    #expect((4..<20).contains(turns) && stage.rollout?.state == .paused && stage.rollout?.waitsForRoom == nil)
    #expect(stage.what(.paused).count == 2 && stage.what(.resumed).count == 1, "\(stage.audit.map(\.what))")
  }

  @Test func `where all rooms sleep it is paused after a moment, and goes on by itself when one wakes`() throws {
    let stage = Stage(rooms: 3)
    for id in stage.server.rooms.keys { stage.server.rooms[id]?.isAwake = false }
    try stage.push()
    stage.run(seconds: Double(stage.rollouts.settings.emptySecondsMax) + 1)
    #expect(stage.rollout?.state == .paused && stage.rollout?.waitsForRoom == true)
    #expect(stage.what(.paused).last?.why.contains("3 rooms sleep and follow") == true)
    // Whoever comes after a death knows it, too.
    stage.controlDies()
    stage.run(seconds: 30)
    #expect(stage.rollout?.state == .paused && stage.rollout?.waitsForRoom == true && stage.what(.paused).count == 1)
    stage.server.rooms[RoomID(2)]?.isAwake = true
    stage.run(seconds: 1)
    #expect(stage.rollout?.state == .running && stage.rollout?.waitsForRoom == nil && stage.rooms(on: v2) == 1)
    #expect(stage.what(.resumed).last?.why == "a room is awake: one room runs it first")
    stage.server.eventsPerRoom = 20
    stage.run(seconds: 10)
    #expect(stage.last?.state == .done && stage.last?.why.contains("2 rooms sleep and follow") == true)
  }

  @Test func `where the rooms that slept are no more, nobody can be hurt`() throws {
    let stage = Stage(rooms: 3)
    for id in stage.server.rooms.keys { stage.server.rooms[id]?.isAwake = false }
    try stage.push()
    stage.run(seconds: 10)
    #expect(stage.rollout?.waitsForRoom == true)
    stage.server.rooms = [:]
    stage.run(seconds: 2)
    #expect(stage.last?.state == .done && stage.server.offered == v2)
  }

  @Test func `somebody's pause lasts whoever wakes`() throws {
    let stage = Stage(rooms: 3)
    for id in stage.server.rooms.keys { stage.server.rooms[id]?.isAwake = false }
    try stage.push()
    stage.run(seconds: 10)
    #expect(stage.rollout?.waitsForRoom == true)
    try stage.order(.pause)
    for id in stage.server.rooms.keys { stage.server.rooms[id]?.isAwake = true }
    stage.run(seconds: 5)
    #expect(stage.rollout?.state == .paused && stage.rollout?.waitsForRoom == nil && stage.rooms(on: v2) == 0)
    #expect(throws: ReleaseError.self) { try stage.order(.pause) }
    // Where nobody is awake, a resumption is one until that has been looked at anew.
    for id in stage.server.rooms.keys { stage.server.rooms[id]?.isAwake = false }
    stage.step()
    try stage.order(.resume)
    stage.run(seconds: 2)
    #expect(stage.rollout?.state == .running)
    stage.run(seconds: 8)
    #expect(stage.rollout?.waitsForRoom == true)
  }

  @Test func `with no room of the module at all nobody can be hurt`() throws {
    let stage = Stage(rooms: 0)
    try stage.push()
    stage.run(seconds: 2)
    #expect(stage.last?.state == .done && stage.server.offered == v2 && stage.rollout == nil)
    #expect(stage.what(.permanent).first?.why.contains("nobody can be hurt") == true)
    // Some may be its own.
    stage.unknownSleepers = 3
    try stage.push(v3)
    stage.run(seconds: 2)
    #expect(stage.rollout?.gate == .canary && stage.rollout?.why.contains("3 sleeping rooms may be") == true)
    try stage.order(.rollback(now: true))
    stage.run(seconds: 2)
    #expect(stage.last?.state == .rolledBack)
  }

  @Test func `that its rooms have all gone is no evidence`() throws {
    let stage = Stage(rooms: 10)
    try stage.push()
    stage.run(seconds: 3)
    stage.server.rooms = [:]
    stage.run(seconds: 5)
    #expect(stage.rollout?.gate == .canary && stage.server.offered == v1)
  }

  @Test func `a room that sleeps with a twin on a banned build goes back when it wakes, whatever else runs`() throws {
    let stage = Stage(rooms: 10)
    try stage.push()
    stage.run(seconds: 60) { $0.rooms(on: v2) >= 5 }
    let sleeper = try #require(stage.server.rooms.first { $0.value.build == v2 }?.key)
    stage.server.rooms[sleeper]?.isAwake = false
    stage.look()
    try stage.order(.rollback(now: true))
    stage.run(seconds: 5)
    #expect(stage.last?.history.last?.text.contains("1 room sleeps with it and goes back") == true)
    #expect(stage.rooms(on: v2) == 1 && stage.server.rooms[sleeper]?.twin == v1)
    // Another release of the same module is on its way to the others.
    try stage.push(v3)
    stage.run(seconds: 1)
    #expect(stage.rollout?.gate == .canary)
    stage.server.rooms[sleeper]?.isAwake = true
    stage.step()
    #expect(stage.server.rooms[sleeper]?.build != v2)
    stage.run(seconds: 60)
    #expect(stage.rooms(on: v3) == 10 && stage.twins == 0)
  }

  @Test func `a room that slept while its probation ended holds up no later release`() throws {
    let stage = Stage(rooms: 4)
    try stage.push()
    stage.run(seconds: 60) { $0.rooms(on: v2) == 4 }
    stage.server.rooms[RoomID(1)]?.isAwake = false
    stage.look()
    try stage.order(.promote)
    stage.run(seconds: 5)
    #expect(stage.last?.state == .done && stage.server.rooms[RoomID(1)]?.twin == v1)
    try stage.push(v3) { $0.now = true }
    stage.server.rooms[RoomID(1)]?.isAwake = true
    stage.run(seconds: 5)
    #expect(stage.last?.to == v3 && stage.last?.state == .done && stage.rooms(on: v3) == 4 && stage.twins == 0)
  }

  @Test func `a build whose signer is not trusted any more is given to nobody, and may be signed anew`() throws {
    let stage = Stage(rooms: 3)
    stage.send(.distrusted(module: module, v2.hash, "of another"))
    #expect(stage.rollouts.current(of: module) == v1)
    stage.send(.distrusted(module: module, v1.hash, "its key is not trusted"))
    stage.send(.distrusted(module: module, v1.hash, "its key is not trusted"))
    #expect(stage.rollouts.current(of: module) == nil && stage.rollouts.known(of: module).isEmpty)
    #expect(stage.what(.refused).map(\.why) == ["its key is not trusted"] && stage.rooms(on: v1) == 3)
    stage.sweep()
    #expect(stage.rooms(on: v1) == 3)
    try stage.push(v1)
    stage.run(seconds: 3)
    #expect(stage.rollouts.current(of: module) == v1 && stage.last?.state == .done)
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
    #expect(stage.last?.state == .done && stage.rooms(on: v2) == stage.server.rooms.count - 10)
    #expect(stage.last?.rooms.asleep == 10 && stage.last?.rooms.total == stage.rooms(on: v2))
    for id in stage.server.rooms.keys { stage.server.rooms[id]?.isAwake = true }
    stage.step()
    #expect(stage.rooms(on: v2) == stage.server.rooms.count)
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

  @Test(arguments: [Gate.verify, .rehearse, .canary, .permanent])
  func `whoever starts again at a gate goes on from it`(gate: Gate) throws {
    let stage = Stage(rooms: 20)
    stage.answersAtOnce = gate == .canary || gate == .permanent
    try stage.push()
    let id = try #require(stage.rollout?.id)
    if gate == .rehearse { stage.send(.verified(id)) }
    stage.run(seconds: 60) { $0.rollout?.gate == gate }
    #expect(stage.rollout?.gate == gate && stage.rollout?.state == .running)
    // What was asked before is asked again: whoever was to answer may have died, too.
    stage.answersAtOnce = true
    stage.controlDies()
    #expect(stage.rollout?.id == id)
    stage.run(seconds: 60) { $0.rollout == nil }
    #expect(stage.last?.id == id && stage.last?.state == .done)
    #expect(stage.rooms(on: v2) == 20 && stage.twins == 0 && stage.server.offered == v2)
  }
}
