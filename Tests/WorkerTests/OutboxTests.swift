// What rooms ask of other rooms: when it leaves, when it is asked again, and what takes it out of the outbox.
import Core
import Simulation
import Testing
import Wire
import WorkerCore

extension WorkerScript {
  func ask(_ route: Route, _ seq: UInt64, _ ask: ScriptedAsk) {
    var payload = [ScriptedCommand.ask.rawValue]
    payload.put(seq)
    payload.append(ask.byte)
    payload.withUnsafeBytes { say(.input(route, InputSeq(seq), stamp: 0, payload: $0)) }
  }
  func host(_ key: String = "a") -> RoomHost? { worker.room(room(key))?.host }
  /// Of what was heard last.
  func answer(_ key: RequestKey, _ answer: CommandAnswer, room: String = "a", earlier: UInt32 = 0) {
    say(.answered(self.room(room), key, attempt: (attempts[key] ?? 0) - earlier, answer))
  }
  func answers(of key: String = "a") -> [RequestOutcome] {
    guard let room = worker.room(room(key)), room.phase == .ready, room.host != nil else { return [] }
    return worker.encodeSnapshot(room).withUnsafeBytes { bytes in
      (try? RoomSnapshot(bytes)).flatMap { try? ScriptedRoom($0.image) }?.answers.map(\.outcome) ?? []
    }
  }
  func asks() -> [String] { heard().filter { $0.hasPrefix("ask") } }
}

struct OutboxTests {
  private func room(_ key: String = "a") throws -> (WorkerScript, Route) {
    let script = try WorkerScript()
    let route = script.join(1, room: key)
    try script.turn()
    return (script, route)
  }
  private let signalled = "ask signal tally/room-1"

  @Test func itLeavesWhenItIsDurableAndIsAskedUntilItIsAnswered() throws {
    let (script, route) = try room()
    script.ask(route, 1, ScriptedAsk(1))
    try script.write()
    #expect(script.asks().isEmpty)
    script.worker.execute()
    #expect(script.asks() == [signalled])
    try script.turn(after: 900)
    #expect(script.asks().isEmpty)
    try script.turn(after: 200)
    try script.turn(after: 1_900)
    #expect(script.asks() == [signalled])
    try script.turn(after: 200)
    try script.turn()
    #expect(script.asks() == [signalled])
    let key = try #require(script.host()?.requests.first?.key)
    script.answer(key, .done(script.room("room-1"), reply: [1]))
    script.answer(key, .done(script.room("room-1"), reply: [1]))
    try script.turn()
    #expect(script.answers(of: "a") == [.done] && script.host()?.requests.isEmpty == true)
    let events = script.host()?.eventSeq
    script.answer(key, .refused("late"))
    try script.turn(after: 30_000)
    try script.turn()
    #expect(script.asks().isEmpty && script.host()?.eventSeq == events)
  }

  @Test func whatIsNoAnswerIsAskedAgainSoon() throws {
    let (script, route) = try room()
    script.ask(route, 1, ScriptedAsk(1))
    try script.turn()
    #expect(script.asks() == [signalled])
    let key = try #require(script.host()?.requests.first?.key)
    // Each time later.
    for (answer, wait) in [(CommandAnswer.busy(retryMilliseconds: 60), 60), (.notMine(ShardID(0)), 100)] {
      script.answer(key, answer)
      try script.turn(after: Int64(wait) - 2)
      try script.turn(after: 3)
      #expect(script.asks().isEmpty)
      try script.turn()
      #expect(script.asks() == [signalled] && script.host()?.requests.count == 1)
    }
    script.answer(key, .notFound)
    try script.turn()
    #expect(script.answers(of: "a") == [.refused])
  }

  /// Nobody remembers a refusal: what was sent after it may have been taken.
  @Test func onlyTheLastAskingIsRefused() throws {
    let (script, route) = try room()
    script.ask(route, 1, ScriptedAsk(1))
    try script.turn(after: 1_001)
    try script.turn()
    #expect(script.asks() == [signalled, signalled])
    let key = try #require(script.host()?.requests.first?.key)
    for answer in [CommandAnswer.notFound, .refused("no"), .failed("no"), .busy(retryMilliseconds: 50)] {
      script.answer(key, answer, earlier: 1)
    }
    try script.turn(after: 200)
    try script.turn()
    #expect(script.answers(of: "a").isEmpty && script.asks().isEmpty)
    script.answer(key, .done(script.room("room-1"), reply: []), earlier: 1)
    try script.turn()
    #expect(script.answers(of: "a") == [.done])
  }

  /// What was sent over the link before may be lost.
  @Test func anotherLinkOfItsLoopIsAskedAtOnce() throws {
    let (script, route) = try room()
    script.ask(route, 1, ScriptedAsk(1))
    try script.turn()
    let key = try #require(script.host()?.requests.first?.key)
    #expect(script.asks() == [signalled])
    script.worker.closeLink(script.link)
    script.link = script.worker.openLink()
    script.say(.hello(gateway: GatewayEpoch(1), loop: 0, loops: 1))
    try script.turn()
    #expect(script.asks() == [signalled])
    script.answer(key, .done(script.room("room-1"), reply: []))
    try script.turn()
    #expect(script.answers(of: "a") == [.done])
  }

  /// A flood of them must not cost players their link.
  @Test func whileMuchWaitsForItsLoopItWaits() throws {
    let (script, route) = try room()
    let what = Array("room \(script.room())".utf8)
    while script.worker.pendingOutput(script.link) < Limits.requestPendingBytesMax {
      what.withUnsafeBytes { script.say(.inspect(request: 1, what: $0)) }
    }
    script.ask(route, 1, ScriptedAsk(1))
    try script.turn()
    #expect(script.asks().isEmpty && script.host()?.requests.count == 1)
    try script.turn(after: Int64(Limits.retryBusyMilliseconds) + 1)
    try script.turn()
    #expect(script.asks() == [signalled])
  }

  @Test func withoutALinkOfItsLoopItWaits() throws {
    let (script, _) = try room()
    let (first, second) = (script.link, script.worker.openLink())
    for (link, loop) in [(first, 0), (second, 1)] {
      script.say(.hello(gateway: GatewayEpoch(2), loop: UInt16(loop), loops: 2), to: link)
    }
    let member = script.join(2)
    try script.turn()
    script.ask(member, 1, ScriptedAsk(1))
    try script.turn()
    // Whichever loop it is: the other one never hears of it.
    let heard = [first, second].map { script.heard($0).filter { $0.hasPrefix("ask") } }
    #expect(heard.filter { !$0.isEmpty } == [[signalled]])
    let its = heard[0].isEmpty ? second : first
    script.worker.closeLink(its)
    for _ in 0..<5 { try script.turn(after: 5_000) }
    #expect(script.heard(its == first ? second : first).allSatisfy { !$0.hasPrefix("ask") })
  }

  @Test func theNextOwnerAsksWhatIsOpen() throws {
    let (script, route) = try room()
    script.ask(route, 1, ScriptedAsk(1))
    try script.turn()
    let key = script.host()?.requests.first?.key
    try script.nextOwner()
    try script.turn()
    #expect(script.asks() == [signalled] && script.host()?.requests.first?.key == key)
  }

  @Test func aFailedEventAsksNothing() throws {
    let (script, route) = try room()
    script.faults.trips = 2
    script.ask(route, 1, ScriptedAsk(1))
    try script.turns(4)
    #expect(script.asks().isEmpty && script.host()?.requests.isEmpty == true)
    #expect(script.host()?.nextRequest == RequestID(1))
  }

  /// The event behind it fails in the same batch: the room is being repaired when it should leave.
  @Test func aRepairHoldsItUpNoLongerThanItLasts() throws {
    let (script, route) = try room()
    script.ask(route, 1, ScriptedAsk(1))
    script.send(route, 2, .trap)
    try script.turns(4)
    #expect(script.asks() == [signalled] && script.host()?.requests.count == 1)
    #expect(script.worker.counters.quarantines == 1)
  }

  @Test func sixteenAreOpenAtTheMost() throws {
    let (script, route) = try room()
    for seq in 1...20 as ClosedRange<UInt64> { script.ask(route, seq, ScriptedAsk(1)) }
    try script.turn()
    #expect(script.asks().count == 16 && script.host()?.requests.count == Limits.requestsPerRoomMax)
    let keys = script.host()?.requests.map(\.key) ?? []
    #expect(Set(keys).count == 16)
    script.answer(keys[3], .failed("no"))
    script.ask(route, 21, ScriptedAsk(1))
    try script.turn()
    #expect(script.host()?.requests.last?.id == RequestID(17) && script.host()?.requests.count == 16)
  }

  @Test func whatCannotBeIsRefusedByAnEvent() throws {
    let (script, route) = try room("room-0")
    script.ask(route, 1, ScriptedAsk(0))
    script.ask(route, 2, ScriptedAsk(7))
    try script.turns(3, after: 2)
    #expect(script.asks().isEmpty && script.answers(of: "room-0") == [.refused, .refused])
  }

  @Test func aRoomThatWaitsForAnAnswerStaysInMemory() throws {
    let (script, route) = try room()
    script.ask(route, 1, ScriptedAsk(1))
    script.say(.leave(route, InputSeq(2)))
    try script.turn()
    let key = try #require(script.host()?.requests.first?.key)
    for _ in 0..<10 { try script.turn(after: 20_000) }
    #expect(script.worker.room(script.room())?.phase == .ready)
    script.answer(key, .done(script.room("room-1"), reply: []))
    for _ in 0..<10 { try script.turn(after: 20_000) }
    #expect(script.worker.room(script.room())?.phase == .asleep)
  }

  @Test func anEndedRoomIsToldNothing() throws {
    let (script, route) = try room()
    script.ask(route, 1, ScriptedAsk(1))
    try script.turn()
    let key = try #require(script.host()?.requests.first?.key)
    script.end(7, script.room())
    try script.turn()
    _ = script.asks()
    script.answer(key, .done(script.room("room-1"), reply: []))
    try script.turn(after: 20_000)
    try script.turn()
    #expect(script.asks().isEmpty && script.answers(of: "a").isEmpty)
  }

  /// Of the version that is left: its requests are named, and what the other one asked is asked.
  @Test func aWayBackTellsWhatTheNewVersionAsked() throws {
    let (script, route) = try room()
    try script.upgraded(to: .odd, events: 1_000, seconds: 1_000)
    script.ask(route, 1, ScriptedAsk(1))
    try script.turn()
    #expect(script.asks() == [signalled])
    let new = try #require(script.host()?.requests.first?.key)
    let old = try #require(script.host()?.twin?.requests.first?.key)
    #expect(new != old)
    script.worker.reports = []
    script.back(9)
    try script.turns(2)
    #expect(script.asks() == [signalled] && script.host()?.requests.map(\.key) == [old])
    let effects = script.worker.reports.compactMap { report -> [String]? in
      if case .wentBack(_, _, _, _, _, let effects) = report { effects } else { nil }
    }
    #expect(effects == [["signalled tally/room-1"]])
    script.answer(new, .done(script.room("room-1"), reply: []))
    try script.turn()
    #expect(script.answers(of: "a").isEmpty)
    script.answer(old, .done(script.room("room-1"), reply: []))
    try script.turn()
    #expect(script.answers(of: "a") == [.done])
  }

  /// What a bundle replays asks for the same, and is answered by what is on record.
  @Test func aReplayFollowsTheAnswersOnRecord() throws {
    let (script, route) = try room()
    script.ask(route, 1, ScriptedAsk(1))
    try script.turn()
    let key = try #require(script.host()?.requests.first?.key)
    script.answer(key, .done(script.room("room-1"), reply: [1, 2]))
    script.ask(route, 2, ScriptedAsk(3))
    try script.turn()
    let bundle = try script.worker.inspect("bundle \(script.room())").withUnsafeBytes { try CrashBundle($0) }
    let replay = try GuestReplay(bundle, on: ScriptedEngine(environment: nil, fuelPerCall: 1_000))
    for event in try ReplayEvent.all(of: bundle) { _ = try replay.play(event, budget: .decided) }
    #expect(replay.requests == script.host()?.requests && replay.requests.count == 1)
    let room = try #require(replay.image()).withUnsafeBytes { try ScriptedRoom($0) }
    #expect(room.answers.map(\.outcome) == [.done])
  }
}
