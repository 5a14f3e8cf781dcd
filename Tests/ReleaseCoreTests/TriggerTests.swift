import Artifacts
import Core
import Foundation
import ReleaseCore
import Testing

@Suite struct TriggerTests {
  /// What a rollout of a build that behaves so ends with.
  private func run(
    _ new: Conduct, old: Conduct = Conduct(), _ settings: ReleaseSettings = Stage.quick, rooms: Int = 40
  ) throws -> Stage {
    let stage = Stage(rooms: rooms, settings)
    stage.server.conduct = [v1: old, v2: new]
    try stage.push()
    stage.run(seconds: 120) { $0.rollout == nil || $0.rollout?.state == .paused }
    return stage
  }
  private func expectBack(_ stage: Stage, _ why: String) {
    #expect(stage.last?.state == .rolledBack && stage.last?.why.contains(why) == true, "\(stage.last?.why ?? "")")
    #expect(stage.rollout == nil && stage.server.rooms.values.allSatisfy { $0.build == v1 && $0.twin == nil })
    #expect(stage.server.offered == v1 && stage.rollouts.banned(of: module).map(\.build) == [v2])
  }

  @Test func `a failure that the old version does not share`() throws {
    expectBack(try run(Conduct(traps: 30)), "the old version did not fail at")
  }
  @Test func `failures that both share count against neither`() throws {
    let stage = try run(Conduct(traps: 30), old: Conduct(traps: 30))
    #expect(stage.last?.state == .done)
  }
  @Test func `a fix of failures is no difference that counts`() throws {
    let stage = try run(Conduct(), old: Conduct(traps: 300))
    #expect(stage.last?.state == .done && stage.last?.live?.outcomeDifferences ?? 0 > 0)
  }
  @Test func `check() finds rooms wrong`() throws {
    expectBack(try run(Conduct(checkFailures: 50)), "check()")
    #expect(try run(Conduct(checkFailures: 50), old: Conduct(checkFailures: 50)).last?.state == .done)
  }
  @Test func `it refuses more, or what it answers differs`() throws {
    var settings = Stage.quick
    settings.outcomePercentMax = nil
    expectBack(try run(Conduct(refusals: 300), settings), "refuses")
    #expect(try run(Conduct(refusals: 300), old: Conduct(refusals: 290), settings).last?.state == .done)
    settings = Stage.quick
    settings.refusalPercentMax = nil
    expectBack(try run(Conduct(refusals: 300), settings), "came out differently")
    settings.outcomePercentMax = nil
    #expect(try run(Conduct(refusals: 300), settings).last?.state == .done)
  }
  @Test func `fuel, time and memory`() throws {
    expectBack(try run(Conduct(fuel: 100_000)), "fuel")
    #expect(try run(Conduct(fuel: 15_000)).last?.state == .done)
    expectBack(try run(Conduct(microseconds: 500)), "µs (99 %)")
    // Few, but more than one of a hundred: on average nobody would see them.
    expectBack(try run(Conduct(slow: 15, slowMicroseconds: 500)), "µs (99 %)")
    #expect(try run(Conduct(slow: 3, slowMicroseconds: 5_000)).last?.state == .done)
    #expect(
      try run(Conduct(slow: 15, slowMicroseconds: 500), old: Conduct(slow: 15, slowMicroseconds: 500)).last?.state
        == .done)
    expectBack(try run(Conduct(memoryBytes: 4_000_000)), "KiB")
    #expect(try run(Conduct(memoryBytes: 600_000)).last?.state == .done)
  }
  @Test func `the rate of errors, where single ones are allowed`() throws {
    var settings = Stage.quick
    settings.unsharedTrapsMax = nil
    settings.outcomePercentMax = nil
    expectBack(try run(Conduct(traps: 150), settings), "of its events failed within 10 s")
    #expect(try run(Conduct(traps: 5), settings, rooms: 200).last?.state != .rolledBack)
  }

  @Test func `a room that cannot be carried over`() throws {
    let stage = try run(Conduct(refusesCarry: "arena 1.0.1 does not understand the room's state"))
    expectBack(stage, "could not be carried over: arena 1.0.1 does not understand")
  }

  @Test func `a module without save is for new rooms only, and says so`() throws {
    let stage = try run(Conduct(refusesCarry: "arena 1.0.0 has no save: its rooms stay on it"))
    #expect(stage.rollout?.state == .paused && stage.rollout?.why.contains("new rooms only") == true)
    try stage.order(.promote)
    stage.run(seconds: 5)
    #expect(stage.last?.state == .done && stage.rooms(on: v1) == 40 && stage.server.offered == v2)
    #expect(stage.last?.why.contains("40 rooms stay") == true)
  }

  @Test func `frozen rooms stay, and are nobody's fault`() throws {
    let stage = Stage(rooms: 10)
    for id in [RoomID(1), RoomID(2)] { stage.server.rooms[id]?.isFrozen = true }
    stage.server.rooms[RoomID(1)]?.events = 1_000_000
    try stage.push()
    stage.run(seconds: 60)
    #expect(stage.last?.state == .done && stage.rooms(on: v2) == 8 && stage.last?.percent == 100)
  }

  @Test func `where old versions have no place, those that baked make room`() throws {
    let stage = Stage(rooms: 40)
    stage.server.twinsMax = 10
    try stage.push()
    stage.run(seconds: 80) { stage in
      #expect(stage.twins <= 10)
      return stage.rollout == nil
    }
    #expect(stage.last?.state == .done && stage.rooms(on: v2) == 40)
  }

  @Test func `busy processors pause it`() throws {
    let stage = Stage(rooms: 10)
    try stage.push()
    stage.run(seconds: 1)
    for second in 0...60 {
      stage.now.monotonic += 1_000_000
      stage.send(.load(percent: second == 0 ? 10 : 95))
      #expect(stage.rollout?.state == .running)
    }
    stage.now.monotonic += 1_000_000
    stage.send(.load(percent: 95))
    #expect(stage.rollout?.state == .paused && stage.rollout?.why.contains("90 %") == true)
  }

  @Test func `a room that cannot go back is left, and it is said`() throws {
    let stage = Stage(rooms: 4)
    try stage.push()
    stage.run(seconds: 4) { $0.rooms(on: v2) == 4 }
    for id in stage.server.rooms.keys { stage.server.rooms[id]?.twin = nil }
    stage.server.conduct[v1] = Conduct(refusesCarry: "restore failed: out of bounds")
    try stage.order(.rollback(now: false))
    stage.run(seconds: 20)
    #expect(stage.rollout == nil && stage.last?.history.last?.text.contains("cannot be carried") == true)
    #expect(!stage.what(.stays).isEmpty)
  }
}

@Suite struct StatisticsTests {
  @Test func `a worker's JSON is read, whatever it lacks`() throws {
    let text = """
      [{"module":"arena","version":"1.0.0","sha256":"00","rooms":2,"events":7,"fuel":[[1024,5],[2048,2]],"firstTrapAt":null,
        "twin":{"events":3,"outcomeDifferences":1}},{"module":"tally","version":"1","sha256":"11","new":true}]
      """
    let read = try JSONDecoder().decode([BuildStatistics].self, from: Data(text.utf8))
    #expect(read[0].events == 7 && read[0].fuel == [[1024, 5], [2048, 2]] && read[0].twin.outcomeDifferences == 1)
    #expect(read[1].traps == 0 && read[1].twin.events == 0)
    #expect(try JSONDecoder().decode([BuildStatistics].self, from: JSONEncoder().encode(read)) == read)
  }

  @Test func `counts go on over the deaths of workers`() throws {
    let stage = Stage(rooms: 10)
    stage.server.eventsPerRoom = 1
    try stage.push()
    var dead = 0
    stage.run(seconds: 60) { stage in
      if stage.rollout?.gate == .canary, dead < 3, stage.rooms(on: v2) > dead + 1 {
        // What was counted since the last look dies with it.
        stage.server.workerDies(dead % 2)
        dead += 1
      }
      return stage.rollout == nil
    }
    #expect(stage.last?.state == .done && dead == 3)
  }

  @Test func `what HTTP shows has every name`() throws {
    let stage = Stage(rooms: 1)
    stage.answersAtOnce = false
    try stage.push()
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let text = String(decoding: try encoder.encode(try #require(stage.rollout)), as: UTF8.self)
    #expect(
      text.contains(#""from":{"sha256":"0101"#) && text.contains(#""live":null"#) && text.contains(#""rehearsal":null"#)
    )
    #expect(text.contains(#""id":"arena-1""#) && text.contains(#""gate":"verify""#))
  }

  @Test func `a worker's refusals are told apart`() {
    #expect(RoomRefusal(sentence: "the room runs this build already") == .alreadySo)
    #expect(RoomRefusal(sentence: "no older version is silent in the room: going back is an upgrade to it") == .noTwin)
    #expect(RoomRefusal(sentence: "the room is frozen (it failed)") == .frozen)
    let no = "arena 1.0.0 has no save: its rooms stay on it"
    #expect(RoomRefusal(sentence: no) == .cannotCarry(no))
    #expect(RoomRefusal(sentence: "no room could be made of the build: the pool is full") == .noPlace)
    #expect(RoomRefusal(sentence: "the room has ended meanwhile") == .gone)
    let later = "the room has changed meanwhile: ask for its state and try again"
    #expect(RoomRefusal(sentence: later) == .later(later))
    #expect(RoomRefusal(sentence: "restore trapped") == .failed("restore trapped"))
  }
}
