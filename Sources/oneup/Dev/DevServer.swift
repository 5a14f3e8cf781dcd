// The server that `oneup dev` runs: a child in a process group of its own, which dies with its parent.
import CHost
import Foundation
import SupervisionShell

struct DevServer: ~Copyable {
  struct Ready: Decodable { var http: String }
  /// Readable when it has ended.
  let descriptor: Int32
  let ready: Ready
  let http: HTTPServer
  private static let readySeconds = 60

  /// Must be called on the thread that lives as long as the server is to.
  init(_ place: DevPlace, listen: String, http: String) throws(HTTPFailure) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw HTTPFailure("No pipe can be made: \(systemText(errno)).") }
    let log = open(place.log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard log >= 0 else { throw HTTPFailure("\(place.log) cannot be written: \(systemText(errno)).") }
    let words = [
      URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path, "serve", "--dev", "--data", place.data,
      "--modules", place.modules, "--listen", listen, "--http", http, "--workers", "1",
    ]
    var process: Int32 = -1
    let pid = Self.spawn(words, output: ends[1], log: log, &process)
    close(ends[1])
    close(log)
    defer { close(ends[0]) }
    guard pid > 0 else { throw HTTPFailure("The server cannot be started: \(systemText(-pid)).") }
    // All or nothing: what is not copied is not initialised in parts.
    let line: Ready
    let server: HTTPServer
    do throws(HTTPFailure) {
      line = try Self.firstLine(ends[0], place)
      let token = FileManager.default.contents(atPath: place.data + "/admin-token")
      guard let endpoint = Endpoint(line.http), let token else {
        throw HTTPFailure("The server has no address or wrote no admin token; its log is \(place.log).")
      }
      server = HTTPServer(
        endpoint: endpoint, token: String(decoding: token, as: UTF8.self).filter { !$0.isWhitespace })
    } catch {
      _ = oneup_pidfd_signal(process, SIGKILL)
      close(process)
      throw error
    }
    descriptor = process
    ready = line
    self.http = server
  }

  /// Its own words about what it does go to the log: `output` is for the one line that says it is ready.
  private static func spawn(_ words: [String], output: Int32, log: Int32, _ process: inout Int32) -> pid_t {
    var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    argv.append(nil)
    defer { for word in argv { free(word) } }
    let own = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
    dup2(log, STDERR_FILENO)
    defer {
      dup2(own, STDERR_FILENO)
      close(own)
    }
    return oneup_spawn_reading(words[0], argv, environ, output, &process)
  }

  private static func firstLine(_ output: Int32, _ place: DevPlace) throws(HTTPFailure) -> Ready {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    var wait = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
    while poll(&wait, 1, Int32(readySeconds * 1_000)) > 0, read(output, &byte, 1) == 1, byte != UInt8(ascii: "\n") {
      line.append(byte)
    }
    guard let ready = try? JSONDecoder().decode(Ready.self, from: Data(line)) else {
      let log = FileManager.default.contents(atPath: place.log).map { String(decoding: $0, as: UTF8.self) } ?? ""
      let last = log.split(separator: "\n").suffix(5).joined(separator: "\n")
      throw HTTPFailure("The server did not start. The end of its log \(place.log):\n\(last)")
    }
    return ready
  }

  /// nil: it runs.
  func end() -> String? {
    var (how, status): (Int32, Int32) = (0, 0)
    guard oneup_pidfd_reap(descriptor, &how, &status) == 1 else { return nil }
    return how == 1 ? "ended with status \(status)" : "was killed by signal \(status)"
  }

  /// Asks it to end and waits; kills it after 15 s.
  func stop() {
    _ = oneup_pidfd_signal(descriptor, SIGTERM)
    var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    if poll(&wait, 1, 15_000) == 0 {
      _ = oneup_pidfd_signal(descriptor, SIGKILL)
      poll(&wait, 1, 5_000)
    }
  }

  /// `wanted`, or the usual address, or any port where somebody has that one.
  static func address(_ wanted: String?, usual: UInt16) -> String {
    if let wanted { return wanted }
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    defer { close(fd) }
    var yes: Int32 = 1
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = usual.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let isFree = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    return "127.0.0.1:\(isFree ? usual : 0)"
  }
}
