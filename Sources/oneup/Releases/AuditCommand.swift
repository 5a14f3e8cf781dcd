// `oneup audit`: who released what, and why.
import ArgumentParser
import Artifacts
import Core
import Foundation
import Journal

struct AuditCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "Read the log of releases, and check that nobody has changed it.",
    discussion: """
      Every release, rollback, ban and pause is a line of DATA/releases/audit.log with the SHA-256 of the line \
      before it. Works beside a running server, and on a copy of its data directory.

      Examples:
        oneup audit verify --data data       every line's form, number and link
        oneup audit list --limit 20          the newest entries
      """,
    subcommands: [Verify.self, List.self])

  struct Place: ParsableArguments {
    @Option(help: ArgumentHelp("The server's data directory.", valueName: "path")) var data = "data"
    var path: String { data + "/releases/audit.log" }
    /// An empty log must not mean that the wrong directory was asked.
    func check() throws(ArtifactError) {
      guard FileManager.default.fileExists(atPath: path) || DataPlace.isThere(data) else {
        throw ArtifactError(DataPlace.absence(data))
      }
    }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check every line; exit status 1 where one was changed, removed or put in.",
      discussion:
        "The last line's hash stands for the whole log: note it elsewhere to see later that nothing was cut off.")
    @OptionGroup var place: Place
    @Flag(help: "Print the result as JSON.") var json = false

    func run() throws {
      try judged {
        try place.check()
        let report = try AuditLines.verify(PosixFileSystem(), path: place.path)
        if json {
          printJSON([
            "good": .bool(report.bad == nil), "lines": .number(report.lines), "last": .text(report.lastHash),
            "badLine": report.bad.map { .number($0.line) } ?? .null,
            "reason": report.bad.map { .text($0.reason) } ?? .null, "restBytes": .number(report.restBytes),
          ])
        }
        if let bad = report.bad {
          throw ArtifactError(
            "\(place.path), line \(bad.line): \(bad.reason); the \(report.lines) lines before it are good")
        }
        guard !json else { return }
        print("\(place.path): \(report.lines == 1 ? "1 entry, good" : "\(report.lines) entries, all good")")
        if report.lines > 0 { print("  the last one's hash is \(report.lastHash)") }
        if report.restBytes > 0 {
          print("  then \(report.restBytes) bytes of an entry that a crash cut short; nobody was told of it")
        }
      }
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print entries, oldest first.")
    @OptionGroup var place: Place
    @Option(help: ArgumentHelp("Those after this number.", valueName: "number")) var after: UInt64 = 0
    @Option(help: ArgumentHelp("At most so many, the newest.", valueName: "number")) var limit = 100
    @Flag(help: "One JSON document a line.") var json = false

    func run() throws {
      try judged {
        try place.check()
        let entries = try AuditLines.entries(PosixFileSystem(), path: place.path, after: after, max: .max).suffix(
          max(0, limit))
        guard !json else {
          for entry in entries { print(String(decoding: entry.json.canonical, as: UTF8.self)) }
          return
        }
        guard !entries.isEmpty else { return print("No entries.") }
        let rows = entries.map { entry in
          [
            String(entry.number), String(ISOTime.text(microseconds: entry.at).prefix(19)), entry.who, entry.what,
            "\(entry.module) \(entry.version)", entry.rooms.isEmpty ? "" : String(entry.rooms.count),
            entry.why.split(separator: "\n").joined(separator: " "),
          ]
        }
        print(
          Columns.table(["N", "WHEN (UTC)", "WHO", "WHAT", "BUILD", "ROOMS", "WHY"], rows, right: [0, 5])
            .joined(separator: "\n"))
      }
    }
  }
}
