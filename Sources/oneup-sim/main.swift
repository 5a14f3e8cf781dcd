// oneup-sim: a whole simulated server, from a seed or by a scenario's name. Ends with 0, or with 1 and the broken
// invariant, the seed and the last lines of the trace.
//
//   oneup-sim --scenario NAME --trace                 what happened, for people
//   oneup-sim --scenario all --write-traces DIR       of all scenarios, a file each
import Core
import Simulation

struct Arguments {
  var seed: UInt64 = 1
  var count: UInt64 = 1
  var steps = 200
  var lines = 60
  var scenario: String?
  var room: UInt64?
  var isList = false
  var isTrace = false
  var tracesDirectory: String?

  /// Nil: not understood.
  init?(_ words: [String]) {
    var i = 0
    while i < words.count {
      if words[i] == "--list" || words[i] == "--trace" {
        if words[i] == "--list" { isList = true } else { isTrace = true }
        i += 1
        continue
      }
      guard i + 1 < words.count else { return nil }
      let value = words[i + 1]
      switch words[i] {
      case "--scenario": scenario = value
      case "--write-traces": tracesDirectory = value
      case "--room": room = UInt64(value, radix: 16)
      case "--seed": if let number = UInt64(value) { seed = number } else { return nil }
      case "--count": if let number = UInt64(value) { count = number } else { return nil }
      case "--steps": if let number = Int(value) { steps = number } else { return nil }
      case "--lines": if let number = Int(value) { lines = number } else { return nil }
      default: return nil
      }
      i += 2
    }
  }
}

/// Whether it went well.
func report(_ world: World, _ name: String, _ arguments: Arguments) -> Bool {
  if let violation = world.violation {
    if let room = arguments.room { world.dump(RoomID(room)).forEach { print($0) } }
    world.traceLines(arguments.lines).forEach { print($0) }
    print("\(name): \(violation)")
  } else {
    print("\(name): well; \(world.counters.summary)")
  }
  print("trace \(hex16(world.traceHash))")
  return world.violation == nil
}

guard let arguments = Arguments(Array(CommandLine.arguments.dropFirst())) else {
  print(
    "usage: oneup-sim [--seed N] [--steps N] [--count N] | --scenario NAME|all [--trace] [--write-traces DIR] | --list")
  print("       [--lines N] [--room ID]")
  exitProgram(2)
}
var isWell = true
if arguments.isList {
  for scenario in Scenario.all { print("\(scenario.name): \(scenario.story)") }
} else if let name = arguments.scenario {
  let chosen = Scenario.all.filter { $0.name == name || name == "all" }
  guard !chosen.isEmpty else {
    print("no scenario '\(name)': see --list")
    exitProgram(2)
  }
  for scenario in chosen {
    let world = scenario.run()
    if arguments.isTrace { world.storyLines.forEach { print($0) } }
    isWell = report(world, "scenario \(scenario.name)", arguments) && isWell
    if let directory = arguments.tracesDirectory {
      writeFile("\(directory)/\(scenario.name).txt", scenario.trace(of: world))
    }
  }
} else {
  for seed in arguments.seed..<arguments.seed + arguments.count {
    let world = World(.random(seed: seed, steps: arguments.steps))
    var driver = Driver(world)
    driver.run()
    isWell = report(world, "seed \(seed)", arguments) && isWell
  }
}
exitProgram(isWell ? 0 : 1)
