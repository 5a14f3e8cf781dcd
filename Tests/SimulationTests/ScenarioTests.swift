// Every story, under all checkers, and told as it is expected to be.
//
// A trace that differs is either a mistake or a wanted change of what happens. After a wanted one, write them anew and
// review the difference like code:
//
//     swift run -c release oneup-sim --scenario all --write-traces Tests/SimulationTests/traces
import Simulation
import Testing

#if canImport(Glibc)
  import Glibc
#endif

struct ScenarioTests {
  @Test(arguments: Scenario.all.map(\.name))
  func endsWellAndAsExpected(_ name: String) throws {
    let scenario = try #require(Scenario.all.first { $0.name == name })
    let world = scenario.run()
    if let violation = world.violation {
      Issue.record("\(name): \(violation)\n\(world.traceLines(80).joined(separator: "\n"))")
      return
    }
    let trace = scenario.trace(of: world)
    guard let expected = Self.expectedTrace(name) else {
      Issue.record("\(name) has no expected trace: see the head of this file")
      return
    }
    if trace != expected {
      Issue.record("\(name) goes another way than its trace:\n\(Self.difference(expected, trace))")
    }
  }

  @Test func namesAreUnique() {
    #expect(Set(Scenario.all.map(\.name)).count == Scenario.all.count)
  }

  /// Beside this file.
  private static func expectedTrace(_ name: String) -> String? {
    let directory = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    guard let file = fopen("\(directory)/traces/\(name).txt", "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes += chunk[..<count]
    }
  }

  /// From where they differ, some lines of both.
  private static func difference(_ expected: String, _ found: String) -> String {
    let (old, new) = (expected.split(separator: "\n"), found.split(separator: "\n"))
    let same = zip(old, new).prefix { $0 == $1 }.count
    let before = old[max(0, same - 3)..<same].map { "  \($0)" }
    return
      (before + old.dropFirst(same).prefix(6).map { "- \($0)" } + new.dropFirst(same).prefix(6).map { "+ \($0)" })
      .joined(separator: "\n")
  }
}
