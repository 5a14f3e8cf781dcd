// Rooms that change their version: the switch, two versions side by side, and the way back.
import Core
import Wire
import WorkerCore

extension Stage {
  private func room(_ room: Int) -> Room? {
    let id = world.place(room).id
    return world.supervisor.owner(of: Int(world.map.shard(of: id).rawValue))?.worker.room(id)
  }
  func build(_ n: Int = 0) -> ScriptedBuild? { room(n)?.host.map { ScriptedBuild.of($0.module) } }
  func hasTwin(_ n: Int = 0) -> Bool { room(n)?.host?.twin != nil }
  /// What the silent version holds.
  func silentOperations(_ n: Int = 0) -> [UInt64] {
    let id = world.place(n).id
    guard let process = world.supervisor.owner(of: Int(world.map.shard(of: id).rawValue)), let found = room(n),
      found.phase == .ready, found.host != nil
    else { return [] }
    return process.worker.encodeSnapshot(found).withUnsafeBytes { bytes in
      (try? RoomSnapshot(bytes))?.twinImage.flatMap { try? ScriptedRoom($0) }?.operations ?? []
    }
  }

  /// Asked until it is done, through deaths: an upgrade that was made is one.
  func upgrade(
    _ control: SimulatedControl, to build: ScriptedBuild, events: UInt32 = 10_000, seconds: UInt32 = 10_000,
    room n: Int = 0
  ) {
    let place = world.place(n)
    guard let first = ScriptedEngine.standard(1).first(where: { $0.name == place.module }) else { return }
    let answer = command(control, room: n) { _, _ in
      .upgrade(place.id, to: build.hash(of: first.hash), probationEvents: events, probationSeconds: seconds)
    }
    switch answer {
    case .done?: world.tell("= upgraded to \(build)")
    case .refused("the room runs this build already")?: world.tell("= it was upgraded to \(build)")
    default: world.fail("scenario", "an upgrade is answered with \(answer.map { "\($0)" } ?? "nothing")")
    }
  }
  func goBack(_ control: SimulatedControl, room n: Int = 0) -> CommandAnswer? {
    Array("asked".utf8).withUnsafeBytes { reason in
      command(control, room: n) { _, _ in .back(self.world.place(n).id, reason: reason) }
    }
  }
}

extension Scenario {
  package static let versions: [Scenario] = [
    Scenario("a-bad-version-goes-back-by-itself", "at its first failure that the old one does not share") { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      s.everybodySends(3)
      s.settle()
      let timeline = s.timeline()
      s.upgrade(control, to: .odd)
      s.everybodySends(3)
      s.settle()
      s.expect("two versions have the same", s.silentOperations() == s.operations() && s.operations().count == 12)
      s.client(0).send(.split, to: 0)
      s.everybodySends(3)
      s.settle()
      s.expect("it is back", s.build() == .first && !s.hasTwin())
      s.expect("nothing is lost", s.operations().count == 19)
      s.expect("the timeline rose twice", s.timeline() == timeline + 2)
      s.expect("nothing was quarantined", s.world.counters.quarantines == 0 && s.world.counters.freezes == 0)
    },
    Scenario(
      "a-worker-that-dies-around-a-switch", "the room has the one version or both, wherever it dies",
      { $0.durability = .disk }
    ) { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      for point in TurnPoint.allCases {
        s.everybodySends(2)
        s.settle()
        let deaths = s.deaths
        s.world.killOwner(of: 0, at: point)
        s.upgrade(control, to: s.build() == .first ? .same : .first)
        s.everybodySends(2)
        s.until("it died") { s.deaths > deaths }
        s.settle()
        s.expect("two versions have the same", s.hasTwin() && s.silentOperations() == s.operations())
        s.expect("it is settled", s.command(control) { _, _ in .settle(s.world.place(0).id) } != nil)
      }
      s.expect("32 operations", s.operations().count == TurnPoint.allCases.count * 8)
    },
    Scenario("a-worker-that-dies-around-a-way-back", "the verdict is the same, wherever it dies") { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      var sent = 0
      for point in TurnPoint.allCases {
        s.upgrade(control, to: .odd)
        s.everybodySends(2)
        s.settle()
        s.killOwner(at: point) {
          s.client(0).send(.append, to: 0)
          s.client(1).send(.split, to: 0)
          s.client(1).send(.append, to: 0)
        }
        s.settle()
        sent += 7
        s.expect("it is back, and nothing is lost", s.build() == .first && s.operations().count == sent)
      }
    },
    Scenario("a-worker-that-dies-while-two-versions-run", "the next one has both, and can go back") { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      s.upgrade(control, to: .odd)
      for command in [ScriptedCommand.append, .appendAndReply, .draw, .later, .trap] {
        s.everybodySends(2, command)
        s.world.killOwner(of: 0)
        s.settle()
      }
      s.until("both are there, and the timers have fired") {
        s.hasTwin() && s.silentOperations().count == 16 && s.operations().count == 12
      }
      s.expect("it goes back", s.goBack(control) == .done(s.world.place(0).id, reply: []))
      s.settle()
      s.expect("with what the old version made of it", s.build() == .first && s.operations().count == 16)
      s.world.killOwner(of: 0)
      s.settle()
      s.expect("for the next one too", s.build() == .first && s.operations().count == 16)
    },
    Scenario(
      "a-way-back-with-members-who-joined-since", "whom the old version does not know is told", { $0.clients = 3 }
    ) { s in
      let control = SimulatedControl(s.world)
      s.client(0).join(0)
      s.settle()
      s.upgrade(control, to: .odd)
      s.client(1).join(0)
      s.client(2).joinParameters = [ScriptedCommand.refuse.rawValue]
      s.client(2).join(0)
      s.settle()
      s.everybodySends(2)
      s.settle()
      s.expect("it goes back", s.goBack(control) == .done(s.world.place(0).id, reply: []))
      s.until("the third is no member") { s.world.members(0) == 2 && s.client(2).joined == 0 }
      s.everybodySends(2)
      s.settle()
      s.expect("eight operations", s.operations().count == 8)
      s.world.killOwner(of: 0)
      s.settle()
      s.expect("for the next one too", s.operations().count == 8 && s.world.members(0) == 2)
    },
    Scenario(
      "a-way-back-and-a-death-before-the-removal", "the next owner removes whom the old version does not know",
      { $0.clients = 3 }
    ) { s in
      let control = SimulatedControl(s.world)
      s.client(0).join(0)
      s.settle()
      s.upgrade(control, to: .odd)
      s.client(2).joinParameters = [ScriptedCommand.refuse.rawValue]
      s.client(2).join(0)
      s.client(1).join(0)
      s.settle()
      s.killOwner(at: .executed) { s.client(1).send(.split, to: 0) }
      s.until("the third is no member") { s.world.members(0) == 2 && s.client(2).joined == 0 }
      s.settle()
      s.expect("it is back", s.build() == .first && s.operations().count == 1)
    },
    Scenario("a-silent-version-that-fails", "only it is undone, and a death makes no difference") { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      s.upgrade(control, to: .wide)
      for point in [TurnPoint.written, .executed, .outputsSent] {
        // More fuel than the first build's limits allow.
        s.killOwner(at: point) { s.everybodySends(2, .burn) }
        s.everybodySends(1)
        s.settle()
      }
      s.expect("the one has all", s.build() == .wide && s.operations().count == 18)
      s.expect("the other what it could do", s.silentOperations().count == 6)
      s.expect("nothing was undone in the room", s.world.counters.freezes == 0)
    },
    Scenario("two-versions-and-the-watchdog", "it ends the silent one, and sends the one that speaks back") { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      for _ in 0..<6 {
        s.world.watchdogChance = 60
        s.upgrade(control, to: s.build() == .first ? .same : .first)
        s.everybodySends(4, .slow)
        s.settle()
        s.world.watchdogChance = 0
        s.expect("it is settled", s.command(control) { _, _ in .settle(s.world.place(0).id) } != nil)
      }
      s.world.killOwner(of: 0)
      s.settle()
    },
    Scenario(
      "ticks-that-fail-in-the-new-version", "the room is back at the first one, and is not frozen", { $0.rooms = 3 }
    ) { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins(2)
      s.everybodySends(2, to: 2)
      s.settle()
      s.upgrade(control, to: .restive, room: 2)
      s.until("it is back") { s.build(2) == .first && !s.hasTwin(2) }
      s.settle()
      s.expect("it ticks on", s.world.counters.freezes == 0 && s.operations(2).count == 4)
    },
    Scenario(
      "a-fix-for-a-room-that-froze-by-itself",
      "the version that froze it does not listen for long: each of its ticks would cost a repair", { $0.rooms = 3 }
    ) { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins(2)
      s.everybodySends(2, to: 2)
      s.settle()
      s.upgrade(control, to: .restive, events: 0, seconds: 0, room: 2)
      s.until("it freezes") { s.world.counters.freezes == 1 }
      let (ticks, quarantines) = (s.ticks(2), s.world.counters.quarantines)
      s.upgrade(control, to: .same, room: 2)
      s.until("the old one is let go of") { s.build(2) == .same && !s.hasTwin(2) }
      s.everybodySends(2, to: 2)
      s.until("it ticks on") { s.ticks(2) > ticks + 20 }
      s.settle()
      s.expect("8 operations", s.operations(2).count == 8)
      s.expect(
        "few repairs", s.world.counters.quarantines - quarantines <= Limits.quarantinesPerMinuteMax + 2)
    },
    Scenario(
      "a-fix-that-fails-as-what-it-is-to-mend", "what both versions fail at is no word against the older one",
      { $0.rooms = 3 }
    ) { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins(2)
      s.settle()
      s.upgrade(control, to: .restive, events: 0, seconds: 0, room: 2)
      s.until("it freezes") { s.world.counters.freezes == 1 }
      let (quarantines, ended) = (s.world.counters.quarantines, s.world.counters.twinEnds)
      s.upgrade(control, to: .restiveToo, room: 2)
      s.until("it freezes again") { s.world.counters.freezes == 2 }
      s.expect("at its fourth", s.world.counters.quarantines - quarantines == Limits.quarantinesPerMinuteMax + 1)
      s.expect("the older one is let go of by that alone", s.world.counters.twinEnds == ended)
    },
    Scenario(
      "a-probation-that-ends", "by events and time, and the next owner knows", { $0.rooms = 3 }
    ) { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins(2)
      s.upgrade(control, to: .same, events: 20, seconds: 8, room: 2)
      s.wait(6_000)
      s.world.killOwner(of: 0)
      s.settle()
      s.expect("it is on probation", s.hasTwin(2))
      s.until("it is over") { !s.hasTwin(2) && s.build(2) == .same }
      s.world.killOwner(of: 0)
      s.settle()
      s.expect("it is over", !s.hasTwin(2) && s.build(2) == .same)
    },
    Scenario("two-versions-and-an-orderly-stop", "both are in the snapshot") { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      s.everybodySends(2)
      s.settle()
      s.upgrade(control, to: .odd)
      s.everybodySends(2, .appendAndReply)
      s.settle()
      s.world.restart()
      s.settle()
      s.expect("both are there", s.hasTwin() && s.operations().count == 4 && s.silentOperations().count == 8)
      s.client(0).send(.split, to: 0)
      s.settle()
      s.expect("it is back", s.build() == .first && s.operations().count == 9)
    },
    Scenario(
      "a-switch-and-the-power-goes", "what is lost is lost in both", { $0.durability = .process }
    ) { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      s.everybodySends(2)
      s.settle()
      s.wait(2_000)
      s.upgrade(control, to: .odd)
      s.everybodySends(2)
      s.settle()
      s.world.powerLoss(downtime: 500_000)
      s.settle()
      s.everybodySends(2)
      s.settle()
      s.expect("the room serves", !s.operations().isEmpty)
    },
  ]
}
