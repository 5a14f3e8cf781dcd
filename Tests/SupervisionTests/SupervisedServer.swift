// A real supervisor with real children (`supervised-child`) in a data directory of its own.
import Foundation

/// Stopped and removed at the end of its life.
final class SupervisedServer {
  let data: String
  let process = Process()
  private let output = Pipe()
  private let errors: String

  struct View: Decodable {
    struct Processes: Decodable {
      var served: Bool
      var processes: [One]
    }
    struct One: Decodable {
      var role: String
      var instance: Int
      var pid: Int32
      var state: String
      var shards: [Int]
    }
    struct Recovery: Decodable {
      var role: String
      var instance: Int
      var replacement: Int
      var cause: String
      var shards: [Int]
      var tookMicroseconds: Int
    }
    var processes: Processes
    var recoveries: [Recovery]
  }

  /// Of the build that this test belongs to.
  static var program: URL {
    URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("supervised-child")
  }

  init(data: String? = nil, hangMilliseconds: Int = 3_000) throws {
    self.data = data ?? NSTemporaryDirectory() + "oneup-supervision-\(UUID().uuidString)"
    errors = self.data + ".log"
    _ = FileManager.default.createFile(atPath: errors, contents: nil)
    process.executableURL = Self.program
    process.arguments = ["supervise", self.data, String(hangMilliseconds)]
    process.standardOutput = output
    process.standardError = FileHandle(forWritingAtPath: errors)
    try process.run()
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    try? FileManager.default.removeItem(atPath: data)
    try? FileManager.default.removeItem(atPath: errors)
  }

  var log: String { (try? String(contentsOfFile: errors, encoding: .utf8)) ?? "" }

  /// What control heard last.
  var view: View? {
    guard let bytes = FileManager.default.contents(atPath: data + "/view.json") else { return nil }
    return try? JSONDecoder().decode(View.self, from: bytes)
  }

  /// The first view that the condition holds for; nil when none came in time.
  func waitForView(_ holds: (View) -> Bool) -> View? {
    let deadline = Date(timeIntervalSinceNow: 60)
    while Date() < deadline {
      if let view, holds(view) { return view }
      usleep(5_000)
    }
    return nil
  }
  func waitUntilWhole() -> View? {
    waitForView {
      $0.processes.served && $0.processes.processes.count == 5
        && $0.processes.processes.allSatisfy { $0.state != "starting" }
    }
  }

  /// Waits for the end; nil when it did not come in time.
  func waitForExit() -> Int32? {
    let deadline = Date(timeIntervalSinceNow: 60)
    while process.isRunning {
      guard Date() < deadline else { return nil }
      usleep(5_000)
    }
    return process.terminationStatus
  }

  static func lives(_ pid: Int32) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
    return !status.contains(") Z ")
  }
}
