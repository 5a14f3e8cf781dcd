// Rooms that ask other rooms: made and signalled exactly once, and answered, whoever dies meanwhile.
import Core
import GatewayCore
import Wire
import WorkerCore

extension Stage {
  /// Room 0 asks; this one, of another shard and worker, is asked.
  var asked: Int { [1, 3, 6].first { shard($0) != shard(0) } ?? 1 }
  func shard(_ room: Int) -> Int { Int(world.map.shard(of: world.place(room).id).rawValue) }

  func askers() {
    everybodyJoins(0)
    everybodyJoins(asked)
  }
  /// The operation, which the other room is signalled.
  @discardableResult
  func ask(_ ask: ScriptedAsk, by client: Int = 0) -> UInt64 {
    self.client(client).send(.ask, to: 0, argument: UInt16(ask.byte)) ?? 0
  }
  func answers(_ room: Int = 0) -> [ScriptedRoom.Answer] { world.scripted(room)?.answers ?? [] }
  func outcomes(_ room: Int = 0) -> [RequestOutcome] { answers(room).map(\.outcome) }
  /// Requests without an answer.
  func open(_ room: Int = 0) -> Int {
    let id = world.place(room).id
    return world.supervisor.owner(of: shard(room))?.worker.room(id)?.host?.requests.count ?? 0
  }
  func silentlyOpen(_ room: Int = 0) -> Int {
    let id = world.place(room).id
    return world.supervisor.owner(of: shard(room))?.worker.room(id)?.host?.twin?.requests.count ?? 0
  }
  /// Signals whose answers the room remembers.
  func remembered(_ room: Int) -> Int {
    let id = world.place(room).id
    return world.supervisor.owner(of: shard(room))?.worker.room(id)?.host?.signals.count ?? 0
  }
  /// Requests that gateway loops have passed on and that are not answered.
  var passedOn: Int { world.gateway?.loops.reduce(0) { $0 + $1.core.requestCount } ?? 0 }
  func exists(_ room: Int) -> Bool {
    world.supervisor.owner(of: shard(room))?.worker.room(world.place(room).id) != nil
  }
}

private let twoShards: @Sendable (inout SimulationOptions) -> Void = {
  $0.shards = 2
  $0.workers = 2
  $0.rooms = 7
}

extension Scenario {
  package static let requests: [Scenario] = [
    Scenario("a-room-asks-another", "it is told what came of it: done, refused, or failed", twoShards) { s in
      s.askers()
      let operation = s.ask(ScriptedAsk(s.asked))
      s.settle()
      s.expect("it ran", s.signals(s.asked) == [operation] && s.outcomes() == [.done])
      s.ask(ScriptedAsk(s.asked, command: .refuse))
      s.settle()
      s.ask(ScriptedAsk(s.asked, command: .trap))
      s.settle()
      s.ask(ScriptedAsk(7))
      s.settle()
      s.ask(ScriptedAsk(0))
      s.settle()
      s.ask(ScriptedAsk(4))
      s.settle()
      s.expect(
        "refused, failed, no name, itself, no such room",
        s.outcomes() == [.done, .refused, .failed, .refused, .refused, .refused])
      s.ask(ScriptedAsk(4, opens: true))
      s.settle()
      s.ask(ScriptedAsk(4, opens: true))
      s.settle()
      s.expect("it is made once, and is there", s.exists(4) && s.outcomes().suffix(2) == [.done, .done])
      let second = s.ask(ScriptedAsk(4))
      s.settle()
      s.expect("it is signalled", s.signals(4) == [second])
      s.expect("nobody is blamed", s.world.counters.freezes == 0)
    },
    Scenario("an-asker-dies-around-its-asking", "the next owner asks what is open, and it runs once", twoShards) { s in
      s.askers()
      var asked: [UInt64] = []
      for point in TurnPoint.allCases {
        s.killOwner(at: point, of: s.shard(0)) { asked.append(s.ask(ScriptedAsk(s.asked))) }
        s.settle()
        s.expect("each ran once", s.signals(s.asked) == asked && s.outcomes() == asked.map { _ in .done })
      }
    },
    Scenario("an-asker-dies-before-the-answer", "it is asked again, run once and answered once", twoShards) { s in
      s.askers()
      var asked: [UInt64] = []
      for _ in 0..<4 {
        asked.append(s.ask(ScriptedAsk(s.asked)))
        s.until("it ran") { s.signals(s.asked).count == asked.count }
        s.world.killOwner(of: s.shard(0))
        s.settle()
        s.expect("each ran once", s.signals(s.asked) == asked && s.outcomes() == asked.map { _ in .done })
      }
    },
    Scenario(
      "an-asker-dies-around-the-answer", "the answer is an event: there or asked for again", twoShards
    ) { s in
      s.askers()
      var asked: [UInt64] = []
      for point in TurnPoint.allCases {
        asked.append(s.ask(ScriptedAsk(s.asked)))
        s.until("it ran") { s.signals(s.asked).count == asked.count }
        s.world.killOwner(of: s.shard(0), at: point)
        s.settle()
        s.expect("each ran once", s.signals(s.asked) == asked && s.outcomes() == asked.map { _ in .done })
      }
    },
    Scenario("the-asked-ones-owner-dies", "wherever it dies, it runs once", twoShards) { s in
      s.askers()
      var asked: [UInt64] = []
      for point in TurnPoint.allCases {
        s.killOwner(at: point, of: s.shard(s.asked)) {
          asked.append(s.ask(ScriptedAsk(s.asked)))
          s.client(1).send(.append, to: s.asked)
        }
        s.settle()
        s.expect("each ran once", s.signals(s.asked) == asked && s.outcomes() == asked.map { _ in .done })
      }
    },
    Scenario("a-gateway-dies-with-requests-on-their-way", "they are asked again, over the next one", twoShards) { s in
      s.askers()
      var asked: [UInt64] = []
      for i in 0..<6 {
        asked.append(s.ask(ScriptedAsk(s.asked)))
        s.until("it has asked") { s.open() > 0 || s.outcomes().count == asked.count }
        s.world.run(for: Int64(i * 60))
        s.world.killGateway()
        s.settle()
        s.expect("each ran once", s.signals(s.asked) == asked && s.outcomes() == asked.map { _ in .done })
      }
    },
    Scenario(
      "an-answer-that-crosses-a-second-asking", "it is run once, and the second answer is dropped", twoShards
    ) { s in
      s.askers()
      let operation = s.ask(ScriptedAsk(s.asked))
      s.until("it has asked") { s.open() > 0 }
      s.world.stallGateway(for: 2_500_000)
      s.until("it is answered") { s.outcomes() == [.done] }
      s.wait(3_000)
      s.settle()
      s.expect("it ran once", s.signals(s.asked) == [operation] && s.outcomes() == [.done])
    },
    Scenario("an-upgrade-while-an-answer-is-outstanding", "both versions are told", twoShards) { s in
      let control = SimulatedControl(s.world)
      s.askers()
      let operation = s.ask(ScriptedAsk(s.asked))
      s.until("it has asked") { s.open() > 0 }
      s.world.stallGateway(for: 1_500_000)
      s.upgrade(control, to: .same)
      s.expect("both have it open", s.open() == 1 && s.silentlyOpen() == 1)
      s.settle()
      s.expect("nothing is open", s.open() == 0 && s.silentlyOpen() == 0)
      s.expect("it ran once", s.signals(s.asked) == [operation] && s.outcomes() == [.done])
      s.expect("it goes back", s.goBack(control) == .done(s.world.place(0).id, reply: []))
      s.settle()
      s.expect("the old version was told too", s.outcomes() == [.done] && s.signals(s.asked) == [operation])
      s.world.killOwner(of: s.shard(0))
      s.settle()
      s.expect("for the next owner too", s.outcomes() == [.done] && s.signals(s.asked) == [operation])
    },
    Scenario(
      "a-way-back-with-requests-of-two-versions", "what the old one asked is asked, the new one's answers are dropped",
      twoShards
    ) { s in
      let control = SimulatedControl(s.world)
      s.askers()
      s.upgrade(control, to: .odd)
      let operation = s.ask(ScriptedAsk(s.asked))
      s.until("the new one's has run") { s.signals(s.asked) == [operation | 1 << 63] }
      s.settle()
      s.expect("the old one's waits", s.silentlyOpen() == 1)
      s.world.killOwner(of: s.shard(0))
      s.settle()
      s.expect("it waits for the next owner too", s.silentlyOpen() == 1 && s.outcomes() == [.done])
      s.expect("it goes back", s.goBack(control) == .done(s.world.place(0).id, reply: []))
      s.settle()
      s.expect("both ran", s.signals(s.asked) == [operation | 1 << 63, operation])
      s.expect("its own is answered", s.answers().map(\.operation) == [operation] && s.open() == 0)
    },
    Scenario(
      "a-new-version-that-fails-at-what-it-asked", "the room is back, and the old one asks at once", twoShards
    ) { s in
      let control = SimulatedControl(s.world)
      s.askers()
      s.upgrade(control, to: .odd)
      let operation = s.ask(ScriptedAsk(s.asked))
      s.until("the new one's has run") { s.signals(s.asked) == [operation | 1 << 63] }
      s.killOwner(at: .executed, of: s.shard(0)) { s.client(1).send(.split, to: 0) }
      s.settle()
      s.expect("it is back", s.build() == .first && !s.hasTwin())
      s.expect("both ran", s.signals(s.asked) == [operation | 1 << 63, operation])
      s.expect("its own is answered", s.answers().map(\.operation) == [operation])
    },
    Scenario(
      "a-refusal-that-crosses-a-second-asking",
      "the room came to be meanwhile and takes the second: that answer stands",
      twoShards
    ) { s in
      let control = SimulatedControl(s.world)
      s.askers()
      let operation = s.ask(ScriptedAsk(4))
      s.until("it is passed on") { s.passedOn > 0 }
      s.world.stallGateway(for: 2_500_000)
      s.wait(1_500)
      let made = s.command(control, room: 4) { module, key in
        .create(module: module, key: key, parameters: UnsafeRawBufferPointer(start: nil, count: 0))
      }
      s.expect("it is made", made == .done(s.world.place(4).id, reply: []))
      s.settle()
      s.expect("it ran once, and the asker knows", s.signals(4) == [operation] && s.outcomes() == [.done])
    },
    Scenario(
      "a-flood-of-signals-behind-a-request", "what others signal does not push out what a room waits for", twoShards
    ) { s in
      let control = SimulatedControl(s.world)
      s.askers()
      let operation = s.ask(ScriptedAsk(s.asked))
      s.until("it ran") { s.signals(s.asked) == [operation] }
      s.world.killGateway(restartAfter: 5_000_000)
      for i in 0..<UInt64(Limits.signalAnswersMax + 50) {
        s.expect("signal \(i)", s.signal(control, 1_000 + i, key: "flood-\(i)", room: s.asked) != nil)
      }
      s.expect("its answer is still out", s.open() == 1)
      s.settle()
      s.expect("it ran once", s.signals(s.asked).filter { $0 == operation }.count == 1 && s.outcomes() == [.done])
    },
    Scenario(
      "a-room-that-asks-all-day", "of what has its answer nothing is remembered", twoShards
    ) { s in
      s.askers()
      var asked: [UInt64] = []
      for i in 0..<24 {
        asked.append(s.ask(ScriptedAsk(s.asked), by: i % 2))
        if i % 6 == 5 {
          s.until("it ran") { s.signals(s.asked).count == asked.count }
          s.world.killOwner(of: s.shard(i % 4 == 1 ? 0 : s.asked))
        }
        if i % 3 == 2 { s.settle() }
      }
      s.expect("each ran once", s.signals(s.asked).sorted() == asked.sorted() && s.outcomes().count == asked.count)
      s.expect("little is remembered", (1...3).contains(s.remembered(s.asked)))
    },
    Scenario(
      "a-gateway-loop-hangs-with-requests", "they wait for it, in order, and run once",
      {
        twoShards(&$0)
        $0.loops = 2
      }
    ) { s in
      s.askers()
      var asked: [UInt64] = []
      for loop in [0, 1, 0, 1] {
        asked.append(s.ask(ScriptedAsk(s.asked)))
        s.until("it has asked") { s.open() > 0 }
        s.world.gateway?.loops[loop].stall(until: s.world.time + 3_500_000)
        asked.append(s.ask(ScriptedAsk(s.asked), by: 1))
        s.settle()
        s.expect(
          "each ran once", s.signals(s.asked).sorted() == asked.sorted() && s.outcomes() == asked.map { _ in .done })
      }
    },
    Scenario("an-answer-that-traps", "is undone, told nobody, and not asked for again", twoShards) { s in
      s.askers()
      let operation = s.ask(ScriptedAsk(s.asked, answerTraps: true))
      s.settle()
      s.expect("it is undone", s.world.counters.quarantines == 1 && s.outcomes().isEmpty && s.open() == 0)
      s.wait(3_000)
      s.world.killOwner(of: s.shard(0))
      s.settle()
      s.expect("it ran once", s.signals(s.asked) == [operation] && s.world.counters.quarantines == 1)
      s.expect("nobody is blamed", s.world.counters.freezes == 0 && s.world.members(0) == 2)
    },
    Scenario("an-empty-room-that-waits-for-an-answer", "it ends when it has it, not before", twoShards) { s in
      let brief = World.briefRoom
      s.everybodyJoins(s.asked)
      s.client(0).join(brief)
      s.settle()
      let operation = s.client(0).send(.ask, to: brief, argument: UInt16(ScriptedAsk(s.asked).byte)) ?? 0
      s.until("it has asked") { s.open(brief) > 0 }
      s.world.killGateway(restartAfter: 200_000_000)
      s.wait(195_000)
      s.expect("it is empty, and waits", s.open(brief) == 1 && s.world.members(brief) == 0)
      s.settle()
      s.expect("it ran once", s.signals(s.asked) == [operation])
      s.until("it ends") { s.world.room(brief)?.host?.ended != nil }
    },
    Scenario("an-asker-that-ends", "its outbox is void", twoShards) { s in
      let control = SimulatedControl(s.world)
      s.askers()
      s.ask(ScriptedAsk(s.asked))
      s.until("it has asked") { s.open() > 0 }
      s.world.stallGateway(for: 1_500_000)
      s.expect("it ends", s.end(control) == .done(s.world.place(0).id, reply: []))
      s.expect("nothing is open", s.open() == 0)
      s.settle()
      s.expect("nobody is told", s.answers().isEmpty && s.hasEnded())
    },
    Scenario("an-event-that-is-undone-asks-nothing", "the other room hears nothing of it", twoShards) { s in
      s.askers()
      // Each beside one that fails: what was asked just before the repair is asked after it.
      for i in 0..<4 {
        for _ in 0..<4 { s.ask(ScriptedAsk(s.asked), by: i % 2) }
        s.client(i % 2).send(.trap, to: 0)
        s.settle()
      }
      s.expect("only what stands was asked", s.signals(s.asked).count == 16 && s.outcomes().count == 16)
      s.expect("four were undone", s.world.counters.quarantines == 4)
    },
    Scenario(
      "requests-and-an-orderly-stop", "the snapshot has what is open, and the next start asks it", twoShards
    ) { s in
      s.askers()
      let operation = s.ask(ScriptedAsk(s.asked))
      s.until("it has asked") { s.open() > 0 }
      s.world.restart()
      s.settle()
      s.expect("it ran once", s.signals(s.asked) == [operation] && s.outcomes() == [.done])
    },
  ]
}
