// Every story, under all checkers.
import Simulation
import Testing

struct ScenarioTests {
  @Test(arguments: Scenario.all.map(\.name))
  func endsWell(_ name: String) throws {
    let scenario = try #require(Scenario.all.first { $0.name == name })
    let world = scenario.run()
    if let violation = world.violation {
      Issue.record("\(name): \(violation)\n\(world.traceLines(80).joined(separator: "\n"))")
    }
  }

  @Test func namesAreUnique() {
    #expect(Set(Scenario.all.map(\.name)).count == Scenario.all.count)
  }
}
