// `oneup journal`: looks at the journals of a data directory from outside.
import ArgumentParser
import Foundation
import Journal

struct JournalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "journal", abstract: "Look at or verify the journals of a data directory.",
    subcommands: [Inspect.self, Verify.self])

  struct Place: ParsableArguments {
    @Argument(help: "The data directory, or one shard's directory in it.") var path = "data"
  }

  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Headers, marks and what is not yet durable.")
    @OptionGroup var place: Place
    func run() throws {
      try JournalCommand.each(place.path) { inspector, directory in try inspector.inspect(directory) }
    }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Read every record; exit status 1 where one is damaged.")
    @OptionGroup var place: Place
    func run() throws {
      try JournalCommand.each(place.path) { inspector, directory in try inspector.verify(directory) }
    }
  }

  /// The shards' directories below a data directory, or the directory itself.
  static func shards(_ path: String) -> [String] {
    let below = path + "/shards"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: below)) ?? []
    return names.isEmpty ? [path] : names.sorted().map { "\(below)/\($0)" }
  }

  static func each(
    _ path: String, _ look: (JournalInspector<PosixFileSystem>, String) throws -> JournalReport
  ) throws {
    var isWhole = true
    for directory in shards(path) {
      do {
        let report = try look(JournalInspector(PosixFileSystem()), directory)
        print(report.text)
        isWhole = isWhole && report.isWhole
      } catch {
        FileHandle.standardError.write(Data("oneup: \(directory): \(error)\n".utf8))
        isWhole = false
      }
    }
    if !isWhole { throw ExitCode(1) }
  }
}
