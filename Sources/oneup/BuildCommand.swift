// `oneup build`: from a module's sources to what a server loads.
import ArgumentParser
import Artifacts
import Foundation
import ModuleBuilder
import Sandbox

struct BuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build", abstract: "Build a room module (module.json and Sources) to WebAssembly.",
    discussion: """
      Writes NAME.wasm, NAME.json with the schema of its messages and state, NAME.lines, by which backtraces name \
      source lines, and NAME.page from its Page folder. What module.json lists as variants goes to the folder shelf \
      beside them.

      Examples:
        oneup build                         the module in this folder, to ./modules
        oneup build Modules/arena --output .build/modules
      """)

  @Argument(help: "The module's directory.") var path = "."
  @Option(help: ArgumentHelp("Where NAME.wasm, NAME.json and NAME.page go.", valueName: "path")) var output = "modules"
  @Flag(help: "For trying things out: built in a third of the time, not optimised, with more fuel; without variants.")
  var development = false
  @Flag(help: "To machine code for this kind of processor: trusted, without a sandbox. NAME.so instead of NAME.wasm.")
  var native = false
  @Option(
    help: ArgumentHelp(
      "The room SDK's sources (default: ONEUP_SDK, else those that came with this program).", valueName: "path"))
  var sdk: String?

  func run() throws {
    try authored {
      let built = try ModuleBuilder.build(
        directory: path, output: output,
        options: BuildOptions(
          sdk: sdk, isDevelopment: development, withVariants: !development, format: native ? .native : .wasm))
      print("\(built.module): \(built.manifest.name) \(built.manifest.version)")
      for note in built.notes { complain("\(note)") }
    }
  }
}

/// Runs `body`; what is wrong with a module goes to standard error, with exit status 1.
func authored(_ body: () throws -> Void) throws {
  do { try body() } catch let error as BuildError {
    complain("\(error)")
    throw ExitCode(1)
  }
}
