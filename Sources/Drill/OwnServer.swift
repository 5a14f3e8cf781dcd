// A server of the drill's own: a child process on free ports, with a data directory that goes when the drill is clean.
import Core
import FoundationEssentials
import Glibc
import Synchronization

final class OwnServer: Sendable {
  struct Ready: Decodable, Sendable {
    var ready: Bool
    var listen: String
    var http: String
  }
  private struct Running {
    var pid: pid_t
    var output: Int32
    /// Open as long as it runs: somebody may have removed the file.
    var log: Int32
  }

  let program: String
  let durability: Durability
  let directory: String
  private let arguments: [String]
  private struct State {
    var running: Running?
    /// No other one is started.
    var isAbandoned = false
  }
  private let state = Mutex(State())
  static let readySeconds: Int64 = 90

  /// `arguments`: for `serve`, besides where it lives.
  init(program: String, durability: Durability, arguments: [String]) throws(DrillError) {
    self.program = program
    self.arguments = arguments
    self.durability = durability
    let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(base)/oneup-drill-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw DrillError("no temporary directory could be made in \(base): \(text(of: errno)); set TMPDIR")
    }
    directory = String(decoding: template.dropLast().map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
  }

  var logPath: String { directory + "/server.log" }
  private var dataPath: String { directory + "/data" }

  /// Starts it and waits until it is ready. `listen` and `http` are the ports to take; 0: any.
  func start(listen: Address, http: Address) async throws -> Ready {
    let deadline = Fleet.now() + Self.readySeconds * 1_000_000
    while true {
      try spawn(listen, http)
      if let line = try await firstLine(until: deadline) {
        guard let ready = try? JSONDecoder().decode(Ready.self, from: Data(line)), ready.ready else {
          throw DrillError(
            "the server said \(String(decoding: line, as: UTF8.self)) instead of being ready; see \(logPath)")
        }
        return ready
      }
      // It ended: an old process may still hold the ports or the lock for a moment.
      _ = try await exited(until: deadline)
      guard listen.port != 0, Fleet.now() < deadline else {
        throw DrillError("the server ended before it was ready; see \(logPath)")
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  /// The token for its control.
  func token() throws(DrillError) -> String {
    guard let bytes = try? Data(contentsOf: URL(filePath: dataPath + "/admin-token")) else {
      throw DrillError("the server wrote no \(dataPath)/admin-token; see \(logPath)")
    }
    return String(decoding: bytes, as: UTF8.self).trimmed
  }

  /// Waits for its end; false: still running at the deadline.
  func exited(until deadline: Int64) async throws -> Bool {
    while let pid = state.withLock({ $0.running?.pid }) {
      var status: Int32 = 0
      if waitpid(pid, &status, WNOHANG) != 0 {
        forget()
        return true
      }
      if Fleet.now() >= deadline { return false }
      try await Task.sleep(for: .milliseconds(5))
    }
    return true
  }

  /// How it ended by itself, if it has: nobody asked it to.
  func unexpectedEnd() -> String? {
    guard let it = state.withLock({ $0.running }) else { return nil }
    var status: Int32 = 0
    guard waitpid(it.pid, &status, WNOHANG) == it.pid else { return nil }
    let words = Self.lastError(in: it.log).map { " (\($0))" } ?? ""
    forget()
    let signal = status & 0x7F
    let how = signal == 0 ? "ended with status \(status >> 8 & 0xFF)" : "was killed by signal \(signal)"
    return "the server \(how)\(words)"
  }

  /// The supervisor's last word of an error.
  private static func lastError(in log: Int32) -> String? {
    let end = lseek(log, 0, SEEK_END)
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = pread(log, &bytes, bytes.count, max(0, end - off_t(bytes.count)))
    guard count > 0 else { return nil }
    let mark = " error supervisor: "
    return String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n").last { $0.contains(mark) }
      .flatMap { line in line.firstRange(of: mark).map { String(line[$0.upperBound...]) } }
  }

  /// Ends the server for good and removes its directory, at once: the drill is interrupted, and has no verdict.
  func abandon() {
    let pid = state.withLock { state in
      state.isAbandoned = true
      defer { state.running = nil }
      return state.running?.pid
    }
    if let pid {
      kill(pid, SIGKILL)
      _ = waitpid(pid, nil, 0)
    }
    // Its processes die with it, but one may just be making a file.
    let deadline = Fleet.now() + 5_000_000
    while access(directory, F_OK) == 0, Fleet.now() < deadline {
      try? FileManager.default.removeItem(atPath: directory)
      usleep(10_000)
    }
  }

  /// Throws where it has ended by itself: what a drill would find then says only that.
  func checkIsUp() throws(DrillError) {
    if let end = unexpectedEnd() { throw DrillError("\(end), which the drill did not ask for: there is no verdict") }
  }

  /// Asks it to end; kills it after 15 s. With `keeping` the directory stays for a look at it.
  func stop(keeping: Bool) async {
    // The process ends by the signal that it was abandoned for, and says nothing more.
    while state.withLock({ $0.isAbandoned }) { try? await Task.sleep(for: .seconds(1)) }
    if let pid = state.withLock({ $0.running?.pid }) {
      kill(pid, SIGTERM)
      if (try? await exited(until: Fleet.now() + 15_000_000)) != true {
        kill(pid, SIGKILL)
        _ = try? await exited(until: Fleet.now() + 5_000_000)
      }
    }
    if !keeping { try? FileManager.default.removeItem(atPath: directory) }
  }

  private func spawn(_ listen: Address, _ http: Address) throws(DrillError) {
    var pipe: [Int32] = [0, 0]
    guard Glibc.pipe(&pipe) == 0 else { throw DrillError("no pipe to the server: \(text(of: errno))") }
    for end in pipe { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    _ = fcntl(pipe[0], F_SETFL, O_NONBLOCK)
    defer { close(pipe[1]) }
    let log = open(logPath, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard log >= 0 else {
      let error = text(of: errno)
      close(pipe[0])
      throw DrillError("\(logPath) cannot be written: \(error)")
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, pipe[1], 1)
    posix_spawn_file_actions_adddup2(&actions, log, 2)
    let words =
      [
        program, "serve", "--dev", "--data", dataPath, "--listen", listen.description, "--http", http.description,
        "--durability", "\(durability)",
      ] + arguments
    var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    argv.append(nil)
    defer { for word in argv { free(word) } }
    let error = state.withLock { state in
      guard !state.isAbandoned else { return ECANCELED }
      var pid: pid_t = 0
      let error = posix_spawn(&pid, program, &actions, nil, argv, environ)
      if error == 0 { state.running = Running(pid: pid, output: pipe[0], log: log) }
      return error
    }
    guard error == 0 else {
      close(pipe[0])
      close(log)
      throw DrillError("\(program) serve could not be started: \(text(of: error))")
    }
  }

  /// The first line of its output; nil: it ended without one.
  private func firstLine(until deadline: Int64) async throws -> [UInt8]? {
    guard let output = state.withLock({ $0.running?.output }) else { return nil }
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while Fleet.now() < deadline {
      switch read(output, &byte, 1) {
      case 1:
        if byte == UInt8(ascii: "\n") { return line }
        line.append(byte)
      case 0: return nil
      default:
        guard errno == EAGAIN || errno == EINTR else { return nil }
        try await Task.sleep(for: .milliseconds(2))
      }
    }
    throw DrillError("the server was not ready within \(Self.readySeconds) s; see \(logPath)")
  }

  private func forget() {
    state.withLock { state in
      if let it = state.running {
        close(it.output)
        close(it.log)
      }
      state.running = nil
    }
  }
}

private func text(of error: Int32) -> String { String(cString: strerror(error)) }

extension String {
  /// Without white space at both ends.
  package var trimmed: String {
    String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
  }
}
