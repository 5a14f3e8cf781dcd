// A real `oneup serve` on free ports.
package import Foundation

package final class RunningServer {
  /// What it says when it is ready.
  package struct Ready: Decodable, Sendable {
    package var ready: Bool
    package var listen: String
    package var http: String
    package var pid: Int32
    package var data: String
    package var workers: Int
  }

  package private(set) var process = Process()
  package private(set) var ready: Ready
  /// Of the next start.
  package var arguments: [String]
  private let logPath: String
  /// Goes with the server.
  private let scratch: Scratch?

  /// One worker on a data directory that the test keeps; `more` counts last. Waits until it is ready.
  package convenience init(
    data: String, listen: String = "127.0.0.1:0", modules: String = Program.modules, _ more: [String] = []
  ) throws {
    try self.init(
      ["--dev", "--data", data, "--modules", modules, "--listen", listen, "--workers", "1"] + more, log: data + ".log")
  }

  /// Two workers with two shards each, on a directory of its own. `files`: put into its modules' directory before, by
  /// path.
  package convenience init(_ more: [String] = [], isDevelopment: Bool = true, files: [String: String] = [:]) throws {
    let scratch = try Scratch()
    let modules = scratch.path + "/modules"
    try FileManager.default.createDirectory(atPath: modules, withIntermediateDirectories: true)
    for (path, text) in files {
      let file = URL(fileURLWithPath: "\(modules)/\(path)")
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    try self.init(
      (isDevelopment ? ["--dev"] : []) + ["--data", scratch.path + "/data", "--modules", modules]
        + ["--listen", "127.0.0.1:0", "--workers", "2", "--shards", "4"] + more,
      log: scratch.path + "/log", scratch)
  }

  private init(_ arguments: [String], log: String, _ scratch: Scratch? = nil) throws {
    self.arguments = ["serve", "--http", "127.0.0.1:0"] + arguments
    self.scratch = scratch
    logPath = log
    if !FileManager.default.fileExists(atPath: log) { _ = FileManager.default.createFile(atPath: log, contents: nil) }
    ready = try Self.start(process, self.arguments, log: log)
  }

  private static func start(_ process: Process, _ arguments: [String], log path: String) throws -> Ready {
    let output = Pipe()
    let log = FileHandle(forWritingAtPath: path)
    _ = try log?.seekToEnd()
    process.executableURL = Program.oneup
    process.arguments = arguments
    process.standardOutput = output
    process.standardError = log
    try process.run()
    // One line, or the end of the process.
    var line = Data()
    while let byte = try output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty, byte[0] != UInt8(ascii: "\n") {
      line.append(byte)
    }
    guard let ready = try? JSONDecoder().decode(Ready.self, from: line) else {
      process.waitUntilExit()
      throw Failure(description: "not ready: \((try? String(contentsOfFile: path, encoding: .utf8)) ?? "no log")")
    }
    return ready
  }

  deinit { end(SIGKILL) }

  /// Ends the supervisor, and with it the rest.
  package func end(_ signal: Int32) {
    if process.isRunning { kill(process.processIdentifier, signal) }
    process.waitUntilExit()
  }

  /// Every process dies at once; then the server is started again on the same data.
  package func dieAndStartAgain() throws {
    end(SIGKILL)
    try startAgain()
  }
  /// After its end, on the same data.
  package func startAgain() throws {
    process = Process()
    ready = try Self.start(process, arguments, log: logPath)
  }

  package var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }
  package var data: String { ready.data }
  /// Where players connect.
  package var port: UInt16 { Self.port(of: ready.listen) }
  /// The admin token.
  package var token: String {
    get throws { try String(contentsOfFile: data + "/admin-token", encoding: .utf8).filter { !$0.isWhitespace } }
  }

  fileprivate static func port(of address: String) -> UInt16 {
    UInt16(address.split(separator: ":").last ?? "") ?? 0
  }
}

// MARK: Over HTTP

extension RunningServer {
  package struct Answer: Sendable {
    package var status: Int
    package var head: String
    package var body: String
    package func decode<T: Decodable>(_: T.Type = T.self) throws -> T {
      try JSONDecoder().decode(T.self, from: Data(body.utf8))
    }
  }

  /// A connection to the HTTP interface.
  package func connected() throws -> Socket { try Socket(port: Self.port(of: ready.http), silenceSeconds: 60) }

  package func request(
    _ method: String, _ path: String, token: String? = nil, body: String = "", host: String = "localhost",
    headers: [String] = []
  ) throws -> Answer {
    let socket = try connected()
    let text =
      "\(method) \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n"
      + (token.map { "Authorization: Bearer \($0)\r\n" } ?? "") + headers.map { $0 + "\r\n" }.joined() + "\r\n" + body
    guard socket.send(Array(text.utf8)) else { throw Failure(description: "the request was not taken") }
    var answer: [UInt8] = []
    while let more = socket.receiveSome() { answer += more }
    let whole = String(decoding: answer, as: UTF8.self)
    guard let gap = whole.range(of: "\r\n\r\n"), whole.hasPrefix("HTTP/1.1 "),
      let status = Int(whole.dropFirst(9).prefix(3))
    else { throw Failure(description: "no HTTP answer: \(whole)") }
    return Answer(status: status, head: String(whole[..<gap.lowerBound]), body: String(whole[gap.upperBound...]))
  }

  /// Sends the same again while the answer is 503, as callers do: a worker may take long to be replaced. Gives the last
  /// answer.
  package func untilTaken(_ send: () throws -> Answer) rethrows -> Answer {
    let deadline = Date(timeIntervalSinceNow: 60)
    while true {
      let answer = try send()
      if answer.status != 503 || Date() > deadline { return answer }
      usleep(100_000)
    }
  }

  /// The body, whatever the status.
  package func get(_ path: String) throws -> String { try request("GET", path).body }
  package func get<T: Decodable>(_ path: String, _: T.Type) throws -> T { try request("GET", path).decode() }

  /// Asks until the answer fits; nil when none did in time.
  package func wait<T: Decodable>(_ path: String, _: T.Type = T.self, until holds: (T) -> Bool) -> T? {
    let deadline = Date(timeIntervalSinceNow: 180)
    while Date() < deadline {
      if let value = try? get(path, T.self), holds(value) { return value }
      usleep(10_000)
    }
    return nil
  }
}

// MARK: Its processes

extension RunningServer {
  package struct Processes: Decodable, Sendable {
    package struct One: Decodable, Sendable {
      package var role: String
      package var instance: Int
      package var pid: Int32
      package var state: String
      package var shards: [Int]
    }
    package var served: Bool
    package var processes: [One]

    /// Everything is up, with a spare.
    package var isWhole: Bool {
      served && Set(processes.map(\.role)).isSuperset(of: ["worker", "spare", "gateway", "control"])
        && !processes.contains { $0.state == "starting" }
    }
  }

  /// The first look at everything up; nil when it was not in time.
  @discardableResult
  package func waitUntilWhole() -> Processes? { wait("/v1/processes") { $0.isWhole } }

  /// Waits until everything is up, and tells the process of a role.
  package func processID(_ role: String, not old: Int32 = 0) throws -> Int32 {
    let found = wait("/v1/processes", Processes.self) { view in
      view.isWhole && view.processes.contains { $0.role == role && $0.pid != old }
    }
    guard let process = found?.processes.first(where: { $0.role == role && $0.pid != old }) else {
      throw Failure(description: "no \(role) in time: \(log)")
    }
    return process.pid
  }
}
