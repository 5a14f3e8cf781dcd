// `oneup needed-builds`: which builds logs and crash bundles need. Started by control, before it lets go of any.
import ArgumentParser
import Artifacts
import CHost
import Core
import Foundation
import Rehearsal

struct NeededBuildsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "needed-builds", abstract: "List the builds that a data directory's logs and crash bundles need.",
    discussion: """
      Standard output: one line of JSON, {"builds": [SHA-256, …]}, or {"error"} with exit status 1 where something could \
      not be read.
      """, shouldDisplay: false)
  @Option(help: "The server's data directory.") var data = "data"

  func run() throws {
    // It reads as much as there is.
    oneup_run_last()
    _ = oneup_run_in_parts(Int32(Throttle.partOfCore))
    do {
      let needed = try NeededBuilds.found(data: data)
      Self.say(["builds": .array(needed.map(\.description).sorted().map { .text($0) })])
    } catch {
      Self.say(["error": .text("\(error)")])
      throw ExitCode(1)
    }
  }
  private static func say(_ members: [String: JSON]) { emit(Data(JSON.object(members).canonical) + Data("\n".utf8)) }
}
