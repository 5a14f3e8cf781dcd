// `oneup dev`: a server for the game in a folder that takes over each save, with the rooms as they are.
import ArgumentParser
import Artifacts
import CHost
import Foundation
import ModuleBuilder
import SupervisionShell

struct DevCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dev", abstract: "Run a game while you write it: each save goes live in the running rooms.",
    discussion: """
      Builds the module in PATH, starts a server for it and watches Sources, Page and module.json. What is saved is \
      built and swapped into the running rooms with their state, nobody is disconnected; what does not compile is \
      shown here and on the page, and the build before goes on. Everything the server keeps is in PATH/.oneup, made \
      anew at each start.

      Example:
        oneup new meadow && oneup dev meadow
      """)

  @Argument(help: "The module's directory.") var path = "."
  @Option(
    help: ArgumentHelp(
      "Where players connect. Without it: 127.0.0.1:7777, or any free port where that is taken.", valueName: "host:port"
    ))
  var listen: String?
  @Option(
    help: ArgumentHelp(
      "Where the page is served. Without it: 127.0.0.1:7780, or any free port where that is taken.",
      valueName: "host:port"))
  var http: String?
  @Option(
    help: ArgumentHelp(
      "The room SDK's sources (default: ONEUP_SDK, else those that came with this program).", valueName: "path"))
  var sdk: String?
  @Flag(help: "Do not open the page in a browser.") var noOpen = false

  func run() throws {
    let place = DevPlace(URL(fileURLWithPath: path).standardizedFileURL.path)
    try asked {
      try place.prepare()
      let signals = oneup_signal_descriptor()
      guard signals >= 0 else { throw HTTPFailure("Signals cannot be waited for: \(systemText(-signals)).") }
      var loop = try DevLoop(place: place, sdk: sdk, signals: signals, opensPage: !noOpen && Self.hasScreen)
      try loop.run(listen: listen, http: http)
    }
  }

  /// Somebody sits before this machine, and it knows how to show a page.
  private static var hasScreen: Bool {
    let environment = ProcessInfo.processInfo.environment
    return isatty(STDOUT_FILENO) == 1 && (environment["DISPLAY"] ?? environment["WAYLAND_DISPLAY"]) != nil
  }
}

/// The folders of one module under development.
struct DevPlace: Sendable {
  /// The module's own.
  let module: String
  init(_ module: String) { self.module = module }

  private var own: String { module + "/.oneup" }
  /// Of the running server; gone at the next start.
  var data: String { own + "/data" }
  /// Where the server keeps compiled code.
  var cache: String { data + "/cache" }
  /// What the server takes in when it starts.
  var modules: String { own + "/modules" }
  /// Where each save is built.
  var builds: String { own + "/builds" }
  var log: String { own + "/server.log" }

  func prepare() throws(HTTPFailure) {
    let files = FileManager.default
    guard files.fileExists(atPath: module + "/module.json") else {
      throw HTTPFailure(
        "There is no module.json in \(module). Go to a game's folder, or name it: oneup dev PATH. `oneup new NAME` makes "
          + "one.")
    }
    do {
      for directory in [data, modules] where files.fileExists(atPath: directory) {
        try files.removeItem(atPath: directory)
      }
      // What a build compiles for the server goes there before the server is started.
      for directory in [modules, data, cache] {
        // Nobody else may put code there.
        try files.createDirectory(
          atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      }
    } catch {
      throw HTTPFailure(
        "\(own) cannot be written: \(cause(of: error)). Does another `oneup dev` run in this folder?")
    }
  }

  /// Gives a build to the server that is about to start. The page is the module's own folder, so that each save of it
  /// is served at once.
  func put(_ build: BuiltModule) throws(HTTPFailure) {
    let files = FileManager.default
    let name = build.manifest.name
    do {
      for (from, to) in [
        (build.module, "\(name).wasm"), (build.lines, "\(name).lines"), (build.manifestPath, "\(name).json"),
      ] {
        try files.copyItem(atPath: from, toPath: modules + "/" + to)
      }
      try files.createSymbolicLink(atPath: "\(modules)/\(name).page", withDestinationPath: module + "/Page")
    } catch {
      throw HTTPFailure("\(modules) cannot be written: \(cause(of: error)).")
    }
  }
}
