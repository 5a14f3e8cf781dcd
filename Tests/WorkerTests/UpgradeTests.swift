// Rooms that change their version: by one record, with the old one silent beside the new, and back.
import Core
import Simulation
import Testing
import Wire
import WorkerCore

extension WorkerScript {
  static let tally = ModuleHash([1] + Array(repeating: 0, count: 31))
  static func hash(_ build: ScriptedBuild) -> ModuleHash { build.hash(of: tally) }

  func upgrade(
    _ request: UInt32, to build: ScriptedBuild, events: UInt32 = 1_000, seconds: UInt32 = 1_000, room: String = "a"
  ) {
    command(request) {
      .upgrade(self.room(room), to: Self.hash(build), probationEvents: events, probationSeconds: seconds)
    }
  }
  func back(_ request: UInt32, _ reason: String = "asked") {
    Array(reason.utf8).withUnsafeBytes { reason in command(request) { .back(self.room(), reason: reason) } }
  }
  /// An upgrade that goes through, answered.
  func upgraded(to build: ScriptedBuild, events: UInt32 = 1_000, seconds: UInt32 = 1_000) throws {
    upgrade(99, to: build, events: events, seconds: seconds)
    try turn()
    try turn()
    #expect(heard().contains(done(99)))
  }
  var host: RoomHost? { worker.room(room())?.host }
  var build: ScriptedBuild? { host.map { ScriptedBuild(rawValue: $0.module.bytes[1])! } }
  var hasTwin: Bool { host?.twin != nil }
  /// What the silent version holds.
  var silentOperations: [UInt64]? {
    guard let room = worker.room(room()), room.host != nil else { return nil }
    return worker.encodeSnapshot(room).withUnsafeBytes { bytes in
      (try? RoomSnapshot(bytes))?.twinImage.flatMap { try? ScriptedRoom($0) }?.operations
    }
  }
  var timeline: UInt32? { host?.ownTimeline }
  func turns(_ count: Int, after milliseconds: Int64 = 1) throws {
    for _ in 0..<count { try turn(after: milliseconds) }
  }
}

struct UpgradeTests {
  /// One member, attached, with so many messages decided.
  private func started(_ messages: UInt64 = 2) throws -> (WorkerScript, Route) {
    let script = try WorkerScript()
    let route = try script.joined()
    if messages > 0 { for seq in 1...messages { script.send(route, seq) } }
    try script.turn()
    _ = script.heard()
    return (script, route)
  }

  @Test func aResidentRoomThatIsIdle() throws {
    let (script, route) = try started()
    script.upgrade(1, to: .same)
    try script.turn()
    #expect(script.heard() == ["notice the room runs tally hotfix-1-v1 now", "attached next 3", script.done(1)])
    #expect(script.build == .same && script.hasTwin && script.operations() == 2)
    script.send(route, 3)
    try script.turn()
    #expect(script.operations() == 3 && script.silentOperations?.count == 3)
    #expect(script.faults.instances == 2)
  }

  @Test func withoutProbationTheOldVersionIsGone() throws {
    let (script, route) = try started()
    try script.upgraded(to: .odd, events: 0, seconds: 0)
    #expect(script.build == .odd && !script.hasTwin && script.faults.instances == 1)
    script.send(route, 3)
    try script.turn()
    try script.nextOwner()
    try script.turn()
    #expect(script.build == .odd && script.operations() == 3 && script.faults.instances == 1)
  }

  @Test func manyRoomsAreCarriedAFewAtATime() throws {
    let script = try WorkerScript()
    let keys = (1...40).map { "room-\($0)" }
    let routes = keys.enumerated().map { script.join(UInt64($0 + 1), room: $1) }
    try script.turn()
    _ = script.heard()
    for (i, key) in keys.enumerated() { script.upgrade(UInt32(i + 1), to: .same, room: key) }
    func carried() -> Int { keys.count { script.worker.room(script.room($0))?.host?.twin != nil } }
    var turns = 0
    while carried() < keys.count, turns < 200 {
      let before = carried()
      turns += 1
      for route in routes { script.send(route, UInt64(turns)) }
      try script.turn()
      // Whoever plays in any of them is heard in each turn.
      #expect(script.heard().count { $0 == "ack \(turns)" } == keys.count)
      #expect(carried() - before <= 5)
      if carried() < keys.count { #expect(script.worker.nextDue.map { $0 - script.now.monotonic < 20_000 } == true) }
    }
    #expect(turns > 20 && carried() == keys.count)
    #expect(keys.allSatisfy { script.operations($0) == turns })
  }

  @Test func aPassivatedRoomIsWoken() throws {
    let (script, route) = try started()
    script.say(.leave(route, InputSeq(3)))
    try script.turns(70, after: 1_000)
    #expect(script.worker.room(script.room())?.phase == .asleep)
    _ = script.heard()
    try script.upgraded(to: .same)
    #expect(script.build == .same && script.hasTwin && script.operations() == 2)
    // And sleeps again with both.
    try script.turns(70, after: 1_000)
    #expect(script.worker.room(script.room())?.phase == .asleep && script.faults.instances == 0)
    script.back(2)
    try script.turns(2)
    #expect(script.answers() == [script.done(2)])
    #expect(script.build == .first && !script.hasTwin)
  }

  @Test func aQueuedBurst() throws {
    let (script, route) = try started()
    for seq: UInt64 in 3...40 { script.send(route, seq) }
    script.upgrade(1, to: .same)
    for seq: UInt64 in 41...60 { script.send(route, seq) }
    // What came before it is run before it; the switch takes the next turn, whatever that brings.
    try script.turn()
    for seq: UInt64 in 61...80 { script.send(route, seq) }
    try script.turns(2)
    let heard = script.heard()
    #expect(heard.contains(script.done(1)) && heard.contains("ack 80"), "\(heard)")
    #expect(script.operations() == 80 && script.silentOperations?.count == 80)
    try script.nextOwner()
    try script.turn()
    #expect(script.operations() == 80 && script.silentOperations?.count == 80)
  }

  @Test func aTimerThatIsDueAtTheSwitch() throws {
    let (script, route) = try started(0)
    script.send(route, 1, .later)
    try script.turn()
    #expect(script.host?.timers.count == 1)
    // Due, and not staged yet.
    script.now.monotonic += 500_000
    script.now.wall += 500_000
    script.upgrade(1, to: .same)
    try script.turns(3)
    #expect(script.answers() == [script.done(1)])
    #expect(script.operations() == 1 && script.silentOperations?.count == 1)
    #expect(script.host?.timers.isEmpty == true && script.host?.twin?.timers.isEmpty == true)
  }

  @Test func eachVersionFiresItsOwnTimers() throws {
    let (script, route) = try started(0)
    try script.upgraded(to: .odd)
    script.send(route, 1, .later, padding: 0)
    try script.turn()
    // The odd one's timer is due 7 ms later.
    try script.turn()
    #expect(script.silentOperations?.count == 1 && script.operations() == 0)
    try script.turn(after: 10)
    try script.turns(2)
    #expect(script.operations() == 1 && script.silentOperations?.count == 1)
    try script.nextOwner()
    try script.turn()
    #expect(script.operations() == 1 && script.silentOperations?.count == 1)
  }

  @Test func aSuspendedMember() throws {
    let (script, _) = try started()
    script.worker.closeLink(script.link)
    script.link = script.worker.openLink()
    script.say(.hello(gateway: GatewayEpoch(1), loop: 0, loops: 1))
    try script.turns(8, after: 1_000)
    #expect(script.host?.members[0]?.suspended == true)
    _ = script.heard()
    try script.upgraded(to: .same)
    let route = script.attach(1, generation: 2)
    try script.turn()
    #expect(script.host?.members[0]?.suspended == false)
    script.send(route, 3)
    try script.turn()
    #expect(script.operations() == 3 && script.silentOperations?.count == 3)
  }

  @Test(arguments: [
    (ScriptedBuild.first, ScriptedBuild.strange, "it does not understand"),
    (.first, .broken, "its restore failed"), (.first, .hungry, "its restore failed"),
    (.mute, .same, "it has no save"), (.unsaved, .same, "its save failed"),
    (.first, .first, "the room runs this build already"), (.first, .missing, "is not here"),
  ])
  func aTryThatFailsChangesNothing(_ from: ScriptedBuild, _ to: ScriptedBuild, _ why: String) throws {
    let (script, route) = try started()
    if from != .first { try script.upgraded(to: from, events: 0, seconds: 0) }
    let events = script.host?.eventSeq
    script.upgrade(1, to: to)
    try script.turns(2)
    let answers = script.answers()
    #expect(answers.count == 1 && answers[0].contains("refused") && answers[0].contains(why), "\(answers)")
    #expect(script.host?.eventSeq == events && script.build == from && script.faults.instances == 1)
    script.send(route, 3)
    try script.turn()
    #expect(script.heard() == ["ack 3"])
  }

  @Test func aTryWithoutAPlace() throws {
    let (script, _) = try started()
    script.faults.placesMissing = 1
    script.upgrade(1, to: .same)
    try script.turns(2)
    #expect(script.answers().first?.contains("no place") == true && script.build == .first)
    try script.upgraded(to: .same)
  }

  @Test func twoReleasesAtOnce() throws {
    let (script, _) = try started()
    script.upgrade(1, to: .same)
    script.upgrade(2, to: .odd)
    try script.turns(3)
    let answers = script.answers()
    #expect(answers.contains(script.done(1)))
    #expect(answers.contains { $0.hasPrefix("commanded 2 ") && !$0.contains("done") })
    script.upgrade(3, to: .odd)
    #expect(script.answers().first?.contains("on probation already") == true)
    #expect(script.build == .same)
  }

  @Test func killedBeforeTheRecord() throws {
    let (script, _) = try started()
    script.upgrade(1, to: .same)
    script.worker.stage()
    try script.nextOwner()
    try script.turn()
    #expect(script.build == .first && script.operations() == 2 && script.faults.instances == 1)
    _ = script.heard()
    try script.upgraded(to: .same)
  }

  @Test func killedAfterTheRecord() throws {
    let (script, route) = try started()
    script.upgrade(1, to: .same)
    script.send(route, 3)
    try script.write()
    // Replay runs neither `save` nor `restore`.
    try script.nextOwner()
    try script.turn()
    #expect(script.build == .same && script.hasTwin && script.operations() == 3)
    #expect(script.silentOperations?.count == 3 && script.faults.instances == 2)
  }

  @Test func aBuildThatIsMissingAtReplay() throws {
    for missing in [ScriptedBuild.same, .first] {
      let (script, _) = try started()
      try script.upgraded(to: .same)
      script.faults.missing = [WorkerScript.hash(missing)]
      try script.nextOwner()
      try script.turn()
      #expect(script.worker.room(script.room())?.phase == .stopped && script.faults.instances == 0)
      script.faults.missing = []
      try script.nextOwner()
      try script.turn()
      #expect(script.build == .same && script.hasTwin && script.operations() == 2)
    }
  }

  @Test func aPlaceThatIsMissingAtReplay() throws {
    for missing in 1...2 {
      let (script, route) = try started()
      script.upgrade(1, to: .same)
      script.send(route, 3)
      try script.write()
      script.faults.placesMissing = 3
      try script.nextOwner()
      script.faults.placesMissing = missing
      try script.turns(4, after: 1_000)
      #expect(script.build == .same && script.operations() == 3 && script.faults.instances == 2)
      #expect(script.worker.counters.divergences == 0)
    }
  }

  @Test func newRoomsGetWhatIsOffered() throws {
    let (script, _) = try started()
    script.command(1) { .offer(WorkerScript.hash(.odd)) }
    script.command(2) { .offer(WorkerScript.hash(.missing)) }
    let answers = script.answers()
    #expect(answers[0] == "commanded 1 \(CommandAnswer.done(RoomID(0), reply: []))")
    #expect(answers[1].contains("refused"))
    script.join(2, room: "b")
    try script.turn()
    #expect(script.worker.room(script.room("b"))?.host?.module == WorkerScript.hash(.odd))
    #expect(script.build == .first)
  }

  /// A fix that fails as the old version did ends with its probation, and the next one is taken.
  @Test func aRoomThatFreezesOnProbationTakesAnotherBuild() throws {
    let (script, _) = try frozen { try $0.upgraded(to: .same) }
    #expect(script.build == .same && !script.hasTwin && script.faults.instances == 1)
    try script.nextOwner()
    try script.turn()
    #expect(script.host?.frozen == .membersFail && !script.hasTwin)
    try script.upgraded(to: .odd)
    #expect(script.host?.frozen == nil && script.build == .odd)
  }

  /// By two members whose messages fail. `before`: with both in it.
  private func frozen(before: (WorkerScript) throws -> Void = { _ in }) throws -> (WorkerScript, Route) {
    let (script, route) = try started(0)
    let second = script.join(2)
    try script.turn()
    try before(script)
    for seq: UInt64 in 1...5 {
      script.send(route, seq, .trap)
      script.send(second, seq, .trap)
      try script.turns(6)
    }
    #expect(script.host?.frozen == .membersFail)
    return (script, route)
  }

  @Test func anUpgradeThawsAFrozenRoom() throws {
    let (script, route) = try frozen()
    let last = try #require(script.host?.members[0]?.lastSeq)
    _ = script.heard()
    try script.upgraded(to: .same)
    #expect(script.host?.frozen == nil && script.host?.blames.isEmpty == true)
    script.send(route, last.rawValue + 1)
    try script.turn()
    #expect(script.heard().contains("ack \(last.rawValue + 1)"))
    try script.nextOwner()
    try script.turn()
    #expect(script.host?.frozen == nil && script.operations() == 1)
  }
}
