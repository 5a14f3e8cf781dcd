// What journal and sandbox cost a worker: the same core with both, without the one, without the other, without both.
//
//   bench-worker MODULES DIRECTORY ROUNDS MESSAGES INPUTS-A-TURN
//
// MODULES holds `reply`; the journal goes into DIRECTORY. The variants take turns; one line of JSON has the medians,
// in nanoseconds of the worker's thread a message, without sockets.
import Glibc
import Sandbox

func fail(_ text: String) -> Never {
  let line = Array("bench-worker: \(text)\n".utf8)
  _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
  exit(1)
}

let words = CommandLine.arguments
guard words.count == 6, let rounds = Int(words[3]), let messages = Int(words[4]), let inputs = Int(words[5]),
  rounds > 0, inputs > 0, inputs <= 100, messages >= inputs
else { fail("usage: bench-worker MODULES DIRECTORY ROUNDS MESSAGES INPUTS-A-TURN") }

do {
  var options = EngineOptions()
  options.roomsMax = 1_000
  func sandbox() throws -> WasmEngine {
    let engine = try WasmEngine(options)
    _ = try engine.load(directory: words[1])
    return engine
  }
  let engine = try sandbox()
  guard let settings = engine.module(named: "reply") else { fail("no module 'reply' in \(words[1])") }
  let benches = [
    try Bench("both", engine, rooms: 100, directory: words[2]),
    try Bench("sandbox", try sandbox(), rooms: 100, directory: nil),
    try Bench("journal", HostEngine(settings), rooms: 100, directory: words[2]),
    try Bench("neither", HostEngine(settings), rooms: 100, directory: nil),
  ]
  var found = benches.map { _ in [Double]() }
  // The first round is for rings and buffers to find their size.
  for round in 0...rounds {
    for (i, bench) in benches.enumerated() {
      let nanoseconds = try bench.run(turns: messages / inputs, inputs: inputs)
      if round > 0 { found[i].append(nanoseconds) }
    }
  }
  let medians = found.map { $0.sorted()[$0.count / 2] }
  print("{" + zip(benches, medians).map { "\"\($0.name)\":\($1)" }.joined(separator: ",") + "}")
} catch { fail("\(error)") }
