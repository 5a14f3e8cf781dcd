import Foundation
import ServerHarness
import Testing

/// A crash that was exported is run again where nothing of its server is: in an empty directory.
@Suite struct CrashElsewhereTests {
  struct Crash: Decodable { var name: String }

  private func run(_ arguments: [String], in directory: String) throws -> Program.Outcome {
    let outcome = try Program.run(arguments, in: directory)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: directory).allSatisfy { !$0.hasPrefix("data") },
      "it leaves no data directory behind")
    return outcome
  }

  @Test func anExportedCrashIsReplayedInAnEmptyDirectory() throws {
    let scratch = try Scratch()
    let data = scratch.path + "/data"
    do {
      let server = try RunningServer(data: data, ["--shards", "1"])
      let player = try Player(server)
      _ = try player.enter("room", of: "faulty")
      for seq in 1...5 { player.input(UInt64(seq), [9, UInt8(seq)]) }
      player.input(6, [1])
      player.input(7, [9, 7])
      while let ack = player.next(Kind.ack)?.fields.numbers[2], ack < 7 {}
      // Its state's hash comes a moment after it.
      let deadline = Date(timeIntervalSinceNow: 60)
      while Date() < deadline {
        let shown = try Program.run(["crash", "show", "last", "--data", data])
        if shown.output.contains("the hash of the state") { break }
        usleep(20_000)
      }
    }
    let file = scratch.path + "/gem.crash"
    #expect(try Program.run(["crash", "export", "last", file, "--data", data]).status == 0)
    let listed = try Program.run(["crash", "list", "--data", data, "--json"])
    let name = try #require(try JSONDecoder().decode([Crash].self, from: Data(listed.output.utf8)).first).name
    let bundle = scratch.path + "/plain.bundle"
    try FileManager.default.copyItem(atPath: "\(data)/crashes/\(name).bundle", toPath: bundle)
    // The server, its builds and its data are gone.
    let build = scratch.path + "/taken"
    try FileManager.default.createDirectory(atPath: build, withIntermediateDirectories: true)
    // With its source lines: by them the server wrote down where it was.
    for file in ["faulty.wasm", "faulty.json", "faulty.lines"] {
      try FileManager.default.copyItem(atPath: Program.modules + "/" + file, toPath: build + "/" + file)
    }
    try FileManager.default.removeItem(atPath: data)
    let empty = scratch.path + "/empty"
    try FileManager.default.createDirectory(atPath: empty, withIntermediateDirectories: true)

    let same = try run(["crash", "replay", file], in: empty)
    #expect(same.status == 0, "\(same.output)\(same.errors)")
    #expect(same.output.contains("the same") && same.output.contains("byte for byte"), "\(same.output)")
    let tried = try run(["crash", "replay", file, "--module", build + "/faulty.wasm"], in: empty)
    #expect(tried.status == 1 && tried.output.contains("fails"), "\(tried.output)\(tried.errors)")
    #expect(try run(["crash", "show", file], in: empty).output.contains("readBeyondTheEnd"))
    // The bundle as the worker wrote it lacks the build: it is said, and the build may be given.
    let lacking = try run(["crash", "replay", bundle], in: empty)
    #expect(lacking.status == 2 && lacking.errors.contains("is not in"), "\(lacking.errors)")
    let given = try run(["crash", "replay", bundle, "--module", build + "/faulty.wasm"], in: empty)
    #expect(given.status == 0 && given.output.contains("the same"), "\(given.output)\(given.errors)")
  }
}
