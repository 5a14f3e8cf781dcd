import Foundation
import ServerHarness
import Testing

/// Game code that fails in every way, over a real socket: undone, reported, and nobody else's business.
@Suite struct FaultTests {
  struct Crash: Decodable { var id: String }
  struct Report: Decodable {
    var module: String
    var backtrace: [String]
  }

  private func verdict(_ output: Answer?) -> UInt64? {
    output?.fields.blobs[4].flatMap { Fields($0).numbers[2] }
  }

  @Test func everyFaultIsUndoneAndReported() throws {
    let scratch = try Scratch()
    let server = try RunningServer(data: scratch.path + "/data", ["--shards", "2"])
    let neighbour = try Player(server)
    _ = try neighbour.enter("room", of: "faulty")
    let other = try Player(server)
    _ = try other.enter("tally room")
    neighbour.input(1, [9, 1])
    #expect(neighbour.next(Kind.ack)?.fields.numbers[2] == 1)
    // Trap, fuel, memory, stack, output.
    for (index, code) in ([1, 4, 5, 6, 8] as [UInt8]).enumerated() {
      let player = try Player(server)
      _ = try player.enter("room \(index)", of: "faulty")
      player.input(1, [code])
      other.add(UInt64(index) + 1, 7)
      #expect(verdict(player.next(Kind.output, Kind.gone)) == 2, "fault \(code)")
      #expect(player.next(Kind.ack)?.fields.numbers[2] == 1)
      player.input(2, [9, code])
      #expect(player.next(Kind.output)?.fields.blobs[3] == [9, code], "the room goes on after fault \(code)")
      #expect(other.next(Kind.ack)?.fields.numbers[2] == UInt64(index) + 1)
    }
    // One member that goes on so is removed; what its neighbour had stays.
    let bad = try Player(server)
    _ = try bad.enter("room", of: "faulty")
    for seq in 1...4 { bad.input(UInt64(seq), [1]) }
    let gone = bad.next(Kind.gone)
    #expect(gone?.fields.numbers[2] == 4 && gone?.fields.numbers[3] == 1)
    neighbour.input(2, [9, 2])
    #expect(neighbour.next(Kind.output)?.fields.blobs[3] == [9, 2])
    let state = try Player(server).enter("room", of: "faulty")
    #expect(count(state) == 2, "what failed is undone, what did not is not")
    try crashes(server, atLeast: 9)
  }

  /// Bundles are written by another thread: they come soon after the verdict.
  private func crashes(_ server: RunningServer, atLeast least: Int) throws {
    let deadline = Date(timeIntervalSinceNow: 60)
    var listed: [Crash] = []
    while listed.count < least, Date() < deadline {
      listed = try server.get("/v1/crashes", [Crash].self)
      usleep(10_000)
    }
    #expect(listed.count == least)
    for crash in listed {
      let report = try server.get("/v1/crashes/\(crash.id)", Report.self)
      #expect(report.module == "faulty")
      #expect(FileManager.default.fileExists(atPath: "\(server.data)/crashes/\(crash.id).bundle"))
    }
    #expect(
      try listed.contains { crash in
        try server.get("/v1/crashes/\(crash.id)", Report.self).backtrace.contains { $0.contains("readBeyondTheEnd") }
      })
  }
}
