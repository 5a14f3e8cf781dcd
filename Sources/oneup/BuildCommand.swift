// `oneup build`: from a module's sources to what a server loads.
import ArgumentParser
import Foundation
import ModuleBuilder
import Sandbox

struct BuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build", abstract: "Build a room module (module.json and Sources) to WebAssembly.",
    discussion: "Example: oneup build Modules/tally --output .build/modules")

  @Argument(help: "The module's directory.") var path: String
  @Option(help: "Where NAME.wasm and NAME.json go.") var output = "modules"
  @Option(help: "The room SDK's sources (default: ONEUP_SDK, else Sources/OneUpRoom above the module).")
  var sdk: String?

  func run() throws {
    do {
      let built = try ModuleBuilder.build(directory: path, output: output, sdk: sdk)
      print("\(built.module): \(built.manifest.name) \(built.manifest.version)")
    } catch {
      FileHandle.standardError.write(Data("oneup: \(error)\n".utf8))
      throw ExitCode(1)
    }
  }
}
