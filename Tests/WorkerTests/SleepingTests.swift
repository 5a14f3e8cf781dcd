// Rooms that left memory: their timers, their place in the checkpoint, and that waking many at once is bounded.
import Core
import Simulation
import Testing
import Wire
import WorkerCore

extension WorkerScript {
  /// A room whose only member set a timer and left.
  func abandon(_ session: UInt64, room: String, timerAfter milliseconds: UInt16) throws {
    let route = join(session, room: room)
    try turn()
    var payload = [ScriptedCommand.later.rawValue]
    payload.put(session)
    payload.put(milliseconds)
    payload.withUnsafeBytes { say(.input(route, InputSeq(1), stamp: 0, payload: $0)) }
    try turn()
    say(.leave(route, InputSeq(2)))
    try turn()
  }
  func phase(_ key: String = "a") -> RoomPhase? { worker.room(room(key))?.phase }
  /// Turns as its owner would make them, until the time is over.
  func live(_ milliseconds: Int64) throws {
    let end = now.monotonic + milliseconds * 1_000
    while now.monotonic < end {
      try turn()
      let pause = min(worker.nextDue ?? end, end) - now.monotonic
      guard pause > 0 else { continue }
      now.monotonic += pause
      now.wall += pause
      worker.beginTurn(now)
    }
    try turn()
  }
}

struct SleepingTests {
  @Test func aTimerWakesItsRoomAndTheRoomSleepsAgain() throws {
    let script = try WorkerScript()
    script.worker.passivateSeconds = 5
    try script.abandon(1, room: "a", timerAfter: 30_000)
    let due = script.now.wall + 30_000_000
    try script.live(10_000)
    #expect(script.phase() == .asleep && script.faults.instances == 0)
    let asked = script.worker.room(script.room())?.timerDue
    #expect(asked.map { abs($0 - due) < 10_000 } == true)
    try script.live(21_000)
    #expect(script.phase() == .ready && script.operations() == 1)
    #expect(script.worker.counters.wakes == 1)
    try script.live(10_000)
    #expect(script.phase() == .asleep && script.worker.room(script.room())?.timerDue == nil)
    try script.live(600_000)
    #expect(script.worker.counters.wakes == 1, "nothing is due in it")
  }

  @Test func aTimerThatIsDueSoonKeepsItsRoom() throws {
    let script = try WorkerScript()
    script.worker.passivateSeconds = 5
    try script.abandon(1, room: "a", timerAfter: 9_000)
    try script.live(8_000)
    #expect(script.phase() == .ready)
    try script.live(20_000)
    #expect(script.phase() == .asleep && script.worker.counters.wakes == 0)
  }

  @Test func manyThatAreOverdueWakeInSlices() throws {
    let script = try WorkerScript()
    script.worker.passivateSeconds = 1
    let count = 150
    for n in 0..<count { try script.abandon(UInt64(n + 1), room: "r\(n)", timerAfter: 60_000) }
    try script.live(10_000)
    #expect((0..<count).allSatisfy { script.phase("r\($0)") == .asleep })
    // What the checkpoint knows stays asleep in the next owner; an hour later all are overdue.
    try script.worker.close()
    script.now.wall += 3_600_000_000
    try script.nextOwner()
    script.worker.passivateSeconds = 1_000
    #expect((0..<count).allSatisfy { script.phase("r\($0)") == .asleep })
    var awake = 0
    for _ in 0..<20 {
      try script.turn()
      let now = (0..<count).count { script.phase("r\($0)") == .ready }
      #expect(now - awake <= Int(Limits.wakeEventsPerTurn / Limits.wakeCostsEvents) + 1)
      awake = now
    }
    #expect(awake == count)
    try script.live(100)
    for n in 0..<count { #expect(script.operations("r\(n)") == 1) }
  }

  // MARK: The checkpoint

  private static let example = Checkpoint(
    lastBatch: BatchNumber(9), scanFrom: LogPosition(0x1000),
    rooms: [
      .init(room: RoomID(1), snapshot: LogPosition(0x20), tailStart: nil, isActive: true),
      .init(room: RoomID(2), snapshot: nil, tailStart: LogPosition(0x30), isActive: true),
      .init(
        room: RoomID(3), snapshot: LogPosition(0x40), tailStart: nil, isActive: false, wakesAtSecond: 1_700_000_060),
    ])

  /// Never made anew.
  private static let first =
    "0900000000000000001000000000000003000000" + "01000000000000000520000000000000000000000000000000"
    + "02000000000000000600000000000000003000000000000000"
  private static let sleeping = "030000000000000009400000000000000000000000000000003cf15365"
  private static let sleepingInFormat1 = "03000000000000000140000000000000000000000000000000"

  @Test func aCheckpointIsReadAsItWasWritten() throws {
    var bytes: [UInt8] = []
    Self.example.encode(into: &bytes)
    #expect(FormatTests.hex(bytes) == "02" + Self.first + Self.sleeping)
    #expect(try Checkpoint(bytes: bytes) == Self.example)
    #expect(bytes.count <= 21 + 3 * Limits.checkpointBytesPerRoom)
    for count in 0..<bytes.count {
      #expect(throws: DecodingError.self) { try Checkpoint(bytes: Array(bytes[..<count])) }
    }
  }

  /// Rooms with timers were active.
  @Test func theFirstFormatIsRead() throws {
    var old = Self.example
    old.rooms[2].wakesAtSecond = nil
    let bytes = Self.bytes("01" + Self.first + Self.sleepingInFormat1)
    #expect(try Checkpoint(bytes: bytes) == old)
    #expect(throws: DecodingError.self) { try Checkpoint(bytes: [3] + bytes.dropFirst()) }
  }

  private static func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}
