import Foundation
import ServerHarness
import Testing

/// What keeps a server from starting is one sentence with a command, exit status 78, and data that nobody has touched.
@Suite struct StartTests {
  private func refused(_ arguments: [String], _ words: [String], _ location: SourceLocation = #_sourceLocation) throws {
    let outcome = try Program.run(["serve", "--modules", Program.modules] + arguments)
    #expect(outcome.status == 78, "\(outcome.errors)", sourceLocation: location)
    #expect(outcome.output.isEmpty, sourceLocation: location)
    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)", sourceLocation: location)
    for word in words { #expect(outcome.errors.contains(word), "\(outcome.errors)", sourceLocation: location) }
  }

  @Test func occupiedPorts() throws {
    let scratch = try Scratch()
    let other = try RunningServer(data: scratch.path + "/other")
    let data = ["--data", scratch.path + "/data"]
    let port = String(other.port)
    try refused(data + ["--listen", other.ready.listen, "--http", "127.0.0.1:0"], [port, "ss -ltnp", "--listen"])
    try refused(data + ["--http", other.ready.http, "--listen", "127.0.0.1:0"], ["ss -ltnp", "--http"])
    try refused(data + ["--listen", "127.0.0.1:23456", "--http", "127.0.0.1:23456"], ["same port", "--http"])
    try refused(data + ["--listen", "0.0.0.0:23456", "--http", "127.0.0.1:23456"], ["same port", "--http"])
    try refused(
      ["--data", other.data, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"], ["Another server", "kill ", "--data"])
    #expect(try other.get("/readyz").isEmpty == false)
  }

  @Test func directoriesThatCannotBeUsed() throws {
    let scratch = try Scratch()
    let file = scratch.path + "/file"
    try "precious".write(toFile: file, atomically: true, encoding: .utf8)
    let ports = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    try refused(["--data", file] + ports, [file, "--data DIR"])
    // Nobody can make a file there, not even root.
    try refused(["--data", "/proc/self"] + ports, ["/proc/", "--data DIR"])
    #expect(try String(contentsOfFile: file, encoding: .utf8) == "precious")
    try refused(["--data", scratch.path + "/data", "--modules", "/nonexistent"], ["/nonexistent", "oneup build"])
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/data"))
  }

  @Test func aDirectoryOnWhichNothingHasBeenServedHasNoJournals() throws {
    let scratch = try Scratch()
    let data = scratch.path + "/data"
    try refused(["--data", data, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"], ["nobody signed", "--dev"])
    for verb in ["inspect", "verify", "repair"] {
      let outcome = try Program.run(["journal", verb, data])
      #expect(outcome.status == 0 && outcome.output.contains("has no journals"), "\(outcome)")
    }
  }

  @Test func processesAreNamedByWhatTheyDo() throws {
    let server = try RunningServer()
    for (role, name) in [("worker", "worker"), ("spare", "worker"), ("gateway", "gateway"), ("control", "control")] {
      let comm = try String(contentsOfFile: "/proc/\(server.processID(role))/comm", encoding: .utf8)
      #expect(comm == "oneup-\(name)\n", "\(role)")
    }
  }

  @Test func anotherNumberOfShards() throws {
    let scratch = try Scratch()
    let data = scratch.path + "/data"
    try RunningServer(data: data, ["--shards", "2"]).end(SIGTERM)
    let identity = try String(contentsOfFile: data + "/identity", encoding: .utf8)
    try refused(
      ["--data", data, "--shards", "3", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"],
      ["2 shards", "--shards", "--data"])
    #expect(try String(contentsOfFile: data + "/identity", encoding: .utf8) == identity)
    try FileManager.default.moveItem(atPath: data + "/identity", toPath: data + "/kept")
    try "version=1\nshards=many\n".write(toFile: data + "/identity", atomically: true, encoding: .utf8)
    try refused(["--data", data, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"], ["damaged", "backup"])
  }

  @Test(arguments: [
    ("workerz: 3", "workerz"), ("workers: many", "workers"), ("workers: 0", "1 to 64"),
    ("durability: eternal", "process or disk"),
    ("listen:\n  port: 1", "Line 2"), ("just text", "Line 1"), ("# a comment\n\nport: 1", "Line 3"),
    ("dev: \"perhaps\"", "true or false"), ("workers: [1", "config.yaml"),
  ])
  func settingsFiles(text: String, word: String) throws {
    let scratch = try Scratch()
    let file = scratch.path + "/config.yaml"
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    try refused(["--data", scratch.path + "/data", "--config", file], [word])
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/data"))
  }

  @Test func aSettingsFileCounts() throws {
    let scratch = try Scratch()
    let file = scratch.path + "/config.yaml"
    try "---\n# ours\nshards: 3\n\"restart-intensity\": 9\ndev: true\n".write(
      toFile: file, atomically: true, encoding: .utf8)
    let server = try RunningServer(data: scratch.path + "/data", ["--config", file])
    #expect(try String(contentsOfFile: server.data + "/identity", encoding: .utf8).contains("shards=3\n"))
    _ = try Player(server).enter("dev is true", of: "faulty")
  }

  @Test func wrongModulesAreNamedAndTheRestIsServed() throws {
    let scratch = try Scratch()
    let modules = scratch.path + "/modules"
    try FileManager.default.copyItem(atPath: Program.modules, toPath: modules)
    let manifest = try String(contentsOfFile: modules + "/tally.json", encoding: .utf8)
    let files = [
      ("garbage.wasm", "not WebAssembly"), ("garbage.json", manifest.replacing("\"tally\"", with: "\"garbage\"")),
      ("torn.wasm", ""), ("torn.json", "{"),
    ]
    for (name, text) in files { try text.write(toFile: "\(modules)/\(name)", atomically: true, encoding: .utf8) }
    let server = try RunningServer(data: scratch.path + "/data", modules: modules)
    // Workers say it by way of the supervisor, which may be a moment after the server is ready.
    let said = [
      "garbage.json is not taken in: the wasm file beside it", "torn.json is not taken in: it is no manifest",
    ]
    let deadline = ContinuousClock.now + .seconds(60)
    while !said.allSatisfy(server.log.contains), ContinuousClock.now < deadline { usleep(20_000) }
    for text in said { #expect(server.log.contains(text), "\(server.log)") }
    let player = try Player(server)
    player.join(2, "garbage", "g")
    #expect(player.next(Kind.error, Kind.attached)?.code == 6)
    _ = try player.enter("r")
  }
}
