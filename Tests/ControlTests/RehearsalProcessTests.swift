import Foundation
import ServerHarness
import Testing

/// The process that a rehearsal is held in: what it outlives, and what it says at its end.
@Suite(.serialized) struct RehearsalProcessTests {
  private struct Releases: Decodable {
    struct Report: Decodable { var seconds: Double }
    struct Rollout: Decodable {
      var gate: String
      var rehearsal: Report?
    }
    struct Module: Decodable { var rollout: Rollout? }
    var modules: [Module]
  }
  private struct Processes: Decodable {
    struct One: Decodable {
      var role: String
      var pid: Int32
    }
    var processes: [One]
    var control: Int32? { processes.first { $0.role == "control" }?.pid }
  }

  /// Whoever holds the rehearsal's lock.
  private func holder(of path: String) -> pid_t? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var lock = flock()
    lock.l_type = Int16(F_WRLCK)
    return fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != Int16(F_UNLCK) ? lock.l_pid : nil
  }
  private func threads(of pid: pid_t) -> Int {
    ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []).count
  }
  private func soon<R>(_ body: () throws -> R?) rethrows -> R? {
    let deadline = Date(timeIntervalSinceNow: 60)
    while Date() < deadline {
      if let found = try body() { return found }
      usleep(1_000)
    }
    return nil
  }

  /// Listens where the workers of a data directory do, and says nothing.
  private func silentWorker(_ data: String, _ number: Int) throws -> (path: String, socket: Int32) {
    let elsewhere = try? String(contentsOfFile: data + "/run.path", encoding: .utf8)
    let path =
      (elsewhere?.split(separator: "\n").first.map(String.init) ?? data + "/run")
      + "/worker-0\(number).sock"
    let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard bound == 0, listen(listener, 16) == 0 else { throw Failure(description: "\(path) cannot be bound") }
    return (path, listener)
  }

  @Test func aRehearsalOutlivesControl() throws {
    let server = try ReleaseTests.server(["--bake-seconds", "60", "--step-events", "1000"])
    for n in 1...200 { try ReleaseTests.signal(server, room: n % 6, 1, key: "\(n)") }
    // It asks these workers, each for some seconds, or until they are gone.
    let silent = try (0..<10).map { try silentWorker(server.data, $0) }
    #expect(try ReleaseTests.push(server, PurseModule.good).status == 202)
    let directory = server.ready.data + "/releases/rehearsals"
    let lock = directory + "/purse-1.json.lock"
    // Its second thread watches who may want it; from then on it does not die with control.
    let first = try #require(soon { holder(of: lock).flatMap { threads(of: $0) > 1 ? $0 : nil } }, "\(server.log)")
    let control = try #require(try server.get("/v1/processes", Processes.self).control)
    kill(control, SIGKILL)
    let next = soon {
      (try? server.get("/v1/processes", Processes.self).control).flatMap { $0 == control ? nil : $0 }
    }
    #expect(next != nil && holder(of: lock) == first, "\(server.log)")
    for worker in silent {
      unlink(worker.path)
      close(worker.socket)
    }
    // The same one, to its end.
    var holders: Set<pid_t> = []
    _ = soon { () -> Bool? in
      guard let now = holder(of: lock) else { return true }
      holders.insert(now)
      return nil
    }
    let canary = server.wait("/v1/releases", Releases.self) {
      if let now = holder(of: lock) { holders.insert(now) }
      return $0.modules.contains { $0.rollout?.gate == "canary" }
    }
    #expect(canary?.modules.contains { $0.rollout?.rehearsal != nil } == true, "\(server.log)")
    #expect(holders.isSubset(of: [first]), "\(holders) \(first)")
    // Nothing is left of it.
    func left() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: directory) }
    _ = try soon { try left().isEmpty ? true : nil }
    let files = try left()
    #expect(files.isEmpty, "\(files)")
  }

  /// A data directory with the purse in it, and its hash.
  private func place() throws -> (scratch: Scratch, hash: String) {
    struct Manifest: Decodable { var sha256: String }
    let scratch = try Scratch()
    let built = try PurseModule.directory.get() + "/purse"
    let json = try Data(contentsOf: URL(fileURLWithPath: built + ".json"))
    let hash = try JSONDecoder().decode(Manifest.self, from: json).sha256
    try FileManager.default.createDirectory(atPath: scratch.path + "/modules", withIntermediateDirectories: true)
    for end in ["json", "wasm"] {
      try FileManager.default.copyItem(atPath: "\(built).\(end)", toPath: "\(scratch.path)/modules/\(hash).\(end)")
    }
    return (scratch, hash)
  }

  @Test func oneThatIsNotReadyInItsTimeLeavesThat() throws {
    let (place, hash) = try place()
    let owner = Process()
    owner.executableURL = URL(fileURLWithPath: "/bin/sleep")
    owner.arguments = ["120"]
    try owner.run()
    defer {
      kill(owner.processIdentifier, SIGKILL)
      owner.waitUntilExit()
    }
    let report = place.path + "/report.json"
    try FileManager.default.createDirectory(atPath: place.path + "/run", withIntermediateDirectories: true)
    // It would ask these for half a minute; its own bound and the ten minutes that control gives it, too, are a second
    // together.
    let silent = try (0..<10).map { try silentWorker(place.path, $0) }
    defer { for worker in silent { close(worker.socket) } }
    let ended = try Program.run([
      "rehearse", "--data", place.path, "--module", "purse", "--from", hash, "--to", hash,
      "--seconds=-599", "--report", report, "--while-alive", String(owner.processIdentifier),
    ])
    let left = try? String(contentsOfFile: report, encoding: .utf8)
    #expect(ended.status == 1 && left == #"{"error":"it was not ready after 1 s"}"#, "\(ended)")
    #expect(ended.output.hasSuffix((left ?? "") + "\n"), "\(ended)")
  }

  @Test func aReportThatCannotBeWrittenIsSaid() throws {
    let (place, hash) = try place()
    let report = place.path + "/report.json"
    // No file can be written in its place.
    try FileManager.default.createDirectory(atPath: report + ".part", withIntermediateDirectories: true)
    let ended = try Program.run([
      "rehearse", "--data", place.path, "--module", "purse", "--to", hash, "--prepare-only", "--report", report,
    ])
    #expect(ended.status == 0 && ended.output.contains(#""verdict":"thin""#), "\(ended)")
  }
}
