// `oneup rehearse`: the process in which a release is tried on copies of live rooms. Started by control, or by hand.
import ArgumentParser
import Artifacts
import CHost
import Core
import Foundation
import Rehearsal
import ReleaseCore

struct RehearseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rehearse", abstract: "Try a build on copies of live rooms and on the kept crashes.",
    discussion: """
      Both builds must be in DATA/modules, named by their hashes. Copies of up to 50 rooms that run --from are \
      carried to --to and given the events that they had; what the copies ask for goes nowhere. Takes at most a \
      quarter of a core.

      Standard output: a line of JSON for each step, the report as the last. Exit status 0 when there is a report, \
      whatever its verdict (good, bad or thin); 1 when the last line is {"error"}.

      Example:
        oneup rehearse --data data --module arena --from HASH --to HASH
      """)

  @Option(help: "The server's data directory.") var data = "data"
  @Option(help: "The module's name.") var module: String
  @Option(help: ArgumentHelp("The build that rooms run now, by its SHA-256.", valueName: "sha256")) var from: String?
  @Option(help: ArgumentHelp("The build to try, by its SHA-256.", valueName: "sha256")) var to: String
  @Option(help: "How long it may take, in seconds.") var seconds = Rehearsal.secondsMax
  @Flag(help: "Only compile the build for the workers.") var prepareOnly = false
  @Option(help: ArgumentHelp("A worker's socket. Without it: those of the data directory.", valueName: "path"))
  var worker: [String] = []
  @Option(help: ArgumentHelp("A crash bundle or a room's bundle, instead of live rooms.", valueName: "path"))
  var bundle: [String] = []
  @Option(help: ArgumentHelp("Write the report here too.", valueName: "path")) var report: String?
  @OptionGroup(title: "By what it is judged") var rollback: RollbackArguments

  func run() throws {
    do {
      let result = try rehearsed()
      let line = try JSONEncoder().encode(result)
      if let report { try line.write(to: URL(fileURLWithPath: report), options: .atomic) }
      Self.say(line)
    } catch {
      Self.say(Data(JSON.object(["error": .text("\(error)")]).canonical))
      throw ExitCode(1)
    }
  }

  private func rehearsed() throws -> Report {
    if prepareOnly {
      // Somebody waits for it, and it is short: behind the players, but not only when nobody plays.
      _ = nice(10)
    } else {
      oneup_run_last()
      _ = oneup_run_in_parts(Int32(Throttle.partOfCore))
    }
    var run = RehearsalRun(data: data, module: module, from: try from.map(Self.hash), to: try Self.hash(to))
    guard !prepareOnly else {
      _ = try run.prepare()
      return Report(verdict: .thin)
    }
    run.seconds = seconds
    run.settings = try rollback.settings()
    run.files = bundle
    if !worker.isEmpty { run.sockets = worker }
    return try run.run { step in
      let line: [String: JSON] = [
        "phase": .text(step.phase.rawValue), "rooms": .number(step.done), "of": .number(step.of),
        "events": .number(step.events),
      ]
      Self.say(Data(JSON.object(line).canonical))
    }
  }

  private static func hash(_ text: String) throws -> ModuleHash {
    guard let hash = ModuleHash(hex: text) else {
      throw RehearsalError("\(text) is no build: write the 64 digits of its SHA-256")
    }
    return hash
  }
  private static func say(_ line: Data) { emit(line + Data("\n".utf8)) }
}
