// A real `oneup serve` on free ports, with a data directory of its own that goes with it.
import Foundation

struct Failure: Error, CustomStringConvertible { var description: String }

/// A directory that is removed with its last user.
final class Scratch {
  let path = NSTemporaryDirectory() + "oneup-server-\(UUID().uuidString)"
  init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}

enum Program {
  /// ONEUP, else what was built beside the tests.
  static var oneup: URL {
    if let path = ProcessInfo.processInfo.environment["ONEUP"] { return URL(fileURLWithPath: path) }
    return URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("oneup")
  }
  /// ONEUP_MODULES, else what `make` builds.
  static var modules: String { ProcessInfo.processInfo.environment["ONEUP_MODULES"] ?? ".build/modules" }

  struct Outcome {
    var status: Int32
    var output: String
    var errors: String
  }
  /// Runs to its end. `directory`: where; nil: here.
  static func run(_ arguments: [String], in directory: String? = nil) throws -> Outcome {
    let process = Process()
    if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
    let (output, errors) = (Pipe(), Pipe())
    process.executableURL = oneup
    process.arguments = arguments
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    // Standard error of these runs fits in a pipe.
    let text = output.fileHandleForReading.readDataToEndOfFile()
    let said = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Outcome(
      status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
      errors: String(decoding: said, as: UTF8.self))
  }
}

final class Server {
  struct Ready: Decodable {
    var listen: String
    var http: String
    var data: String
  }
  struct Processes: Decodable {
    struct One: Decodable {
      var role: String
      var pid: Int32
      var state: String
    }
    var served: Bool
    var processes: [One]
  }

  let data: String
  let ready: Ready
  private let process = Process()
  private let logPath: String

  /// Waits until it is ready. With port 0 the ports are free ones.
  init(data: String, listen: String = "127.0.0.1:0", modules: String = Program.modules, _ extra: [String] = []) throws {
    self.data = data
    logPath = data + ".log"
    if !FileManager.default.fileExists(atPath: logPath) {
      _ = FileManager.default.createFile(atPath: logPath, contents: nil)
    }
    let log = FileHandle(forWritingAtPath: logPath)
    _ = try log?.seekToEnd()
    let output = Pipe()
    process.executableURL = Program.oneup
    process.arguments =
      [
        "serve", "--dev", "--data", data, "--modules", modules, "--listen", listen, "--http", "127.0.0.1:0",
        "--workers", "1",
      ]
      + extra
    process.standardOutput = output
    process.standardError = log
    try process.run()
    var line = Data()
    while let byte = try output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty, byte[0] != UInt8(ascii: "\n") {
      line.append(byte)
    }
    guard let ready = try? JSONDecoder().decode(Ready.self, from: line) else {
      process.waitUntilExit()
      throw Failure(
        description: "not ready: \((try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "no log")")
    }
    self.ready = ready
  }

  deinit { end(SIGKILL) }

  var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }
  var port: UInt16 { UInt16(ready.listen.split(separator: ":").last ?? "") ?? 0 }
  var isRunning: Bool { process.isRunning }

  /// Ends the supervisor, and with it the rest.
  func end(_ signal: Int32) {
    if process.isRunning { kill(process.processIdentifier, signal) }
    process.waitUntilExit()
  }

  func get(_ path: String) throws -> String {
    let stream = try Stream(port: UInt16(ready.http.split(separator: ":").last ?? "") ?? 0)
    stream.send(Array("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8))
    var answer: [UInt8] = []
    while let more = stream.receiveSome() { answer += more }
    let whole = String(decoding: answer, as: UTF8.self)
    guard let gap = whole.range(of: "\r\n\r\n") else { throw Failure(description: "no HTTP answer: \(whole)") }
    return String(whole[gap.upperBound...])
  }
  func get<T: Decodable>(_ path: String, _: T.Type) throws -> T {
    try JSONDecoder().decode(T.self, from: Data(try get(path).utf8))
  }

  /// Waits until everything is up, with a spare, and tells the process of a role.
  func processID(_ role: String, not old: Int32 = 0) throws -> Int32 {
    let deadline = Date(timeIntervalSinceNow: 30)
    while Date() < deadline {
      if let view = try? get("/v1/processes", Processes.self), view.served,
        Set(view.processes.map(\.role)).isSuperset(of: ["worker", "spare", "gateway", "control"]),
        !view.processes.contains(where: { $0.state == "starting" }),
        let found = view.processes.first(where: { $0.role == role }), found.pid != old
      {
        return found.pid
      }
      usleep(10_000)
    }
    throw Failure(description: "no \(role) in time: \(log)")
  }
}
