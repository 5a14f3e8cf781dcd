// Two versions of a room: whose failure is whose, what goes back and what is told.
import Core
import Simulation
import Testing
import Wire
import WorkerCore

struct TwinTests {
  /// A room on probation with one member and two messages.
  private func probation(_ build: ScriptedBuild, events: UInt32 = 1_000, seconds: UInt32 = 1_000) throws -> (
    WorkerScript, Route
  ) {
    let script = try WorkerScript()
    let route = try script.joined()
    script.send(route, 1)
    script.send(route, 2)
    try script.turn()
    try script.upgraded(to: build, events: events, seconds: seconds)
    return (script, route)
  }
  private func reports(_ script: WorkerScript) -> [WorkerReport] {
    defer { script.worker.reports = [] }
    return script.worker.reports
  }

  @Test func aFailureThatTheOtherDoesNotShare() throws {
    let (script, route) = try probation(.odd)
    script.send(route, 3)
    script.send(route, 4, .split)
    script.send(route, 5)
    try script.turns(3)
    let heard = script.heard()
    #expect(heard.contains("notice the room is back on tally 1"))
    // The sender is answered before the full state.
    #expect(heard.firstIndex(of: "ack 4")! < heard.firstIndex(of: "attached next 5")!)
    #expect(heard.contains("attached next 5") && heard.last == "ack 5", "\(heard)")
    #expect(script.build == .first && !script.hasTwin && script.operations() == 5)
    #expect(script.worker.counters.quarantines == 0 && script.faults.instances == 1)
    let timeline = script.timeline
    try script.nextOwner()
    try script.turn()
    #expect(script.build == .first && script.operations() == 5 && script.timeline == timeline)
  }

  @Test func aFailureThatTheyShare() throws {
    let (script, route) = try probation(.odd)
    script.send(route, 3, .trap)
    script.send(route, 4)
    try script.turns(4)
    #expect(script.heard().last == "ack 4")
    #expect(script.build == .odd && script.hasTwin && script.operations() == 3)
    #expect(script.silentOperations?.count == 3 && script.worker.counters.quarantines == 1)
    #expect(script.faults.instances == 2)
    try script.nextOwner()
    try script.turn()
    #expect(script.build == .odd && script.operations() == 3 && script.silentOperations?.count == 3)
  }

  @Test func aFailureOfTheSilentVersion() throws {
    let (script, route) = try probation(.wide)
    // More fuel than the first build's limits allow.
    script.send(route, 3, .burn)
    script.send(route, 4)
    try script.turns(4)
    #expect(script.heard().last == "ack 4")
    #expect(script.build == .wide && script.operations() == 4)
    #expect(script.silentOperations?.count == 3 && script.worker.counters.quarantines == 0)
    let silent = script.silentOperations
    try script.nextOwner()
    try script.turn()
    #expect(script.operations() == 4 && script.silentOperations == silent)
    script.attach(1, generation: 2)
    script.back(7)
    try script.turns(2)
    let heard = script.heard()
    #expect(
      heard.contains("notice the room is back on tally 1; what came of your messages 3 is different there"), "\(heard)")
    #expect(script.operations() == 3)
  }

  /// It is settled after a replay, which counts nothing, and is no replay itself.
  @Test func whatIsCountedThoughTheSilentVersionFails() throws {
    let (script, route) = try probation(.same)
    (script.faults.tripsAfter, script.faults.trips, script.faults.tripKind) = (1, 1, .trap)
    script.send(route, 3, .dress)
    try script.turns(4)
    #expect(script.operations() == 3 && script.silentOperations?.count == 2)
    let counters = String(decoding: script.worker.inspect("counters"), as: UTF8.self)
    #expect(counters.contains(#""dresses":2"#), "\(counters)")
  }

  @Test func theWatchdogEndsTheSilentVersion() throws {
    let (script, route) = try probation(.same)
    // The version that speaks returns; the silent one does not.
    script.faults.tripsAfter = 1
    script.faults.trips = 1
    script.send(route, 3)
    try script.turns(3)
    #expect(script.heard().last == "ack 3")
    #expect(script.build == .same && !script.hasTwin && script.operations() == 3 && script.faults.instances == 1)
    try script.nextOwner()
    try script.turn()
    #expect(script.build == .same && !script.hasTwin && script.operations() == 3)
  }

  @Test func aSecondTripOfTheOneThatSpeaksGoesBack() throws {
    let (script, route) = try probation(.same)
    script.faults.trips = 2
    script.send(route, 3)
    try script.turns(4)
    #expect(script.build == .first && !script.hasTwin && script.operations() == 3)
    #expect(script.heard().contains { $0.hasPrefix("notice the room is back on tally 1") })
  }

  @Test func backWithMembersWhoJoinedSince() throws {
    let (script, route) = try probation(.odd)
    // The first build takes this one, too; and refuses the next, whom the odd one takes.
    let second = script.join(2)
    let third = script.join(3, parameters: [ScriptedCommand.refuse.rawValue])
    try script.turn()
    #expect(script.heard().filter { $0.hasPrefix("attached") }.count == 2)
    script.send(third, 1)
    script.send(second, 1)
    script.send(route, 3)
    try script.turn()
    #expect(script.operations() == 5 && script.silentOperations?.count == 4)
    script.back(1)
    // What is on its way from a member that is not one any more is not lost silently.
    script.send(third, 2)
    try script.turns(3)
    let heard = script.heard()
    #expect(heard.contains(script.done(1)))
    #expect(heard.contains("gone 2 true kicked: the room went back to a version that does not know this member"))
    #expect(script.host?.memberCount == 2 && script.operations() == 4)
    script.send(second, 2)
    try script.turn()
    #expect(script.heard() == ["ack 2"])
    try script.nextOwner()
    try script.turn()
    #expect(script.host?.memberCount == 2 && script.operations() == 5)
  }

  @Test func aJoinThatOnlyTheSilentVersionTakes() throws {
    let (script, _) = try probation(.odd)
    script.join(2, parameters: [ScriptedCommand.wave.rawValue])
    try script.turn()
    #expect(script.heard() == ["refused byRoom: no"])
    script.back(1)
    try script.turns(2)
    #expect(script.host?.memberCount == 1 && script.build == .first)
  }

  @Test func aDeathBetweenBackAndTheRemovals() throws {
    let (script, _) = try probation(.odd)
    script.join(3, parameters: [ScriptedCommand.refuse.rawValue])
    try script.turn()
    script.back(1)
    try script.turn()
    #expect(script.host?.strangers.count == 1)
    try script.nextOwner()
    try script.turns(3)
    #expect(script.host?.memberCount == 1 && script.host?.strangers.isEmpty == true)
  }

  @Test func killedWhileTwoVersionsRun() throws {
    let (script, route) = try probation(.odd)
    script.send(route, 3, .later)
    script.send(route, 4, .appendAndReply)
    script.send(route, 5, .draw)
    try script.turn()
    let snapshot = script.worker.encodeSnapshot(script.worker.room(script.room())!)
    try script.nextOwner()
    try script.turn(after: 0)
    #expect(script.worker.encodeSnapshot(script.worker.room(script.room())!) == snapshot)
    script.attach(1, generation: 2)
    script.back(1)
    try script.turns(3)
    #expect(script.build == .first)
    #expect(script.heard().contains { $0.hasSuffix("what came of your messages 4 is different there") })
  }

  @Test func killedBeforeAVerdictIsWritten() throws {
    let (script, route) = try probation(.odd)
    script.send(route, 3, .split)
    script.send(route, 4)
    try script.turn()
    #expect(script.build == .odd)
    try script.nextOwner()
    try script.turns(3)
    #expect(script.build == .first && script.operations() == 4 && script.worker.counters.quarantines == 0)
  }

  @Test func probationEndsByEventsAndTime() throws {
    let (script, route) = try probation(.same, events: 3, seconds: 5)
    try script.turns(7, after: 1_000)
    #expect(script.hasTwin, "time alone does not end it")
    for seq: UInt64 in 3...5 { script.send(route, seq) }
    try script.turns(3)
    #expect(!script.hasTwin && script.build == .same && script.faults.instances == 1)
    script.back(1)
    #expect(script.answers().first?.contains("no older version is silent") == true)
    try script.nextOwner()
    try script.turn()
    #expect(!script.hasTwin && script.build == .same && script.operations() == 5)
  }

  @Test func settledByCommand() throws {
    let (script, _) = try probation(.same)
    script.command(1) { .settle(script.room()) }
    script.command(2) { .settle(script.room()) }
    try script.turns(2)
    #expect(script.answers() == [script.done(1), script.done(2)])
    #expect(!script.hasTwin && script.faults.instances == 1)
    script.command(3) { .settle(script.room()) }
    #expect(script.answers() == [script.done(3)])
  }

  @Test func ticksThatFailInTheNewVersionOnly() throws {
    let script = try WorkerScript()
    let ticker = WorkerScript.map.room(module: "ticker".utf8, key: "t".utf8)
    let tickerHash = ModuleHash([2] + Array(repeating: 0, count: 31))
    Array("ticker".utf8).withUnsafeBytes { module in
      Array("t".utf8).withUnsafeBytes { key in
        script.say(
          .join(
            .init(
              route: Route(50), membership: script.membership(1), generation: script.generation(1), player: key,
              module: module, key: key, parameters: UnsafeRawBufferPointer(start: nil, count: 0))))
      }
    }
    try script.turns(3)
    script.command(1) {
      .upgrade(ticker, to: ScriptedBuild.restive.hash(of: tickerHash), probationEvents: 100, probationSeconds: 100)
    }
    try script.turns(2)
    #expect(script.heard().contains("commanded 1 \(CommandAnswer.done(ticker, reply: []))"))
    try script.turns(3, after: 300)
    let host = try #require(script.worker.room(ticker)?.host)
    #expect(host.module == tickerHash && host.twin == nil && host.frozen == nil)
  }

  @Test func whatIsSeenOfThem() throws {
    let (script, route) = try probation(.odd)
    script.send(route, 3, .appendAndReply)
    script.send(route, 4, .trap)
    script.send(route, 5)
    try script.turns(4)
    let rooms = String(decoding: script.worker.inspect("rooms"), as: UTF8.self)
    #expect(
      rooms.contains(#""sha256":"0102000000"#) && rooms.contains(#""probation":{"from":"1","events":3,"differences":1"#)
    )
    let versions = String(decoding: script.worker.inspect("versions"), as: UTF8.self)
    #expect(versions.contains(#""version":"hotfix-1-v2","sha256":"0102"#))
    #expect(versions.contains(#""rooms":1,"probation":1"#) && versions.contains(#""sharedTraps":1"#))
    #expect(versions.contains(#""outcomeDifferences":1"#))
    let bytes = script.worker.inspect("bundle \(script.room())")
    let bundle = try bytes.withUnsafeBytes { try CrashBundle($0) }
    #expect(bundle.culprit.isEmpty && bundle.annotations.count == 1 && bundle.module == WorkerScript.hash(.odd))
    #expect(script.worker.inspect("bundle 77").isEmpty)
    script.worker.reports = []
    script.send(route, 6, .split)
    try script.turns(3)
    let all = reports(script)
    #expect(
      all.contains {
        if case .wentBack(_, _, "tally hotfix-1-v2", "tally 1", _, _) = $0 { true } else { false }
      })
    #expect(String(decoding: script.worker.inspect("versions"), as: UTF8.self).contains(#""backs":1"#))
  }
}
