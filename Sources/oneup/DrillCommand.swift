// `oneup drill`: load, faults and a verdict, against a server of its own or a running one.
import ArgumentParser
import Core
import Drill
import Foundation

struct DrillCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drill",
    abstract: "Load a server, break it on purpose, and count what was lost: nothing, or it fails.",
    discussion: """
      Without --server the drill starts a server of its own and removes it afterwards.

      Faults, each every PERIOD: worker-kill, worker-stop, gateway-kill, spare-kill, control-kill, all-kill, trap, \
      spin, native-crash.

      Releases, each once, after PERIOD: good-release stays; bad-, wrong-, slow-, leaky- and refusing-release must \
      be taken back by the server itself.

      Examples:
        oneup drill --seconds 30 --fault worker-kill=5s --fault trap=2s
        oneup drill --rooms 20 --seconds 20 --fault bad-release=5s
        oneup drill --server 127.0.0.1:7777 --token-file data/admin-token

      Exit status: 0 nothing lost, doubled or out of order; 1 otherwise; 2 the drill itself could not be held.
      """)

  @Option(help: ArgumentHelp("How many players.", valueName: "number")) var players = 100
  @Option(help: ArgumentHelp("How many rooms they share.", valueName: "number")) var rooms = 10
  @Option(help: ArgumentHelp("Numbered inputs a second from each player.", valueName: "number")) var rate = 5.0
  @Option(help: ArgumentHelp("How long the load lasts.", valueName: "number")) var seconds = 10
  @Option(
    help: ArgumentHelp("KIND=PERIOD, such as worker-kill=5s; may be given more than once.", valueName: "kind=period"))
  var fault: [String] = []
  @Flag(help: "Releases go by rehearsal and step by step, not to all rooms at once.") var gates = false
  @Option(help: ArgumentHelp("Drill a running server at HOST:PORT instead of one of its own.", valueName: "host:port"))
  var server: String?
  @Option(help: ArgumentHelp("The running server's control, HOST:PORT.", valueName: "host:port")) var http =
    "127.0.0.1:7780"
  @Option(help: ArgumentHelp("The running server's admin-token file.", valueName: "path")) var tokenFile =
    "data/admin-token"
  @Option(help: ArgumentHelp("For a server of its own: process or disk.", valueName: "process|disk")) var durability =
    "process"
  @Option(help: ArgumentHelp("For a server of its own: where the modules are.", valueName: "path")) var modules: String?
  @Option(
    help: ArgumentHelp(
      "Write the report as JSON to this file; -: to standard output, in place of the text.", valueName: "path"))
  var json: String?
  @Option(help: ArgumentHelp("Write the report as a page with charts to this file.", valueName: "path")) var html:
    String?
  @Flag(help: "No line of progress.") var quiet = false

  func run() throws {
    let report: DrillReport
    do {
      var options = DrillOptions(target: try target())
      options.players = players
      options.rooms = rooms
      options.rate = rate
      options.seconds = seconds
      options.faults = try fault.map { try FaultPlan(argument: $0) }
      options.usesGates = gates
      for path in [json, html] { try path.map(Self.check) }
      options.showsProgress = !quiet && isatty(STDERR_FILENO) == 1
      options.endsWithSignals = true
      let chosen = options
      report = try waiting { try await runDrill(chosen) }
    } catch {
      complain("\(error)")
      throw ExitCode(2)
    }
    print(json == "-" ? report.json : report.text, terminator: "")
    if let json, json != "-" { try write(report.json, to: json) }
    if let html { try write(report.html, to: html) }
    if !report.isClean { throw ExitCode(1) }
  }

  /// Known before the drill, not after it, that its report can be written.
  private static func check(_ path: String) throws {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard path != "-", access(folder, W_OK) != 0 else { return }
    throw ValidationError("no report can be written in \(folder): \(String(cString: strerror(errno)).lowercased())")
  }

  private func target() throws -> DrillOptions.Target {
    guard let server else {
      guard let level = ["process": Durability.process, "disk": .disk][durability] else {
        throw ValidationError("--durability must be process or disk")
      }
      // The server is a child of this process and takes it from the environment.
      let variable = Setting.modules.environmentName
      setenv(variable, try Settings.modules(modules ?? ProcessInfo.processInfo.environment[variable]), 1)
      let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
      return .own(program: program, durability: level)
    }
    guard let token = FileManager.default.contents(atPath: tokenFile) else {
      throw ValidationError(
        "cannot read \(tokenFile): name the server's admin token with --token-file DATA/admin-token")
    }
    return .running(
      server: try Address(argument: server), http: try Address(argument: http),
      token: String(decoding: token, as: UTF8.self).trimmed)
  }

  private func write(_ text: String, to path: String) throws {
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    } catch {
      complain("\(path) cannot be written: \(cause(of: error))")
      throw ExitCode(2)
    }
  }
}
