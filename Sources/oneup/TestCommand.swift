// `oneup test`: a module's own tests, without a server.
import ArgumentParser
import Foundation
import ModuleBuilder

struct TestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "test", abstract: "Run a room module's tests (Sources and Tests) on this machine.",
    discussion: """
      The first run compiles the SDK too; later ones only what changed.

      Examples:
        oneup test
        oneup test Modules/arena --filter twins
      """)

  @Argument(help: "The module's directory.") var path = "."
  @Option(help: ArgumentHelp("Only tests whose names match this regular expression.", valueName: "regex")) var filter:
    String?
  @Option(
    help: ArgumentHelp(
      "The room SDK's sources (default: ONEUP_SDK, else those that came with this program).", valueName: "path"))
  var sdk: String?

  func run() throws {
    var status: Int32 = 0
    try authored {
      let tests = try ModuleTests(directory: path, sdk: sdk)
      let process = Process()
      process.executableURL = URL(fileURLWithPath: tests.swift)
      process.arguments = tests.arguments(filter: filter)
      try process.run()
      process.waitUntilExit()
      status = process.terminationStatus
    }
    throw ExitCode(status)
  }
}
