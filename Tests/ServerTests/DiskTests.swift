import Foundation
import ServerHarness
import Testing

/// Damage and a full disk below a real server.
@Suite struct DiskTests {
  @Test func aFlippedByteCostsOnlyTheRoomsThatMayHaveBeenThere() throws {
    let scratch = try Scratch()
    let data = scratch.path + "/data"
    var server = try RunningServer(data: data, ["--shards", "1", "--durability", "disk"])
    for (seq, key) in ["early", "late"].enumerated() {
      let player = try Player(server)
      _ = try player.enter(key)
      player.add(1, UInt64(seq))
      #expect(player.next(Kind.ack)?.fields.numbers[2] == 1)
    }
    // Killed: no room leaves a snapshot behind.
    server.end(SIGKILL)
    #expect(try Program.run(["journal", "verify", data]).status == 0)
    let segment = data + "/shards/000/0000000001.segment"
    var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: segment)))
    let name = Array("early".utf8)
    let at = try #require(bytes.indices.dropLast(5).first { bytes[$0] == name[0] && Array(bytes[$0..<$0 + 5]) == name })
    bytes[at] ^= 0x40
    try Data(bytes).write(to: URL(fileURLWithPath: segment))
    let verified = try Program.run(["journal", "verify", data])
    #expect(verified.status == 1 && verified.output.contains("DAMAGED: "), "\(verified.output)")
    let planned = try Program.run(["journal", "repair", data])
    #expect(planned.status == 0 && planned.output.contains("would: mark "), "\(planned.output)\(planned.errors)")
    #expect(try [UInt8](Data(contentsOf: URL(fileURLWithPath: segment))) == bytes, "said, not done")

    for isRepaired in [false, true] {
      server = try RunningServer(data: data)
      let locked = try Program.run(["journal", "repair", data, "--apply"])
      #expect(locked.status == 1 && !locked.errors.isEmpty, "a living server's journal is not repaired")
      // A room after the damage, in the same shard, is served with all it had, and new ones can be made.
      #expect(count(try Player(server).enter("late")) == 1, "\(server.log)")
      #expect(count(try Player(server).enter("new")) == 0)
      // The one in the damage is whole, from a snapshot behind it, or refused: never silently begun anew.
      let player = try Player(server)
      player.join(1, "tally", "early")
      let early = player.next(Kind.state, Kind.error)
      #expect(early?.kind == Kind.error || count(early) == 1, "\(String(describing: early))")
      server.end(SIGTERM)
      if !isRepaired {
        let done = try Program.run(["journal", "repair", data, "--apply"])
        #expect(done.status == 0 && done.output.contains("done: mark "), "\(done.output)\(done.errors)")
        let files = try FileManager.default.contentsOfDirectory(atPath: data + "/shards/000")
        #expect(files.contains { $0.hasPrefix("damaged-") }, "the bytes are kept")
      }
    }
  }

  /// Whether this user can mount; a full disk of its own needs it.
  static var canMount: Bool {
    guard getuid() == 0, let scratch = try? Scratch() else { return false }
    guard mount("none", scratch.path, "tmpfs", 0, "size=1m") == 0 else { return false }
    return umount(scratch.path) == 0
  }

  @Test(.enabled(if: canMount, "a full disk needs a file system of its own, which only root can mount"))
  func aFullDiskIsSaidAndPasses() throws {
    let scratch = try Scratch()
    let data = scratch.path + "/data"
    try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
    #expect(mount("none", data, "tmpfs", 0, "size=96m") == 0)
    defer { umount2(data, Int32(MNT_DETACH)) }
    let server = try RunningServer(data: data, ["--shards", "1"])
    defer { server.end(SIGKILL) }
    let player = try Player(server)
    _ = try player.enter("r")
    let filler = data + "/filler"
    let fd = open(filler, O_WRONLY | O_CREAT, 0o600)
    let block = [UInt8](repeating: 1, count: 65_536)
    while write(fd, block, block.count) > 0 {}
    close(fd)
    // Echoes are journaled and need space, but keep no list.
    let echo = [3] + [UInt8](repeating: 7, count: 30_000)
    var seq: UInt64 = 0
    var refusal: Answer?
    while refusal == nil, seq < 2_000 {
      player.input(seq + 1, echo)
      let answer = try #require(player.next(Kind.ack, Kind.busy, Kind.gone, Kind.error), "\(server.log)")
      if answer.kind == Kind.ack { seq += 1 } else { refusal = answer }
    }
    #expect(refusal?.kind == Kind.busy && refusal?.fields.numbers[2] == seq + 1)
    #expect(refusal?.fields.text(4).contains("space") == true)
    #expect(try server.get("/v1/recoveries") == "[]", "nothing dies of it")
    unlink(filler)
    let deadline = Date(timeIntervalSinceNow: 60)
    var isTaken = false
    while !isTaken, Date() < deadline {
      player.add(seq + 1, 99)
      isTaken = player.next(Kind.ack, Kind.busy)?.kind == Kind.ack
      usleep(20_000)
    }
    #expect(isTaken, "it goes on when there is space")
    #expect(count(try Player(server).enter("r")) == 1)
  }
}
