// Formats are promises: what older versions wrote is read.
import Core
import Journal
import Simulation
import SimulatedFiles
import Testing
import Wire
import WorkerCore
import WorkerStore

struct FormatTests {
  @Test func eventsAreReadAsTheyWereWritten() throws {
    let head = EventHead(room: RoomID(7), seq: EventSeq(3))
    try Array("why".utf8).withUnsafeBytes { text in
      let events: [RoomEvent] = [
        .signal(idempotencyKey: text, payload: text), .ended(reason: text), .locked(true), .locked(false), .dropped,
        .upgraded(
          .init(
            module: ModuleHash(Array(repeating: 9, count: 32)),
            limits: RoomLimits(fuel: 1, memoryBytes: 2, stackBytes: 3, outputBytes: 4), probationEvents: 5,
            probationSeconds: 6, image: text)),
        .back(reason: text), .twinEnded(.settled), .wake,
        .answered(RequestKey(event: EventSeq(2), digest: 4), .refused, reply: text),
      ]
      let golden = [
        "0c070000000000000003000000000000000300000077687903000000776879",
        "0d0700000000000000030000000000000003000000776879",
        "0e0700000000000000030000000000000001", "0e0700000000000000030000000000000000",
        "0f07000000000000000300000000000000",
        "1007000000000000000300000000000000" + String(repeating: "09", count: 32)
          + "010000000000000002000000030000000400000005000000" + "0600000003000000776879",
        "110700000000000000030000000000000003000000776879", "120700000000000000030000000000000002",
        "1307000000000000000300000000000000",
        "140700000000000000030000000000000002000000000000000400000000000000" + "0103000000776879",
      ]
      for (event, hex) in zip(events, golden) {
        var bytes: [UInt8] = []
        bytes.putEvent(head, event)
        #expect(Self.hex(bytes) == hex)
        let again = try bytes.withUnsafeBytes { bytes in
          var reader = ByteReader(bytes)
          let (place, event) = try reader.takeEvent()
          #expect(place.seq == head.seq && reader.isAtEnd)
          var again: [UInt8] = []
          again.putEvent(place, event)
          return again
        }
        #expect(again == bytes)
      }
    }
  }

  @Test func verdictsAreReadAsTheyWereWritten() throws {
    for (verdict, raises, flags) in [
      (Annotation.Verdict.quarantined, false, "00"), (.quarantined, true, "01"), (.back, true, "03"),
      (.twinUndone, false, "04"),
    ] {
      let annotation = Annotation(
        room: RoomID(7), event: EventSeq(3), fault: .fuel, raisesTimeline: raises, verdict: verdict)
      var bytes: [UInt8] = []
      annotation.encode(into: &bytes)
      #expect(Self.hex(bytes) == "0700000000000000030000000000000002" + flags)
      let again = try bytes.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        return try Annotation(&reader)
      }
      #expect(again == annotation)
    }
  }

  /// What a room had before it had labels, locks, ends and signals.
  @Test func theFirstSnapshotFormatIsRead() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    script.send(route, 1)
    try script.turn()
    let room = try #require(script.worker.room(script.room()))
    let bytes = script.worker.encodeSnapshot(room)
    let image = try bytes.withUnsafeBytes { Array(try RoomSnapshot($0).image) }
    // An empty label, unlocked, no properties, not ended, no signals; no strangers, no second version; the first request's
    // number, and none open.
    let later = bytes.count - image.count - 4 - 17
    #expect(Array(bytes[later..<later + 17]) == Array(repeating: 0, count: 12) + [1, 0, 0, 0, 0])
    let first = [1] + bytes[1..<later] + bytes[(later + 17)...]
    let second = [2] + bytes[1..<later + 8] + bytes[(later + 17)...]
    let third = [3] + bytes[1..<later + 8] + bytes[(later + 9)..<(later + 12)] + bytes[(later + 17)...]
    try third.withUnsafeBytes { bytes in
      let snapshot = try RoomSnapshot(bytes)
      #expect(snapshot.host.eventSeq == room.host?.eventSeq && snapshot.host.requests.isEmpty)
      #expect(snapshot.host.nextRequest == RequestID(1) && Array(snapshot.image) == image)
    }
    try second.withUnsafeBytes { bytes in
      let snapshot = try RoomSnapshot(bytes)
      #expect(snapshot.host.eventSeq == room.host?.eventSeq && snapshot.host.twin == nil)
    }
    #expect(Self.hex(first) == Self.first)
    let tail = (image.count + 4) * 2
    #expect(
      Self.hex(second) == "02" + Self.first.dropFirst(2).dropLast(tail) + "0000000000000000" + Self.first.suffix(tail))
    try first.withUnsafeBytes { bytes in
      let snapshot = try RoomSnapshot(bytes)
      #expect(snapshot.host.eventSeq == room.host?.eventSeq)
      #expect(snapshot.host.memberCount == 1 && snapshot.host.signals.isEmpty && snapshot.host.ended == nil)
      #expect(Array(snapshot.image) == image)
    }
  }

  /// A room of one member and one message, in format 1. Never made anew.
  private static let first =
    "01b7c03cffdf67e4230100000000000000000000000000000000000000000000000000000000000000d0070000000000"
    + "000000100000000100000001000500000074616c6c7901000000610300000000000000020000000000000001000000e8"
    + "431e18240a06000000000000000000a85faf164f495b03ea7acdb81436442045a678d07e331b23eb459aefd377aa3301"
    + "000000010000000101000000000000000100000003000000616e6e010000000100000001000000000000000200000000"
    + "000000000000000000000000000000000000000000000000020000000100000000000000010000002200000000000000"
    + "00000000000000001a140d0000000010011a0202007900000000000000000200000000000000010000002d0000000000"
    + "000001000000000000001a1f0d0000000010021a0d010000000001000000000000007900000000000000002000000001"
    + "00000001000000000000000000000000000000e843568d01566d1700000000"

  /// What is open in either version is in the snapshot.
  @Test func outboxesAreReadAsTheyWereWritten() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    script.ask(route, 1, ScriptedAsk(1))
    try script.turn()
    try script.upgraded(to: .odd, events: 1_000, seconds: 1_000)
    script.ask(route, 2, ScriptedAsk(3, opens: true))
    try script.turn()
    let room = try #require(script.worker.room(script.room()))
    let bytes = script.worker.encodeSnapshot(room)
    #expect(Self.hex(Array(bytes.suffix(Self.outboxes.count / 2))) == Self.outboxes)
    try bytes.withUnsafeBytes { bytes in
      let snapshot = try RoomSnapshot(bytes)
      #expect(snapshot.host.requests == room.host?.requests && snapshot.host.requests.count == 2)
      #expect(snapshot.host.nextRequest == RequestID(3))
      #expect(snapshot.host.twin?.requests == room.host?.twin?.requests && snapshot.host.twin?.requests.count == 2)
    }
  }

  /// From the first version's outbox on, with both images. Never made anew.
  private static let outboxes =
    "0300000002010000000300000000000000d4fb9d48bb05196f020c00000074616c6c792f726f6f6d2d31090000000101"
    + "0000000000000002000000050000000000000025b64e0728e42420010c00000074616c6c792f726f6f6d2d3300000000"
    + "0300000002010000000300000000000000d4fb9d48bb05196f020c00000074616c6c792f726f6f6d2d31090000000101"
    + "0000000000000002000000050000000000000025b64e0728e42420010c00000074616c6c792f726f6f6d2d3300000000"
    + "4a00000002000000010000000000000002000000000000000000000000000000b8889035547443d60000000002000000"
    + "010000000100000000000000010200000002000000000000800b000000004a0000000200000001000000000000000200"
    + "0000000000000000000000000000b8889035547443d60000000002000000010000000100000000000000010200000002"
    + "000000000000000b00000000"

  static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
