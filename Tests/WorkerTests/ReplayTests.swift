// A guest outside of its worker, played from a record, against the room that lives: both of its versions.
import Core
import Simulation
import Testing
import Wire
import WorkerCore
import WorkerStore

extension WorkerScript {
  /// All of the room's life, from its log: its creation, every event since, and the verdicts.
  func life() throws -> CrashBundle {
    var bundle = CrashBundle(
      room: room(), shard: Self.shard, module: Self.tally, moduleName: "tally", key: "a", event: EventSeq(0),
      fault: RoomFault(kind: .trap, text: ""), engine: "", snapshot: [], tail: [], culprit: [])
    var time = Int64.min
    var failure: DecodingError?
    try store.scan(from: store.oldest, damage: { _ in Issue.record("the log is damaged") }) { _, kind, payload in
      do throws(DecodingError) {
        var reader = ByteReader(payload)
        if kind == RecordKind.annotations {
          while !reader.isAtEnd { bundle.annotations.append(try Annotation(&reader)) }
        }
        guard kind == RecordKind.batch else { return }
        let batch = try BatchHead(&reader)
        time = max(time, batch.time)
        while !reader.isAtEnd {
          let start = reader.offset
          bundle.event = try reader.takeEvent().0.seq
          bundle.tail.put(batch.number)
          bundle.tail.put(time)
          bundle.tail.putBlob(Array(payload[start..<reader.offset]))
        }
      } catch { failure = error }
    }
    if let failure { throw failure }
    return bundle
  }
  /// As the worker gives it: the last snapshot and what came since.
  func bundle() throws -> CrashBundle {
    try worker.inspect("bundle \(room())").withUnsafeBytes { try CrashBundle($0) }
  }

  /// Plays the record of one version to its end.
  func replay(_ bundle: CrashBundle, as module: ModuleHash) throws -> GuestReplay {
    var bundle = bundle
    bundle.module = module
    let guest = try GuestReplay(bundle, on: TestEngine(Faults()))
    for event in try ReplayEvent.all(of: bundle) {
      let step = try guest.play(event, budget: .decided)
      if case .failed(let fault)? = step.outcome { Issue.record("event \(event.seq) fails: \(fault.text)") }
    }
    return guest
  }

  /// That both versions of the room come out of its record as they are, from wherever the record begins.
  func expectReplays(_ comment: String = "", _ location: SourceLocation = #_sourceLocation) throws {
    let bytes = worker.encodeSnapshot(try #require(worker.room(room())))
    let (host, image, twinImage) = try bytes.withUnsafeBytes { bytes in
      let snapshot = try RoomSnapshot(bytes)
      return (snapshot.host, Array(snapshot.image), snapshot.twinImage.map { Array($0) })
    }
    for (name, bundle) in [("its life", try life()), ("the tail", try self.bundle())] {
      let speaker = try replay(bundle, as: host.module)
      #expect(speaker.module == host.module && speaker.image() == image, "\(name) \(comment)", sourceLocation: location)
      #expect(speaker.context.random == host.random, "\(name) \(comment)", sourceLocation: location)
      #expect(speaker.context.nextTimer == host.nextTimer, "\(name) \(comment)", sourceLocation: location)
      #expect(speaker.timers == host.timers, "\(name) \(comment)", sourceLocation: location)
      guard let twin = host.twin else { continue }
      let silent = try replay(bundle.followingSpeaker(host), as: twin.module)
      #expect(
        silent.module == twin.module && silent.image() == twinImage, "\(name) \(comment)", sourceLocation: location)
      #expect(silent.context.random == twin.random, "\(name) \(comment)", sourceLocation: location)
      #expect(silent.context.nextTimer == twin.nextTimer, "\(name) \(comment)", sourceLocation: location)
      #expect(silent.timers == twin.timers, "\(name) \(comment)", sourceLocation: location)
    }
  }

  /// The crashes that the worker has reported, with the hashes of what was rebuilt for them.
  func crashes() -> [(bundle: CrashBundle, image: [UInt8]?)] {
    var found: [(bundle: CrashBundle, image: [UInt8]?)] = []
    for report in worker.reports {
      switch report {
      case .quarantined(_, _, _, let bundle, _): found.append((bundle, nil))
      case .rebuilt(let room, let event, let image):
        let i = found.lastIndex { $0.bundle.room == room && $0.bundle.event == event }
        if let i { found[i].image = image }
      default: break
      }
    }
    return found
  }
}

struct ReplayTests {
  /// A room with two members on probation, and what the one that spoke had done.
  private func probation(_ build: ScriptedBuild) throws -> (WorkerScript, [Route]) {
    let script = try WorkerScript()
    script.worker.examinesFailures = true
    let routes = [script.join(1), script.join(2)]
    try script.turn()
    script.send(routes[0], 1, .later)
    script.send(routes[1], 1, .draw)
    try script.turn()
    try script.upgraded(to: build)
    return (script, routes)
  }

  @Test func outcomesTimersAndDrawsOfTheirOwn() throws {
    let (script, routes) = try probation(.odd)
    try script.expectReplays("at the switch")
    script.send(routes[0], 2, .appendAndReply)
    script.send(routes[1], 2, .draw)
    script.send(routes[0], 3, .later)
    try script.turns(3)
    try script.expectReplays("with timers that are due at different times")
    try script.turns(30, after: 200)
    script.send(routes[1], 3, .draw)
    try script.turns(2)
    #expect(script.hasTwin)
    try script.expectReplays("after the timers")
  }

  @Test func membersWhomOneOfThemLacks() throws {
    let (script, routes) = try probation(.odd)
    let third = script.join(3, parameters: [ScriptedCommand.refuse.rawValue])
    script.join(4, parameters: [ScriptedCommand.wave.rawValue])
    try script.turn()
    #expect(script.host?.memberCount == 3 && script.host?.twin?.lacks == [Slot(2)])
    script.send(third, 1)
    script.send(routes[0], 2)
    try script.turn()
    try script.expectReplays("one is lacking")
    script.say(.leave(third, InputSeq(2)))
    try script.turns(2)
    let fourth = script.join(5)
    try script.turn()
    script.send(fourth, 1, .draw)
    try script.turns(2)
    #expect(script.host?.twin?.lacks == [])
    try script.expectReplays("its place has another")
  }

  @Test func aMemberWhoReturns() throws {
    let (script, routes) = try probation(.odd)
    script.say(.detach(routes[0], script.generation(1)))
    try script.turns(5, after: 1_000)
    #expect(script.host?.members[0]?.suspended == true)
    try script.expectReplays("suspended")
    script.attach(1, generation: 2)
    try script.turns(2)
    #expect(script.host?.members[0]?.suspended == false)
    try script.expectReplays("returned")
  }

  @Test func whatOnlyTheSilentVersionFailedAt() throws {
    let (script, routes) = try probation(.wide)
    script.send(routes[0], 2, .burn)
    script.send(routes[1], 2)
    try script.turns(4)
    #expect(script.hasTwin)
    try script.expectReplays()
    let crash = try #require(script.crashes().first)
    #expect(crash.bundle.module == WorkerScript.tally && crash.bundle.fault.kind == .fuel)
    try expectSame(crash)
  }

  @Test func whatBothFailedAt() throws {
    let (script, routes) = try probation(.odd)
    script.send(routes[0], 2, .draw)
    script.send(routes[0], 3, .trap)
    script.send(routes[1], 2)
    try script.turns(4)
    #expect(script.hasTwin && script.worker.counters.quarantines == 1)
    try script.expectReplays()
    try expectSame(try #require(script.crashes().first))
  }

  @Test func backByAnOrder() throws {
    let (script, routes) = try probation(.odd)
    script.join(3, parameters: [ScriptedCommand.refuse.rawValue])
    script.send(routes[0], 2, .appendAndReply)
    try script.turn()
    script.back(1)
    try script.turns(3)
    #expect(script.build == .first && script.host?.memberCount == 2)
    script.send(routes[1], 2, .draw)
    try script.turns(2)
    try script.expectReplays()
  }

  @Test func backByAFailure() throws {
    let (script, routes) = try probation(.odd)
    script.send(routes[0], 2, .draw)
    script.send(routes[1], 2, .split)
    script.send(routes[0], 3, .draw)
    try script.turns(4)
    #expect(script.build == .first && !script.hasTwin && script.worker.counters.quarantines == 0)
    try script.expectReplays()
    // It was left within the turn; what it was like is found out behind the room's back.
    let crash = try #require(script.crashes().first)
    #expect(crash.bundle.module == WorkerScript.hash(.odd) && crash.bundle.fault.kind == .trap)
    try expectSame(crash)
    #expect(script.faults.instances == 1, "nothing is left of that")
  }

  @Test func noMoreFailuresAreExaminedThanMayBe() throws {
    let script = try WorkerScript()
    script.worker.examinesFailures = true
    let rooms = (0..<UInt32(Limits.autopsiesMax + 3)).map { "room \($0)" }
    let routes = rooms.map { script.join(1, room: $0) }
    try script.turn()
    for (i, room) in rooms.enumerated() { script.upgrade(UInt32(i), to: .odd, room: room) }
    try script.turns(60)
    for route in routes { script.send(route, 1, .split) }
    try script.turns(40)
    let crashes = script.crashes()
    #expect(crashes.count == rooms.count)
    #expect(crashes.count { $0.image != nil } == Limits.autopsiesMax)
    #expect(script.faults.instances == rooms.count && script.worker.nextDue.map { $0 > script.now.monotonic } ?? true)
  }

  /// The bundle alone leads to the state that the worker had, and fails in the same way.
  private func expectSame(_ crash: (bundle: CrashBundle, image: [UInt8]?)) throws {
    let image = try #require(crash.image, "the worker did not say what it was like")
    let guest = try GuestReplay(crash.bundle, on: TestEngine(Faults()))
    for event in try ReplayEvent.all(of: crash.bundle) { _ = try guest.play(event, budget: .decided) }
    #expect(guest.module == crash.bundle.module && guest.image() == image)
    let culprit = try #require(try ReplayEvent.culprit(of: crash.bundle))
    guard case .failed(let fault)? = try guest.play(culprit, budget: .live).outcome else {
      Issue.record("event \(culprit.seq) does not fail")
      return
    }
    #expect(fault == crash.bundle.fault)
  }
}
