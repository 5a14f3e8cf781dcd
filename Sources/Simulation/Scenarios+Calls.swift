// Calls into rooms' code that are no events, and kill: as those of a native module can.
import Core
import Wire
import WorkerCore

extension Scenario {
  /// As a module's `upgrade`, with the answer whatever it is.
  private static func carry(_ s: Stage, _ control: SimulatedControl, to build: ScriptedBuild) -> CommandAnswer? {
    let place = s.world.place(0)
    guard let first = ScriptedEngine.standard(1).first(where: { $0.name == place.module }) else { return nil }
    return s.command(control) { _, _ in
      .upgrade(place.id, to: build.hash(of: first.hash), probationEvents: 10_000, probationSeconds: 10_000)
    }
  }

  package static let calls: [Scenario] = [
    Scenario(
      "a-full-state-that-kills", "two deaths, then the room is frozen; a build that can make it thaws the room",
      { $0.rooms = 3 }
    ) { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      s.everybodySends(3)
      s.settle()
      let before = s.deaths
      s.world.deadly = (.describe, .first)
      s.client(0).reload(keepingToken: false)
      s.client(0).join(0)
      s.until("two deaths") { s.deaths >= before + 2 }
      s.until("it is frozen") { s.world.counters.freezes > 0 }
      s.settle()
      s.expect("two deaths, no more", s.deaths == before + 2)
      s.expect("nothing is lost", s.operations().count == 6)
      s.world.killOwner(of: 0)
      s.until("the next owner") { s.deaths == before + 3 && s.hasSettledOwner() }
      s.settle()
      s.expect("later owners do not try again", s.deaths == before + 3)
      s.upgrade(control, to: .same, events: 0, seconds: 0)
      s.everybodySends(2)
      s.settle()
      s.expect("it goes on", s.operations().count == 10 && s.deaths == before + 3)
    },
    Scenario(
      "a-new-version-whose-check-kills", "on probation the room goes back, and nothing is lost"
    ) { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      s.everybodySends(3)
      s.settle()
      let before = s.deaths
      s.world.deadly = (.check, .same)
      // Asked until it is answered: done, or refused, for it has been there and is back.
      _ = carry(s, control, to: .same)
      s.until("two deaths") { s.deaths >= before + 2 }
      s.until("it is back") { s.build() == .first }
      s.everybodySends(2)
      s.settle()
      s.wait(5_000)
      s.expect("two deaths, no more", s.deaths == before + 2)
      s.expect("10 operations", s.operations().count == 10)
    },
    Scenario(
      "a-new-version-whose-save-kills", "the same, though no snapshot could be taken of it", { $0.shards = 2 }
    ) { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      s.everybodySends(3)
      s.settle()
      let before = s.deaths
      s.upgrade(control, to: .same)
      s.world.deadly = (.save, .same)
      s.until("two deaths") { s.deaths >= before + 2 }
      s.until("it is back") { s.build() == .first }
      s.everybodySends(2)
      s.settle()
      s.expect("two deaths, no more", s.deaths == before + 2)
      s.expect("10 operations", s.operations().count == 10)
    },
    Scenario(
      "an-old-version-whose-check-kills", "it is not asked any more; the new one stays", { $0.rooms = 2 }
    ) { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      s.everybodySends(3)
      s.settle()
      let before = s.deaths
      s.world.deadly = (.check, .first)
      s.upgrade(control, to: .same)
      s.until("two deaths") { s.deaths >= before + 2 }
      s.everybodySends(2)
      s.settle()
      s.wait(5_000)
      s.expect("two deaths, no more", s.deaths == before + 2)
      s.expect("two versions", s.build() == .same && s.hasTwin())
    },
    Scenario("a-carry-that-kills", "is refused at the third try, and changes nothing") { s in
      let control = SimulatedControl(s.world)
      s.everybodyJoins()
      s.everybodySends(3)
      s.settle()
      let before = s.deaths
      s.world.deadly = (.carry, .odd)
      let answer = carry(s, control, to: .odd)
      s.expect("it is refused", if: answer) { if case .refused = $0 { true } else { false } }
      s.everybodySends(2)
      s.settle()
      s.expect("two deaths, no more", s.deaths == before + 2)
      s.expect("10 operations, in the old version", s.operations().count == 10 && s.build() == .first && !s.hasTwin())
      s.world.deadly = nil
      s.upgrade(control, to: .same)
      s.settle()
      s.expect("another build is taken", s.build() == .same)
    },
    Scenario(
      "two-rooms-whose-full-states-kill", "do not take turns: two deaths each",
      { o in
        o.rooms = 4
        o.deathsMax = 5
      }
    ) { s in
      s.everybodyJoins(0)
      s.everybodyJoins(1)
      s.everybodySends(3, to: 0)
      s.everybodySends(3, to: 1)
      s.settle()
      let before = s.deaths
      s.world.deadly = (.describe, .first)
      s.world.stallGateway(for: 300_000)
      s.client(0).reload(keepingToken: false)
      s.client(0).join(0)
      s.client(0).join(1)
      s.until("four deaths") { s.deaths >= before + 4 }
      s.until("both are frozen") { s.world.counters.freezes > 1 }
      s.settle()
      s.expect("four deaths, no more", s.deaths == before + 4)
      s.expect("nothing is lost", s.operations(0).count == 6 && s.operations(1).count == 6)
    },
  ]
}

extension Stage {
  fileprivate func expect(_ what: String, if answer: CommandAnswer?, _ condition: (CommandAnswer) -> Bool) {
    expect(what, answer.map(condition) ?? false)
  }
}
