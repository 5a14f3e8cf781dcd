// `oneup journal`: looks at the journals of a data directory from outside.
import ArgumentParser
import Foundation
import Journal

struct JournalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "journal", abstract: "Look at, verify or repair the journals of a data directory.",
    subcommands: [Inspect.self, Verify.self, Repair.self])

  struct Place: ParsableArguments {
    @Argument(help: "The data directory, or one shard's directory in it.") var path = "data"
  }

  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Headers, marks, and the records above the durable mark; `verify` reads all.")
    @OptionGroup var place: Place
    func run() throws {
      try JournalCommand.each(place.path) { inspector, directory in try inspector.inspect(directory) }
    }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Read every record; exit status 1 where something is damaged that no repair has dealt with.")
    @OptionGroup var place: Place
    func run() throws {
      try JournalCommand.each(place.path) { inspector, directory in try inspector.verify(directory) }
    }
  }

  struct Repair: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what a repair of a stopped server's journals would do; with --apply do it.",
      discussion: "What a repair overwrites is kept in a file beside the journal.")
    @OptionGroup var place: Place
    @Flag(help: "Do it.") var apply = false
    func run() throws {
      var isDone = true
      for directory in try JournalCommand.shards(place.path) {
        do {
          let steps = try JournalInspector(PosixFileSystem()).repair(directory, apply: apply)
          if steps.isEmpty { print("\(directory): nothing to repair") }
          for step in steps { print("\(directory): \(apply ? "done" : "would"): \(step)") }
        } catch {
          JournalCommand.tell(directory, error)
          isDone = false
        }
      }
      if !isDone { throw ExitCode(1) }
    }
  }

  /// The shards' directories below a data directory, or the directory itself.
  static func shards(_ path: String) throws -> [String] {
    let below = path + "/shards"
    if let names = try? FileManager.default.contentsOfDirectory(atPath: below) {
      if names.isEmpty { print("\(path) has no journals: no server has served on it yet.") }
      return names.sorted().map { "\(below)/\($0)" }
    }
    guard FileManager.default.fileExists(atPath: path) else {
      complain("There is no server's data directory, nor one of a shard, at \(path). Name it: oneup journal … DIR")
      throw ExitCode(1)
    }
    return [path]
  }

  static func tell(_ directory: String, _ error: any Error) {
    let text = "\(error)"
    complain(text.contains(directory) ? text : "\(directory): \(text)")
  }

  static func each(
    _ path: String, _ look: (JournalInspector<PosixFileSystem>, String) throws -> JournalReport
  ) throws {
    var isFine = true
    for directory in try shards(path) {
      do {
        let report = try look(JournalInspector(PosixFileSystem()), directory)
        print(report.text)
        isFine = isFine && !report.needsRepair
      } catch {
        tell(directory, error)
        isFine = false
      }
    }
    if !isFine { throw ExitCode(1) }
  }
}
