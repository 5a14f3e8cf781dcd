// A rehearsal, held by this program in a process of its own, which goes on where control dies: whoever comes after it finds
// that process or its report.
import Artifacts
import CHost
import Core
import FoundationEssentials
import Glibc
import ReleaseCore

struct RehearsalChild: Sendable {
  var data: String
  var module: String
  var from: Build?
  var to: Build
  var prepareOnly: Bool
  var seconds: Int
  var judgedBy: [String]

  /// What came of it. Whoever takes that in removes the file.
  func hold(_ id: RolloutID) async -> ReleaseEvent {
    let file = RehearsalReport(data: data, id)
    while true {
      if let event = await found(file, id) { return event }
      let event = await holdHere(file, id)
      // One that the control before has started just when it died may be at it meanwhile.
      // Or has ended since: then what it left is what came of it.
      guard file.isAwaited else { return file.line.flatMap { Self.event(id, $0) } ?? event }
    }
  }

  /// What came of one that another control has started, when it has ended; nil: there is none.
  private func found(_ file: RehearsalReport, _ id: RolloutID) async -> ReleaseEvent? {
    while file.isAwaited {
      guard (try? await Task.sleep(for: .milliseconds(100))) != nil else {
        file.stop()
        return .unrehearsed(id, "nobody waits for it any more")
      }
    }
    return file.line.flatMap { Self.event(id, $0) }
  }

  private func holdHere(_ file: RehearsalReport, _ id: RolloutID) async -> ReleaseEvent {
    var arguments = ["rehearse", "--data", data, "--module", module, "--to", to.hash.description]
    if let from { arguments += ["--from", from.hash.description] }
    arguments += prepareOnly ? ["--prepare-only"] : ["--seconds", String(seconds)] + judgedBy
    arguments += ["--report", file.path, "--while-alive", String(getppid())]
    file.makeDirectory()
    let secondsMax = seconds + ReleaseSettings.rehearsalGraceSeconds
    let outcome = await OwnProgram.run(arguments, seconds: secondsMax)
    let said = outcome.output.split(separator: UInt8(ascii: "\n")).last.flatMap { Self.event(id, Array($0)) }
    if let said { return said }
    switch outcome.end {
    case .exited(let status): return .unrehearsed(id, "it ended with status \(status); the log has its words")
    case .killed(let signal): return .unrehearsed(id, "it was killed by signal \(signal)")
    case .stopped: return .unrehearsed(id, "it was not ready after \(secondsMax) s")
    case .notStarted(let why): return .unrehearsed(id, "it could not be started: \(why)")
    }
  }

  /// nil: it is no last line.
  private static func event(_ id: RolloutID, _ line: [UInt8]) -> ReleaseEvent? {
    if let report = try? JSONDecoder().decode(Report.self, from: Data(line)) { return .rehearsed(id, report) }
    struct Failure: Decodable { var error: String }
    return (try? JSONDecoder().decode(Failure.self, from: Data(line))).map { .unrehearsed(id, $0.error) }
  }
}

/// The file that a rehearsal leaves its last line in, and the lock beside it, which it holds as long as it runs.
struct RehearsalReport {
  let path: String
  private static func directory(_ data: String) -> String { data + "/releases/rehearsals" }

  init(data: String, _ id: RolloutID) { path = "\(Self.directory(data))/\(id).json" }
  private init(path: String) { self.path = path }

  func makeDirectory() {
    try? FileManager.default.createDirectory(
      atPath: String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex)), withIntermediateDirectories: true)
  }

  /// Somebody whom another control has started is at it.
  var isAwaited: Bool { holder != nil }
  var line: [UInt8]? { FileManager.default.contents(atPath: path).map { Array($0) } }

  /// Whoever is at it ends, and what it leaves is nobody's.
  func stop() {
    guard let pid = holder else { return }
    let process = oneup_pidfd_open(pid)
    guard process >= 0 else { return }
    // Still the same one.
    if holder == pid { _ = oneup_pidfd_signal(process, SIGKILL) }
    close(process)
  }
  func remove() {
    for path in [path, path + ".lock", path + ".part"] { unlink(path) }
  }

  /// Of rollouts that wait for no rehearsal.
  static func removeOthers(data: String, than wanted: [RolloutID]) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory(data))) ?? []
    for name in Set(names.compactMap { $0.split(separator: ".").first.map(String.init) })
    where !wanted.contains(where: { $0.description == name }) {
      let report = RehearsalReport(path: "\(directory(data))/\(name).json")
      report.stop()
      report.remove()
    }
  }

  private var holder: pid_t? {
    let file = open(path + ".lock", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var lock = flock()
    lock.l_type = Int16(F_WRLCK)
    guard fcntl(file, F_GETLK, &lock) == 0, lock.l_type != Int16(F_UNLCK) else { return nil }
    return lock.l_pid
  }
}
