import Foundation
import ServerHarness
import Testing

/// `oneup drill` with a server of its own that does not live to the end.
@Suite struct DrillCommandTests {
  /// A drill of half a minute under way, its server serving.
  private final class Running {
    let scratch: Scratch
    let process = Process()
    private let errors: String
    private(set) var server: Int32 = 0

    private struct Serving: Decodable { var pid: Int32 }

    init() throws {
      scratch = try Scratch()
      errors = scratch.path + "/errors"
      _ = FileManager.default.createFile(atPath: errors, contents: nil)
      process.executableURL = Program.oneup
      process.arguments = ["drill", "--players", "4", "--rooms", "2", "--seconds", "30", "--quiet"]
      var environment = ProcessInfo.processInfo.environment
      environment["TMPDIR"] = scratch.path
      environment["ONEUP_MODULES"] = Program.modules
      process.environment = environment
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle(forWritingAtPath: errors)
      try process.run()
      let deadline = Date(timeIntervalSinceNow: 60)
      while server == 0, Date() < deadline {
        if let name = directories.first,
          let bytes = FileManager.default.contents(atPath: "\(scratch.path)/\(name)/data/serving.json"),
          let serving = try? JSONDecoder().decode(Serving.self, from: bytes)
        {
          server = serving.pid
        }
        usleep(10_000)
      }
      guard server != 0 else { throw Failure(description: "the drill's server does not serve: \(said)") }
    }
    deinit {
      if server != 0, process.isRunning { kill(server, SIGKILL) }
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
      process.waitUntilExit()
    }
    var directories: [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: scratch.path)) ?? []).filter {
        $0.hasPrefix("oneup-drill-")
      }
    }
    var said: String { (try? String(contentsOfFile: errors, encoding: .utf8)) ?? "" }
  }

  @Test func aServerThatDiesIsSaidToHaveDied() throws {
    let drill = try Running()
    // Its word that it is ready may come after the file that it was found by.
    struct Vitals: Decodable { var players: Int }
    let directory = try #require(drill.directories.first)
    let data = "\(drill.scratch.path)/\(directory)/data"
    let seen = try Program.run(["ps", "--data", data, "--json"]) { outcome in
      let vitals = try? JSONDecoder().decode(Vitals.self, from: Data(outcome.output.utf8))
      return (vitals?.players ?? 0) > 0
    }
    #expect(seen.status == 0, "\(seen)")
    kill(drill.server, SIGKILL)
    drill.process.waitUntilExit()
    #expect(drill.process.terminationStatus == 2 && drill.process.terminationReason == .exit)
    #expect(drill.said.contains("the server was killed by signal 9") && drill.said.contains("kept in"), "\(drill.said)")
    #expect(drill.directories.count == 1, "for a look at its log")
  }

  @Test func anInterruptedDrillLeavesNothing() throws {
    let drill = try Running()
    kill(drill.process.processIdentifier, SIGTERM)
    drill.process.waitUntilExit()
    #expect(drill.process.terminationReason == .uncaughtSignal && drill.process.terminationStatus == SIGTERM)
    #expect(drill.directories.isEmpty)
    #expect(kill(drill.server, 0) == -1, "its server has ended")
  }

  @Test func modulesComeFromTheEnvironmentToo() throws {
    let process = Process()
    let errors = Pipe()
    process.executableURL = Program.oneup
    process.arguments = ["drill", "--seconds", "1", "--quiet"]
    process.environment = ProcessInfo.processInfo.environment.merging(["ONEUP_MODULES": "/nonexistent"]) { $1 }
    process.standardOutput = FileHandle.nullDevice
    process.standardError = errors
    try process.run()
    let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 2 && said.contains("/nonexistent"), "\(said)")
  }
}
