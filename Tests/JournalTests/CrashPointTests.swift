import Core
import Journal
import SimulatedFiles
import Testing

/// Every operation of every path as a crash point, at both levels, by process death and by power loss.
@Suite struct CrashPointTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var durability: Durability
    var fault: SimulatedFault
    var end: CrashModel.End
    var testDescription: String { "\(durability) \(fault) \(end)" }
  }
  static let cases: [Case] = [Durability.process, .disk].flatMap { durability in
    [SimulatedFault.death, .deathWithin, .error(5), .shortWrite].flatMap { fault in
      [CrashModel.End.process, .power].map { Case(durability: durability, fault: fault, end: $0) }
    }
  }

  /// The first life is cut at each of its operations: first adoption, append, write, sync, seal, prepare, clean, close.
  @Test(arguments: cases) func everyOperationOfALife(_ test: Case) throws {
    let whole = try CrashModel(seed: 1, durability: test.durability)
    whole.run(.init(end: .process, steps: 34))
    #expect(whole.problems.isEmpty)
    for point in 1...whole.operationsOfLastLife + 1 {
      let model = try CrashModel(seed: UInt64(point), durability: test.durability)
      model.run(.init(faultAt: point, fault: test.fault, end: test.end, steps: 34))
      model.finish()
      #expect(model.problems.isEmpty, "at operation \(point)")
      if !model.problems.isEmpty { return }
    }
  }

  /// An adoption after a death or a power loss is itself cut at each of its operations, and so is what follows.
  @Test(arguments: cases) func everyOperationOfAnAdoption(_ test: Case) throws {
    for earlier in [CrashModel.End.process, .power] {
      for seed in 1...4 as ClosedRange<UInt64> {
        func prepared() throws -> CrashModel {
          let model = try CrashModel(seed: seed, durability: test.durability)
          model.run(.init(end: .process, steps: 9))
          model.run(.init(faultAt: 40 + Int(seed) * 9, fault: .deathWithin, end: earlier, steps: 19))
          return model
        }
        let whole = try prepared()
        whole.run(.init(end: .process, steps: 13))
        #expect(whole.problems.isEmpty)
        for point in 1...whole.operationsOfLastLife + 1 {
          let model = try prepared()
          model.run(.init(faultAt: point, fault: test.fault, end: test.end, steps: 13))
          model.finish()
          #expect(model.problems.isEmpty, "seed \(seed), after \(earlier), at operation \(point)")
          if !model.problems.isEmpty { return }
        }
      }
    }
  }

  /// Many lives with any fault anywhere.
  @Test(arguments: [Durability.process, .disk]) func randomLives(_ durability: Durability) throws {
    // The last three found: a first header begun in vain; a risen cut counter lost twice; an adoption whose superseded
    // predecessor was torn.
    for seed in Array(0..<300) + [839, 1047, 1748] as [UInt64] {
      var random = RandomState(seed: seed)
      let model = try CrashModel(seed: seed, durability: durability)
      for _ in 0..<8 {
        let faults: [SimulatedFault] = [.death, .deathWithin, .error(5), .error(28), .shortWrite]
        model.run(
          .init(
            faultAt: Int.random(in: 0...160, using: &random), fault: faults.randomElement(using: &random)!,
            end: Bool.random(using: &random) ? .process : .power, steps: Int.random(in: 0...30, using: &random)))
      }
      model.finish()
      #expect(model.problems.isEmpty, "seed \(seed)")
      if !model.problems.isEmpty { return }
    }
  }
}
