import Core
import SupervisionCore
import Testing
import Wire

@Suite struct SupervisorTests {
  @Test func aStartServesAllShardsBeforeTheGateway() {
    var s = SupervisorScript()
    s.handle(.start)
    #expect(s.look() == ["spawn worker 1", "spawn worker 2", "spawn worker 3", "spawn control 4", "announce 4: "])
    s.ready(2)
    #expect(s.look() == ["announce 4: 2", "adopt 2: 0@1 2@1"])
    s.ready(1)
    s.ready(3)
    #expect(s.look() == ["announce 4: 1 2", "adopt 1: 1@1 3@1", "announce 4: 1 2 3"])
    s.serve(2)
    #expect(s.look() == [])
    s.serve(1)
    #expect(s.look() == ["spawn gateway 5", "announce 5: 1 2 3"])
    s.ready(4)
    #expect(s.look() == [])
    s.ready(5)
    #expect(s.look() == ["serving"])
  }

  @Test func aGatewayStartsWithoutAShardThatNobodyCanServe() {
    var s = SupervisorScript()
    s.handle(.start)
    for number: UInt32 in [1, 2, 3, 4] { s.ready(number) }
    s.serve(1)
    _ = s.look()
    s.pass(milliseconds: 4_900)
    #expect(s.look() == [])
    s.pass(milliseconds: 200)
    #expect(s.look().first == "spawn gateway 5")
  }

  @Test func theSpareAdoptsBeforeAnythingElse() {
    var s = SupervisorScript.started()
    s.time += 1_000_000
    s.die(1)
    #expect(s.look() == ["adopt 3: 0@101 2@101", "announce 4: 2 3", "announce 5: 2 3", "spawn worker 6"])
    s.time += 7_000
    s.serve(3)
    #expect(s.supervisor.recoveries.count == 1)
    let recovery = s.supervisor.recoveries[0]
    #expect(recovery.role == "worker" && recovery.died == Instance(1) && recovery.replacement == Instance(3))
    #expect(recovery.took == 7_000 && recovery.rooms == 20 && recovery.shards == [ShardID(0), ShardID(2)])
    #expect(s.servesAll)
    s.ready(6)
    s.time += 1_000_000
    s.die(2)
    #expect(s.look().contains("adopt 6: 1@101 3@101"))
  }

  @Test func withoutASpareTheNextReadyProcessAdopts() {
    var s = SupervisorScript.started()
    s.die(1)
    s.die(2)
    // The second death of the role within a minute waits a little before its replacement starts.
    s.pass(milliseconds: 200)
    #expect(
      s.look().filter { $0.hasPrefix("adopt") || $0.hasPrefix("spawn") } == [
        "adopt 3: 0@101 2@101", "spawn worker 6", "spawn worker 7",
      ])
    s.serve(3)
    #expect(!s.servesAll)
    s.ready(7)
    #expect(s.look().filter { $0.hasPrefix("adopt") } == ["adopt 7: 1@101 3@101"])
    s.serve(7)
    #expect(s.servesAll)
  }

  @Test func aReplacementThatDiesWhileAdoptingProlongsTheOutage() {
    var s = SupervisorScript.started()
    s.die(1)
    s.time += 50_000
    s.die(3)
    s.pass(milliseconds: 200)
    _ = s.look()
    s.ready(6)
    // Each owner gets a higher epoch than the one before, whether or not that one ever served.
    #expect(s.look().filter { $0.hasPrefix("adopt") } == ["adopt 6: 0@102 2@102"])
    s.handle(.message(Instance(6), .adopted(ShardID(0), ShardEpoch(102), rooms: 1, events: 0, microseconds: 1)))
    s.handle(.message(Instance(6), .adopted(ShardID(2), ShardEpoch(102), rooms: 1, events: 0, microseconds: 1)))
    #expect(s.supervisor.recoveries.map(\.died) == [Instance(1)])
    #expect(s.supervisor.recoveries[0].took >= 250_000)
  }

  @Test func whatTheDeadSaidLastGivesThemNothing() {
    var s = SupervisorScript.started()
    s.die(1)
    s.handle(.message(Instance(1), .adopted(ShardID(0), ShardEpoch(999), rooms: 1, events: 0, microseconds: 1)))
    s.handle(.message(Instance(3), .adopted(ShardID(1), ShardEpoch(999), rooms: 1, events: 0, microseconds: 1)))
    s.serve(3)
    #expect(s.servesAll)
    s.die(2)
    #expect(!s.servesAll)
  }

  @Test func aDeadSpareIsOnlyReplaced() {
    var s = SupervisorScript.started()
    s.die(3)
    #expect(s.look() == ["announce 4: 1 2", "announce 5: 1 2", "spawn worker 6"])
    s.ready(6)
    #expect(s.supervisor.recoveries.map(\.role) == ["spare"])
    #expect(s.servesAll)
  }

  @Test func aHangIsDumpedKilledAndOnlyThenReplaced() {
    var s = SupervisorScript.started()
    s.pass(milliseconds: 1_000)
    _ = s.look()
    s.pass(milliseconds: 2_800, silent: [Instance(2)])
    #expect(s.look() == [])
    s.pass(milliseconds: 300, silent: [Instance(2)])
    #expect(s.look() == ["dump 2"])
    s.pass(milliseconds: 500, silent: [Instance(2)])
    #expect(s.look() == ["kill 2"])
    s.die(2)
    #expect(s.look().first == "adopt 3: 1@101 3@101")
    s.serve(3)
    #expect(s.supervisor.recoveries[0].cause.hasPrefix("hung"))
  }

  @Test func oneLoopOfSeveralThatStandsStillIsAHang() {
    var s = SupervisorScript.started()
    for turn in 0..<35 {
      s.handle(.message(Instance(5), .beat(counters: [UInt64(turn), 7])))
      s.pass(milliseconds: 100, silent: [Instance(5)])
    }
    #expect(s.look().first == "dump 5")
  }

  @Test func aSupervisorThatWasAwayBlamesNobody() {
    var s = SupervisorScript.started()
    s.pass(milliseconds: 1_000)
    _ = s.look()
    s.time += 60_000_000
    s.handle(.tick)
    s.pass(milliseconds: 2_000)
    #expect(s.look() == [])
  }

  @Test func restartsPauseLongerAndLongerAndThenGiveUp() {
    var s = SupervisorScript.started()
    var started: [Int64] = []
    var gateway: UInt32 = 5
    for _ in 0..<4 {
      let died = s.time
      s.die(gateway)
      while !s.lines.contains(where: { $0.hasPrefix("spawn gateway") }) { s.pass(milliseconds: 10) }
      started.append((s.time - died) / 1_000)
      gateway = UInt32(s.look().first { $0.hasPrefix("spawn gateway") }!.split(separator: " ")[2])!
    }
    // Without jitter, half of 100, 200, 400 ms.
    #expect(started[0] == 0)
    #expect(zip(started.dropFirst(), [50, 100, 200]).allSatisfy { abs($0 - $1) <= 10 })
    s.die(gateway, .exited(1))
    #expect(s.look().last == "exit 70")
    let why = "it was killed by signal 9 (KILL) (4 times), then exited with status 1."
    #expect(s.lastWords.contains(why), "\(s.lastWords)")
  }

  /// Lets control die, and whichever is started in its place, waiting for that as long as it may take.
  private func killControl(_ s: inout SupervisorScript, times: Int) {
    var control: UInt32 = 4
    for _ in 0..<times where s.exited == nil {
      s.die(control, .exited(78))
      for _ in 0..<1_200 where !s.lines.contains(where: { $0.hasPrefix("spawn control") }) { s.pass(milliseconds: 10) }
      let spawned = s.look().first { $0.hasPrefix("spawn control") }
      control = spawned.flatMap { UInt32($0.split(separator: " ")[2]) } ?? 0
    }
  }

  @Test func playersAreServedWithoutControl() {
    var s = SupervisorScript.started()
    killControl(&s, times: 12)
    #expect(s.exited == nil && s.living.values.count { $0 == .control } == 1)
    #expect(s.servesAll && s.living.values.contains(.gateway))
    // One that never worked is said at the start.
    var new = SupervisorScript()
    new.handle(.start)
    _ = new.look()
    killControl(&new, times: 12)
    #expect(new.exited == 70)
  }

  @Test func whatIsRememberedFitsIntoAnAnswer() throws {
    var s = SupervisorScript.started()
    let long = String(repeating: "\u{1}", count: 60_000)
    for _ in 0..<300 { s.handle(.message(Instance(1), .event(kind: "frozen", text: long))) }
    s.lines = []
    s.handle(.message(Instance(4), .request(id: 1, verb: "events", body: [])))
    let answer = try #require(s.look().first)
    #expect(answer.utf8.count < SupervisorChannel.recordBytesMax - 100)
    var encoded: [UInt8] = []
    ToSupervisor.event(kind: "frozen", text: String(repeating: "ä", count: 5_000_000)).encode(into: &encoded)
    #expect(encoded.count < SupervisorChannel.recordBytesMax)
  }

  /// The owner of the shard dies, and another worker takes it over; nil: the supervisor has given up.
  private func replaceOwner(_ s: inout SupervisorScript, of shard: UInt16 = 0) -> UInt32? {
    func owner() -> Instance? { s.owned.first { $0.value[ShardID(shard)] != nil }?.key }
    guard let old = owner() else { return nil }
    s.die(old.rawValue, .killed(signal: 11))
    for _ in 0..<200 where s.exited == nil && owner() == nil {
      s.pass(milliseconds: 10)
      for (instance, role) in s.living where role == .worker { s.ready(instance.rawValue) }
    }
    if let new = owner() { s.serve(new.rawValue) }
    return s.exited == nil ? owner()?.rawValue : nil
  }

  @Test func deathsAtAnEventThatIsPutAsideDoNotCount() {
    var s = SupervisorScript.started()
    let begun = s.time
    for culprit in 1...20 {
      _ = replaceOwner(&s)
      guard let third = replaceOwner(&s) else {
        Issue.record("given up at the event \(culprit): \(s.lastWords)")
        return
      }
      s.handle(.message(Instance(third), .event(kind: SupervisorChannel.putAside, text: "")))
    }
    #expect(s.time - begun < 30_000_000, "all of them within the period that counts")
    // Deaths that no event is to blame for count as ever.
    for _ in 0..<4 { #expect(replaceOwner(&s) != nil) }
    #expect(replaceOwner(&s) == nil && s.exited == 70)
  }

  @Test func eachPlacesDeathsAreCountedApart() {
    var s = SupervisorScript.started()
    for _ in 0..<4 {
      for shard: UInt16 in [0, 1] {
        #expect(replaceOwner(&s, of: shard) != nil)
      }
    }
    #expect(s.exited == nil)
    #expect(replaceOwner(&s) == nil && s.exited == 70)
  }

  @Test func aMinuteOfHealthForgivesEarlierDeaths() {
    var s = SupervisorScript.started()
    var gateway: UInt32 = 5
    for _ in 0..<12 {
      s.die(gateway)
      let spawned = s.look().first { $0.hasPrefix("spawn gateway") }
      #expect(spawned != nil)
      gateway = UInt32(spawned?.split(separator: " ")[2] ?? "") ?? 0
      s.pass(milliseconds: 61_000)
      s.ready(gateway)
      s.lines = []
    }
    #expect(s.exited == nil)
  }

  @Test func anOrderedStopGoesFromThePlayersInwards() {
    var s = SupervisorScript.started()
    s.handle(.stop)
    #expect(s.look() == ["stop 5"])
    s.die(5, .exited(0))
    #expect(s.look() == ["stop 1", "stop 2", "stop 3"])
    s.die(1, .exited(0))
    s.die(3, .exited(0))
    #expect(s.look() == [])
    s.pass(milliseconds: 5_100)
    #expect(s.look() == ["kill 2"])
    s.die(2)
    #expect(s.look() == ["stop 4"])
    s.die(4, .exited(0))
    #expect(s.look() == ["exit 0"])
  }

  @Test func aSecondWishToStopIsObeyedAtOnce() {
    var s = SupervisorScript.started()
    s.handle(.stop)
    s.handle(.stop)
    #expect(s.exited == 1)
  }

  @Test func faultsHitWhoOwnsShardsInTurnAndCountAgainstNobody() {
    var s = SupervisorScript.started()
    var next: UInt32 = 3
    for round in 0..<20 {
      s.handle(.message(Instance(4), .request(id: 1, verb: "fault", body: Array("worker-kill".utf8))))
      let did = s.look()
      #expect(did.count == 2 && did[0].contains("\"killed\":[{\"role\":\"worker\""))
      let hit = UInt32(did[1].split(separator: " ")[1])!
      #expect(did[1].hasPrefix("kill") && !(s.owned[Instance(hit)] ?? [:]).isEmpty, "round \(round)")
      s.time += 500_000
      s.die(hit)
      let after = s.look()
      s.serve(next)
      next = UInt32(after.first { $0.hasPrefix("spawn") }!.split(separator: " ")[2])!
      s.ready(next)
      s.lines = []
    }
    #expect(s.exited == nil && s.supervisor.recoveries.count == 20)
  }

  @Test func faultsThatHitNothingSaySo() {
    var s = SupervisorScript.started()
    for words in ["", "earthquake", "worker-kill 99", "worker-kill x", "gateway-kill 1"] {
      s.handle(.message(Instance(4), .request(id: 1, verb: "fault", body: Array(words.utf8))))
      let did = s.look()
      #expect(did.count == 1 && did[0].contains("error"), "\(words)")
    }
    s.handle(.message(Instance(4), .request(id: 1, verb: "fault", body: Array("all-kill".utf8))))
    s.pass(milliseconds: 100)
    #expect(s.look().last == "perish")
  }

  /// Any order of deaths, hangs, starts and adoptions: never two living owners (the script's precondition), and when
  /// the trouble ends everything is served.
  @Test(arguments: 0..<50) func anyStoryEndsWithEverythingServed(seed: Int) {
    var random = RandomState(seed: UInt64(seed))
    var s = SupervisorScript(
      shards: Int.random(in: 1...9, using: &random), workers: Int.random(in: 1...4, using: &random)
    ) {
      $0.intensity = .max
    }
    s.handle(.start)
    for _ in 0..<300 {
      guard let instance = s.living.keys.sorted().randomElement(using: &random) else { continue }
      switch Int.random(in: 0..<10, using: &random) {
      case 0: s.handle(.died(instance, .killed(signal: 9), jitter: UInt32.random(in: 0...UInt32.max, using: &random)))
      case 1: s.handle(.broken(instance, "story"))
      case 2...5: s.handle(.message(instance, .ready))
      case 6...7: s.serve(instance.rawValue)
      default: s.pass(milliseconds: Int64.random(in: 1...4_000, using: &random), silent: [instance])
      }
    }
    for _ in 0..<40 {
      for instance in s.living.keys.sorted() { s.handle(.message(instance, .ready)) }
      for instance in s.living.keys.sorted() { s.serve(instance.rawValue) }
      s.pass(milliseconds: 1_000)
      // What is being killed dies in the end.
      for line in s.look() where line.hasPrefix("kill") {
        let instance = Instance(UInt32(line.split(separator: " ")[1])!)
        if s.living[instance] != nil { s.die(instance.rawValue) }
      }
    }
    #expect(s.servesAll)
  }
}
