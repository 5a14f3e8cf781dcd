// oneup-sim: one simulated run from a seed.
import Core
import Simulation

func number(_ name: String) -> UInt64? {
  guard let i = CommandLine.arguments.firstIndex(of: name), i + 1 < CommandLine.arguments.count else { return nil }
  return UInt64(CommandLine.arguments[i + 1])
}

func text(_ name: String) -> String? {
  guard let i = CommandLine.arguments.firstIndex(of: name), i + 1 < CommandLine.arguments.count else { return nil }
  return CommandLine.arguments[i + 1]
}

let seed = number("--seed") ?? 1
let count = number("--count") ?? 1
for seed in seed..<seed + count {
  let world = World(.random(seed: seed, steps: Int(number("--steps") ?? 200)))
  var driver = Driver(world)
  driver.run()
  if let violation = world.violation {
    print(world.traceLines(Int(number("--lines") ?? 60)).joined(separator: "\n"))
    if let hex = text("--room"), let room = UInt64(hex, radix: 16) {
      print(world.dump(RoomID(room)).joined(separator: "\n"))
    }
    print("seed \(seed): \(violation)")
  } else {
    print("seed \(seed) ok \(world.counters)")
  }
  print("trace \(hex16(world.traceHash))")
}
