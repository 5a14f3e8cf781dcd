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
  @Option(help: ArgumentHelp("Write the last line here too.", valueName: "path")) var report: String?
  @Option(
    help: ArgumentHelp(
      "With --report: go on when whoever started it dies, as long as this process lives.", valueName: "pid",
      visibility: .hidden))
  var whileAlive: Int32?
  @OptionGroup(title: "By what it is judged") var rollback: RollbackArguments

  func run() throws {
    let file = report.map { RehearsalFile(path: $0) }
    do {
      if let file, let whileAlive {
        do throws(RehearsalError) { try file.hold() } catch {
          // What is left there is the other one's to say.
          Self.say(Self.failure("\(error)"))
          throw ExitCode(1)
        }
        try outliveParent(while: whileAlive, file)
      }
      Self.sayLast(try JSONEncoder().encode(try rehearsed()), file)
    } catch let end as ExitCode {
      throw end
    } catch {
      Self.sayLast(Self.failure("\(error)"), file)
      throw ExitCode(1)
    }
  }

  /// What it is to find is not lost with whoever asked for it. It ends by itself where nobody can want it any more, and
  /// where it takes far too long.
  private func outliveParent(while pid: Int32, _ file: RehearsalFile) throws {
    let owner = oneup_pidfd_open(pid)
    guard owner >= 0 else { throw RehearsalError("process \(pid) is gone") }
    signal(SIGPIPE, SIG_IGN)
    oneup_outlive_parent()
    let secondsMax = seconds + ReleaseSettings.rehearsalGraceSeconds
    Thread.detachNewThread {
      var end = pollfd(fd: owner, events: Int16(POLLIN), revents: 0)
      var ended: Int32
      repeat { ended = poll(&end, 1, Int32(clamping: secondsMax * 1_000)) } while ended < 0 && errno == EINTR
      // Without a word whoever comes next would begin anew, and take as long.
      if ended == 0 { Self.sayLast(Self.failure("it was not ready after \(secondsMax) s"), file) }
      _exit(1)
    }
  }

  private func rehearsed() throws -> Report {
    if prepareOnly {
      // Somebody waits for it, and it is short: behind the players, but not only when nobody plays.
      setpriority(Int32(PRIO_PROCESS.rawValue), 0, 10)
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
  private static func failure(_ why: String) -> Data { Data(JSON.object(["error": .text(why)]).canonical) }
  /// The file is for whoever did not hear it: where it cannot be written, on a full disk for one, it is said all the same.
  private static func sayLast(_ line: Data, _ file: RehearsalFile?) {
    try? file?.leave(Array(line))
    say(line)
  }
  private static func say(_ line: Data) { emit(line + Data("\n".utf8)) }
}
