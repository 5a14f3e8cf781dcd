// A real `oneup serve` on free ports, with a data directory of its own that goes with it.
import Foundation
import Synchronization

final class RunningServer {
  struct Ready: Decodable {
    var ready: Bool
    var listen: String
    var http: String
    var pid: Int32
    var data: String
    var workers: Int
  }
  struct Answer {
    var status: Int
    var head: String
    var body: String
    func decode<T: Decodable>(_: T.Type = T.self) throws -> T {
      try JSONDecoder().decode(T.self, from: Data(body.utf8))
    }
  }
  struct Failure: Error, CustomStringConvertible { var description: String }

  let directory: String
  private(set) var process = Process()
  private(set) var ready: Ready
  var arguments: [String]

  /// ONEUP, else what was built beside the tests.
  static var program: URL {
    if let path = ProcessInfo.processInfo.environment["ONEUP"] { return URL(fileURLWithPath: path) }
    return URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("oneup")
  }

  /// ONEUP_MODULES, else what `make` builds.
  static var modules: String { ProcessInfo.processInfo.environment["ONEUP_MODULES"] ?? ".build/modules" }

  /// Waits until it is ready. `files`: put into the modules' directory before, by path.
  init(_ extra: [String] = [], isDevelopment: Bool = true, files: [String: String] = [:]) throws {
    directory = NSTemporaryDirectory() + "oneup-control-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory + "/modules", withIntermediateDirectories: true)
    for (path, text) in files {
      let file = URL(fileURLWithPath: "\(directory)/modules/\(path)")
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    _ = FileManager.default.createFile(atPath: directory + "/log", contents: nil)
    arguments =
      [
        "serve", "--data", directory + "/data", "--modules", directory + "/modules", "--listen", "127.0.0.1:0",
        "--http",
        "127.0.0.1:0", "--workers", "2", "--shards", "4",
      ] + (isDevelopment ? ["--dev"] : []) + extra
    ready = try Self.start(process, arguments, log: directory + "/log")
  }

  private static func start(_ process: Process, _ arguments: [String], log path: String) throws -> Ready {
    let output = Pipe()
    process.executableURL = Self.program
    process.arguments = arguments
    process.standardOutput = output
    let file = FileHandle(forWritingAtPath: path)
    _ = try file?.seekToEnd()
    process.standardError = file
    try process.run()
    // One line, or the end of the process.
    var line = Data()
    while let byte = try output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty, byte[0] != UInt8(ascii: "\n") {
      line.append(byte)
    }
    guard let ready = try? JSONDecoder().decode(Ready.self, from: line) else {
      let log = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      throw Failure(description: "not ready: \(String(decoding: line, as: UTF8.self))\n\(log)")
    }
    return ready
  }

  /// Every process dies at once; then the server is started again on the same data.
  func dieAndStartAgain() throws {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    process = Process()
    ready = try Self.start(process, arguments, log: directory + "/log")
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    try? FileManager.default.removeItem(atPath: directory)
  }

  var log: String { (try? String(contentsOfFile: directory + "/log", encoding: .utf8)) ?? "" }
  var token: String {
    get throws { try String(contentsOfFile: ready.data + "/admin-token", encoding: .utf8).filter { !$0.isWhitespace } }
  }

  /// A connection to the HTTP interface; reads end after 30 s.
  func connected() throws -> Int32 {
    let port = UInt16(ready.http.split(separator: ":").last ?? "") ?? 0
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else {
      close(fd)
      throw Failure(description: "cannot connect to \(ready.http)")
    }
    var timeout = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    return fd
  }

  func request(
    _ method: String, _ path: String, token: String? = nil, body: String = "", host: String = "localhost",
    headers: [String] = []
  ) throws -> Answer {
    let fd = try connected()
    defer { close(fd) }
    let text =
      "\(method) \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n"
      + (token.map { "Authorization: Bearer \($0)\r\n" } ?? "") + headers.map { $0 + "\r\n" }.joined() + "\r\n" + body
    let bytes = Array(text.utf8)
    guard send(fd, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
      throw Failure(description: "the request was not taken")
    }
    var answer = Data()
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while case let got = recv(fd, &chunk, chunk.count, 0), got > 0 { answer.append(contentsOf: chunk[..<got]) }
    let whole = String(decoding: answer, as: UTF8.self)
    guard let gap = whole.range(of: "\r\n\r\n"), whole.hasPrefix("HTTP/1.1 "),
      let status = Int(whole.dropFirst(9).prefix(3))
    else { throw Failure(description: "no HTTP answer: \(whole)") }
    return Answer(status: status, head: String(whole[..<gap.lowerBound]), body: String(whole[gap.upperBound...]))
  }

  /// Asks until the answer fits; nil when none did in time.
  func wait<T: Decodable>(_ path: String, _: T.Type = T.self, until holds: (T) -> Bool) -> T? {
    let deadline = Date(timeIntervalSinceNow: 30)
    while Date() < deadline {
      if let answer = try? request("GET", path), let value = try? answer.decode(T.self), holds(value) { return value }
      usleep(10_000)
    }
    return nil
  }
}
