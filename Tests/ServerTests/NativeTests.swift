import Foundation
import ServerHarness
import Testing

/// A native module is not confined: when it crashes its worker dies. The event that did it is found and put aside, and
/// everybody else goes on.
@Suite struct NativeTests {
  struct Crash: Decodable { var id: String }
  struct Report: Decodable {
    var module: String
    var fault: String
    var backtrace: [String]
  }

  /// `faulty` as machine code, signed with a key of its own, beside the usual tally.
  private func modules(in scratch: Scratch) throws -> (directory: String, key: String) {
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
    return (directory, key + ".pub")
  }

  @Test func aCrashTakesTheWorkerTwiceAndThenTheEventIsPutAside() throws {
    let scratch = try Scratch()
    let (modules, key) = try modules(in: scratch)
    let server = try RunningServer(
      data: scratch.path + "/data", modules: modules, ["--shards", "1", "--trust", key, "--trust-native", key])
    let neighbour = try Player(server)
    _ = try neighbour.enter("tally room")
    neighbour.add(1, 7)
    #expect(neighbour.next(Kind.ack)?.fields.numbers[2] == 1)
    let first = try Player(server)
    _ = try first.enter("room", of: "faulty")
    first.input(1, [9, 1])
    #expect(first.next(Kind.output)?.fields.blobs[3] == [9, 1])
    let worker = try server.processID("worker")
    // Reads beyond the end of an array.
    first.input(2, [1])
    var player = try send(first, [2: [1], 3: [9, 3]], server)
    #expect(try server.processID("worker", not: worker) != worker)
    player.input(4, [9, 4])
    #expect(player.next(Kind.output)?.fields.blobs[3] == [9, 4], "the room goes on")
    // Six deaths within half a minute, of which none is held against the server.
    for seq: UInt64 in [5, 7] {
      player.input(seq, [1])
      player = try send(player, [seq: [1], seq + 1: [9, UInt8(seq)]], server)
    }
    let state = try Player(server).enter("room", of: "faulty")
    #expect(count(state) == 5, "what failed is undone, what did not is not")
    #expect(count(try Player(server).enter("tally room")) == 1)
    try putAside(server)
  }

  /// Comes back by the protocol's one way until all of it is acknowledged.
  private func send(_ first: Player, _ inputs: [UInt64: [UInt8]], _ server: RunningServer) throws -> Player {
    var player = first
    let attach = frame(3, number(1, 1) + fixed(2, first.room))
    let last = inputs.keys.max() ?? 0
    let deadline = Date(timeIntervalSinceNow: 60)
    func resend(from first: UInt64) {
      for seq in inputs.keys.sorted() where seq >= first { player.input(seq, inputs[seq] ?? []) }
    }
    resend(from: 3)
    while Date() < deadline {
      guard let answer = player.receive() else {
        usleep(20_000)
        if let again = try? Player(server, resume: first.token) {
          player = again
          player.stream.send(attach)
        }
        continue
      }
      switch answer.kind {
      case Kind.ack where (answer.fields.numbers[2] ?? 0) >= last: return player
      case Kind.attached: resend(from: answer.fields.numbers[4] ?? 1)
      case Kind.expected, Kind.busy: resend(from: answer.fields.numbers[2] ?? 1)
      case Kind.error:
        usleep(20_000)
        player.stream.send(attach)
      default: break
      }
    }
    throw Failure(description: "not acknowledged: \(server.log)")
  }

  private func putAside(_ server: RunningServer) throws {
    let deadline = Date(timeIntervalSinceNow: 60)
    var found: Report?
    while found == nil, Date() < deadline {
      let listed = try server.get("/v1/crashes", [Crash].self)
      // Beside the bundles lie the dead workers' own reports, which are of another form.
      found = listed.lazy.compactMap { try? server.get("/v1/crashes/\($0.id)", Report.self) }.first {
        $0.fault == "death"
      }
      usleep(10_000)
    }
    #expect(found?.module == "faulty")
    #expect(
      found?.backtrace.contains { $0.hasPrefix("Faulty.readBeyondTheEnd(_:) (Faulty.swift:") } == true,
      "\(String(describing: found))")
    let hash = try FileManager.default.contentsOfDirectory(atPath: server.data + "/modules").first {
      $0.hasSuffix(".so")
    }
    let library = try #require(hash, "a build is kept under a name of its own")
    let reports = try FileManager.default.contentsOfDirectory(atPath: server.data + "/crashes").compactMap {
      try? String(contentsOfFile: server.data + "/crashes/" + $0, encoding: .utf8)
    }
    #expect(reports.contains { $0.contains(library) }, "the worker's own report names the library")
  }

  @Test func nothingNativeIsTakenFromWhoIsNotTrustedWithIt() throws {
    let scratch = try Scratch()
    let (modules, key) = try modules(in: scratch)
    let server = try RunningServer(data: scratch.path + "/data", modules: modules, ["--trust", key])
    let player = try Player(server)
    player.join(1, "faulty", "room")
    #expect(player.next(Kind.state, Kind.error)?.kind == Kind.error)
    #expect(server.log.contains("--trust-native"), "\(server.log)")
  }
}
