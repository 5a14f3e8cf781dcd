import Foundation
import ServerHarness
import Testing

/// What becomes of builds on disk.
@Suite(.serialized) struct ReleaseKeepingTests {
  private static let nothing = String(repeating: "ab", count: 32)

  /// A modules directory of the test's own, so that its shelf can be emptied.
  private func place() throws -> String {
    let place = NSTemporaryDirectory() + "oneup-keeping-" + UUID().uuidString
    try FileManager.default.copyItem(atPath: try PurseModule.directory.get(), toPath: place)
    return place
  }

  @Test func abuildGoesWhenNothingNeedsIt() throws {
    let modules = try place()
    defer { try? FileManager.default.removeItem(atPath: modules) }
    let server = try RunningServer([
      "--modules", modules, "--history-mib", "0", "--bake-seconds", "30", "--step-events", "1000",
    ])
    for n in 0..<6 {
      let made = try server.request(
        "POST", "/v1/rooms", token: server.token, body: #"{"module":"purse","key":"p\#(n)"}"#)
      #expect(made.status == 201)
      try ReleaseTests.signal(server, room: n, 7, key: "before")
    }
    let pushed = try ReleaseTests.push(server, PurseModule.bad, now: true)
    let bad = try pushed.decode(ReleaseTests.Rollout.self).to.sha256
    #expect(try ReleaseTests.wait(server, amount: 0) { module, _ in module.rollout?.rooms.new == 6 }, "\(server.log)")
    try ReleaseTests.signal(server, room: 3, 13, key: "unlucky")
    #expect(
      try ReleaseTests.wait(server, amount: 0) { module, ended in
        module.rollout == nil && ended.first?.state == "rolledBack"
      })
    try FileManager.default.removeItem(atPath: modules + "/shelf")
    let kept = server.ready.data + "/modules/"
    func isKept(_ hash: String) -> Bool {
      ["wasm", "lines.tmp"].contains { FileManager.default.fileExists(atPath: "\(kept)\(hash).\($0)") }
    }
    /// Starts it again, and waits until it has looked for what nobody needs.
    func startAgain(_ signal: Int32) throws {
      server.end(signal)
      for ending in ["wasm", "lines.tmp"] {
        try Data([0]).write(to: URL(fileURLWithPath: "\(kept)\(Self.nothing).\(ending)"))
      }
      try server.dieAndStartAgain()
      let deadline = Date(timeIntervalSinceNow: 60)
      while isKept(Self.nothing), Date() < deadline { usleep(50_000) }
      #expect(!isKept(Self.nothing), "\(server.log)")
      // Who answers this has put away all others by then, too.
      _ = try server.get("/v1/releases")
    }
    // Rooms are on it in their logs, and one has failed with it.
    try startAgain(SIGKILL)
    #expect(isKept(bad), "\(server.log)")
    #expect(try ReleaseTests.total(server, room: 3) == 20, "its record, which needs that build, is replayed")
    // Some MiB later, nothing of it is in their logs any more; the crash remains.
    try growLogs(server)
    try startAgain(SIGTERM)
    #expect(isKept(bad), "\(server.log)")
    let crashes = server.ready.data + "/crashes"
    for file in try FileManager.default.contentsOfDirectory(atPath: crashes) {
      try FileManager.default.removeItem(atPath: crashes + "/" + file)
    }
    func needed() throws -> String { try Program.run(["needed-builds", "--data", server.ready.data]).output }
    let deadline = Date(timeIntervalSinceNow: 120)
    while try needed().contains(bad), Date() < deadline { try growLogs(server) }
    try startAgain(SIGTERM)
    let still = try needed()
    #expect(!isKept(bad), "\(still) \(server.log)")
    // The line comes by way of another process.
    func isSaid() -> Bool { server.log.contains("the build purse hotfix-1.0.0-v2") }
    let word = Date(timeIntervalSinceNow: 60)
    while !isSaid(), Date() < word { usleep(10_000) }
    #expect(isSaid(), "\(server.log)")
    #expect(try ReleaseTests.total(server, room: 3) == 20 && ReleaseTests.versions(server) == ["1.0.0"])
    // It may come again.
    #expect(try ReleaseTests.order(server, "unban", #"{"reason":"a test","version":"hotfix-1.0.0-v2"}"#).status == 200)
  }

  /// So much that each shard's log has a checkpoint, and lets go of what is before it once the disk has that.
  private func growLogs(_ server: RunningServer) throws {
    let nothing = String(repeating: "\0", count: 12_000)
    for n in 0..<90 * 6 {
      _ = try server.request(
        "POST", "/v1/signals/purse/p\(n % 6)", token: server.token, body: nothing,
        headers: ["Idempotency-Key: grow \(UUID())"])
    }
  }
}
