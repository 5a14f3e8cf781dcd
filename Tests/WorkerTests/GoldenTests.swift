// Snapshots as older versions wrote them are read: the files in `golden` are never made anew.
import Core
import Foundation
import Simulation
import Testing
import Wire
import WorkerCore

struct GoldenTests {
  private static let golden = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "golden")
  private static let third = golden.appending(path: "snapshot-3-two-versions.bin")

  /// A room on probation: of its three members its silent version lacks one, and would have answered another message
  /// otherwise; each version has a timer of its own; one member is suspended.
  private func probation() throws -> WorkerScript {
    let script = try WorkerScript()
    let routes = [script.join(1), script.join(2)]
    try script.turn()
    script.send(routes[0], 1, .later)
    try script.turn()
    try script.upgraded(to: .odd)
    let third = script.join(3, parameters: [ScriptedCommand.refuse.rawValue])
    try script.turn()
    script.send(routes[0], 2, .appendAndReply)
    script.send(routes[1], 1, .later)
    script.send(third, 1, .draw)
    script.say(.detach(routes[1], script.generation(1)))
    try script.turns(5, after: 1_000)
    script.send(routes[0], 3, .later)
    try script.turn()
    return script
  }

  @Test func theThirdSnapshotFormatIsRead() throws {
    if ProcessInfo.processInfo.environment["ONEUP_ADD_GOLDEN"] != nil,
      !FileManager.default.fileExists(atPath: Self.third.path)
    {
      let script = try probation()
      try Data(script.worker.encodeSnapshot(try #require(script.worker.room(script.room())))).write(to: Self.third)
    }
    let bytes = Array(try Data(contentsOf: Self.third))
    #expect(bytes.first == 3)
    try bytes.withUnsafeBytes { bytes in
      let snapshot = try RoomSnapshot(bytes)
      let host = snapshot.host
      #expect(snapshot.room == WorkerScript.map.room(module: "tally".utf8, key: "a".utf8))
      #expect(host.module == WorkerScript.hash(.odd) && host.eventSeq == EventSeq(13) && host.memberCount == 3)
      #expect(host.members.map { $0?.suspended } == [false, true, false])
      #expect(host.members.map { $0?.lastSeq.rawValue } == [3, 1, 1])
      let twin = try #require(host.twin)
      #expect(twin.module == WorkerScript.tally && twin.lacks == [Slot(2)] && twin.begunAt == EventSeq(5))
      #expect(twin.differences.map(\.slot) == [Slot(0), Slot(2)])
      #expect(twin.differences.map(\.seq) == [InputSeq(2), InputSeq(1)])
      #expect(host.timers.count == 1 && twin.timers.count == 1 && host.timers != twin.timers)
      #expect(host.random != twin.random)
      let speaker = try ScriptedRoom(snapshot.image)
      let silent = try ScriptedRoom(try #require(snapshot.twinImage))
      #expect(speaker.operations != silent.operations && speaker.operations.count == silent.operations.count)
    }
  }

  /// What is read goes on: as the worker that wrote it.
  @Test func aRoomOfTheThirdFormatGoesOn() throws {
    let bytes = Array(try Data(contentsOf: Self.third))
    for module in [WorkerScript.hash(.odd), WorkerScript.tally] {
      let bundle = CrashBundle(
        room: WorkerScript.map.room(module: "tally".utf8, key: "a".utf8), shard: WorkerScript.shard, module: module,
        moduleName: "tally", key: "a", event: EventSeq(13), fault: RoomFault(kind: .trap, text: ""), engine: "",
        snapshot: bytes, tail: [], culprit: [])
      let guest = try GuestReplay(bundle, on: TestEngine(Faults()))
      #expect(guest.module == module && guest.timers.count == 1)
      let image = try #require(guest.image())
      let expected = try bytes.withUnsafeBytes { bytes in
        let snapshot = try RoomSnapshot(bytes)
        return Array(module == WorkerScript.tally ? try #require(snapshot.twinImage) : snapshot.image)
      }
      #expect(image == expected)
    }
  }
}
