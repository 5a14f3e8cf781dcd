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
      let pipe = Pipe()
      process.executableURL = URL(fileURLWithPath: tests.swift)
      process.arguments = tests.arguments(filter: filter)
      process.standardOutput = pipe
      process.standardError = pipe
      var talk = TestTalk()
      var progress = ProgressLine()
      progress.show("Compiling the tests …")
      try process.run()
      forEachLine(of: pipe.fileHandleForReading) { line in
        switch talk.take(line) {
        case .progress(let step): progress.show(step)
        case .line(let text):
          progress.clear()
          emit("\(text)\n".utf8)
        case nil: break
        }
      }
      process.waitUntilExit()
      progress.clear()
      // Places as the author knows them.
      for line in talk.rest { emit("\(line.replacingOccurrences(of: tests.package + "/Module/", with: ""))\n".utf8) }
      status = process.terminationStatus
    }
    throw ExitCode(status)
  }

  /// As they come, until the writers have closed it.
  private func forEachLine(of file: FileHandle, _ body: (String) -> Void) {
    var rest: [UInt8] = []
    while case let bytes = file.availableData, !bytes.isEmpty {
      rest += bytes
      var start = 0
      while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
        body(String(decoding: rest[start..<end], as: UTF8.self))
        start = end + 1
      }
      rest.removeFirst(start)
    }
    if !rest.isEmpty { body(String(decoding: rest, as: UTF8.self)) }
  }
}

/// On a terminal one line that is written over; elsewhere the first word and no more.
private struct ProgressLine {
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var hasSpoken = false
  private var isThere = false
  private static let columns = 78

  mutating func show(_ text: String) {
    if isTerminal {
      emit("\r\u{1B}[K\(text.prefix(ProgressLine.columns))".utf8, to: STDERR_FILENO)
      isThere = true
    } else if !hasSpoken {
      emit("\(text)\n".utf8, to: STDERR_FILENO)
    }
    hasSpoken = true
  }
  mutating func clear() {
    if isThere { emit("\r\u{1B}[K".utf8, to: STDERR_FILENO) }
    isThere = false
  }
}
