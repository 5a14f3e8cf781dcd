// The program as people run it, and a directory for what a test makes with it.
package import Foundation

package struct Failure: Error, CustomStringConvertible {
  package var description: String
  package init(description: String) { self.description = description }
}

/// A directory that is removed with its last user.
package final class Scratch: Sendable {
  package let path = NSTemporaryDirectory() + "oneup-test-\(UUID().uuidString)"
  package init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}

package enum Program {
  /// ONEUP, else what was built beside the tests.
  package static var oneup: URL {
    if let path = ProcessInfo.processInfo.environment["ONEUP"] { return URL(fileURLWithPath: path) }
    return URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("oneup")
  }
  /// ONEUP_MODULES, else what `make` builds.
  package static var modules: String { ProcessInfo.processInfo.environment["ONEUP_MODULES"] ?? ".build/modules" }

  package struct Outcome: Sendable {
    package var status: Int32
    package var output: String
    package var errors: String
  }

  /// Runs to its end. `directory`: where; nil: here.
  package static func run(_ arguments: [String], in directory: String? = nil) throws -> Outcome {
    let scratch = try Scratch()
    let process = Process()
    if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
    process.executableURL = oneup
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    // Files, not pipes: nothing that is written waits for a reader.
    let (output, errors) = (scratch.path + "/output", scratch.path + "/errors")
    for file in [output, errors] { _ = FileManager.default.createFile(atPath: file, contents: nil) }
    process.standardOutput = FileHandle(forWritingAtPath: output)
    process.standardError = FileHandle(forWritingAtPath: errors)
    try process.run()
    process.waitUntilExit()
    func text(_ file: String) -> String {
      FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
    return Outcome(status: process.terminationStatus, output: text(output), errors: text(errors))
  }

  /// Runs until the outcome fits: on a busy machine a process may just be on its way. Gives the last outcome.
  package static func run(_ arguments: [String], until fits: (Outcome) throws -> Bool) throws -> Outcome {
    let deadline = Date(timeIntervalSinceNow: 60)
    while true {
      let outcome = try run(arguments)
      if try fits(outcome) || Date() > deadline { return outcome }
      usleep(20_000)
    }
  }
}
