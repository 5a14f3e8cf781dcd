import Foundation
import ServerHarness
import Testing

/// A native module that crashes in a call that is no event: its worker dies, the next one dies of it at once, and the
/// third one does without that call. Everybody else goes on.
@Suite struct NativeCallTests {
  struct Crash: Decodable { var id: String }
  struct Report: Decodable {
    var call: String?
    var fault: String
    var backtrace: [String]
  }
  struct Room: Decodable {
    var id: String
    var key: String
    var phase: String
    var frozen: String?
    var check: String?
  }
  private static let describes: UInt8 = 0x0C
  private static let checks: UInt8 = 0x0D
  private static let saves: UInt8 = 0x0E

  /// `faulty` as machine code beside the usual tally, on a server that trusts it.
  private func server(in scratch: Scratch) throws -> RunningServer {
    let directory = scratch.path + "/modules"
    let key = scratch.path + "/team.key"
    for arguments in [
      ["build", "Modules/faulty", "--native", "--output", directory], ["keys", "new", "--out", key],
      ["sign", directory + "/faulty.json", "--key", key],
    ] {
      let outcome = try Program.run(arguments)
      try #require(outcome.status == 0, "\(arguments): \(outcome.output)\(outcome.errors)")
    }
    for file in ["tally.wasm", "tally.json"] {
      try FileManager.default.copyItem(atPath: Program.modules + "/" + file, toPath: directory + "/" + file)
    }
    return try RunningServer(
      data: scratch.path + "/data", modules: directory,
      ["--shards", "1", "--trust", key + ".pub", "--trust-native", key + ".pub"])
  }

  /// A room whose member has lit the fuse.
  private func lit(_ call: UInt8, _ key: String, _ server: RunningServer) throws -> String {
    let player = try Player(server)
    _ = try player.enter(key, of: "faulty")
    player.input(1, [call])
    try #require(player.next(Kind.ack)?.fields.numbers[2] == 1)
    return String(player.room, radix: 16)
  }
  private func poll<T>(_ what: String, _ server: RunningServer, _ find: () throws -> T?) throws -> T {
    let deadline = Date(timeIntervalSinceNow: 60)
    while Date() < deadline {
      if let found = try? find() { return found }
      usleep(20_000)
    }
    throw Failure(description: "never: \(what): \(server.log)")
  }
  private func room(_ id: String, _ server: RunningServer) throws -> Room {
    try server.get("/v1/rooms/\(String(repeating: "0", count: 16 - id.count))\(id)", Room.self)
  }
  private func report(of call: String, _ server: RunningServer) throws -> Report {
    try poll("a crash of \(call)", server) {
      try server.get("/v1/crashes", [Crash].self).lazy
        .compactMap { try? server.get("/v1/crashes/\($0.id)", Report.self) }.first { $0.call == call }
    }
  }
  private func playsOn(_ key: String, _ server: RunningServer) throws {
    _ = try poll("\(key) is served", server) {
      let player = try Player(server)
      _ = try player.enter(key)
      return player
    }
  }

  @Test func aCheckAndAFullStateThatCrash() throws {
    let scratch = try Scratch()
    let server = try server(in: scratch)
    try playsOn("tally room", server)
    let worker = try server.processID("worker")
    let checked = try lit(Self.checks, "checked", server)
    // Whoever looks at the room has it check itself.
    let text = try poll("the check is put aside", server) { try room(checked, server).check }
    #expect(text.contains("killed the worker"), "\(text)")
    #expect(try room(checked, server).phase == "ready")
    #expect(try server.processID("worker", not: worker) != worker)
    let found = try report(of: "check", server)
    #expect(found.fault == "death")
    #expect(found.backtrace.contains { $0.hasPrefix("Fuse.meet(_:) (Fuse.swift:") }, "\(found)")

    let shown = try lit(Self.describes, "shown", server)
    let newcomer = try Player(server)
    newcomer.join(1, "faulty", "shown")
    _ = try poll("the room is frozen", server) { try room(shown, server).frozen == "kills" ? true : nil }
    #expect(try report(of: "describe", server).fault == "death")
    try playsOn("tally room", server)
    // Looking at it and coming back to it kills nobody any more.
    let last = try server.processID("worker")
    let again = try Player(server)
    again.join(1, "faulty", "shown")
    _ = try room(checked, server)
    #expect(again.next(Kind.error, Kind.state)?.kind == Kind.error)
    #expect(try server.processID("worker") == last)

    let listed = try Program.run(["crash", "list", "--data", server.data])
    #expect(listed.output.contains("full state"), "\(listed.output)")
    let replay = try Program.run(["crash", "replay", "last", "--data", server.data])
    #expect(replay.status == 0 && replay.output.contains("the same"), "\(replay.output)\(replay.errors)")
  }

  @Test func aSaveThatCrashes() throws {
    let scratch = try Scratch()
    let server = try server(in: scratch)
    try playsOn("tally room", server)
    let saved = try lit(Self.saves, "saved", server)
    // A clean end takes snapshots.
    server.end(SIGTERM)
    try server.startAgain()
    _ = try poll("the room is stopped", server) { try room(saved, server).phase == "stopped" ? true : nil }
    #expect(try report(of: "save", server).fault == "death")
    try playsOn("tally room", server)
    let worker = try server.processID("worker")
    server.end(SIGTERM)
    try server.startAgain()
    try playsOn("tally room", server)
    #expect(try room(saved, server).phase == "stopped", "the next server does not try it either")
    #expect(try server.processID("worker") != worker)
  }
}
