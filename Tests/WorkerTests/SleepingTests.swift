// Rooms that left memory: their timers, their place in the checkpoint, and that waking many at once is bounded.
import Core
import Simulation
import Testing
import Wire
import WorkerCore
import WorkerStore

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

  /// All come back at once after a takeover: who was first does not wait for the last.
  @Test func manyThatAreAskedForWakeInSlices() throws {
    let script = try WorkerScript()
    script.worker.passivateSeconds = 1
    let count = 150
    for n in 0..<count { try script.abandon(UInt64(n + 1), room: "r\(n)", timerAfter: 60_000) }
    try script.live(10_000)
    try script.worker.close()
    try script.nextOwner()
    func awake() -> Int { (0..<count).count { script.phase("r\($0)") == .ready } }
    #expect(awake() == 0)
    var bytes: [UInt8] = []
    for n in 0..<count {
      script.attachRequest(UInt64(n + 1), room: "r\(n)", generation: 2)
        .encode(WorkerScript.shard, script.store.epoch, into: &bytes)
    }
    var turns = 0
    while !bytes.isEmpty {
      let before = awake()
      let taken = try bytes.withUnsafeBytes { try script.worker.receive(script.link, $0) }
      #expect(taken > 0 && awake() > before)
      #expect(awake() - before <= Int(Limits.wakeEventsPerTurn / Limits.wakeCostsEvents) + 1)
      bytes.removeFirst(taken)
      try script.turn()
      turns += 1
    }
    #expect(turns > 1 && awake() == count)
  }

  @Test func roomsThatWakeByThemselvesLeavePlacesToThoseThatAreAskedFor() throws {
    let script = try WorkerScript()
    script.worker.passivateSeconds = 2
    try script.abandon(1, room: "a", timerAfter: 20_000)
    try script.abandon(2, room: "b", timerAfter: 20_000)
    try script.live(5_000)
    #expect(script.phase("a") == .asleep && script.phase("b") == .asleep)
    script.worker.passivateSeconds = 1_000
    let most = Limits.liveRoomsMax - Limits.placesKeptFromSleepers
    var made = 0
    // A join finds no space now and then: the script's segments are small.
    while script.worker.roomCount < most, made < 2 * most {
      for _ in 0..<min(20, most - script.worker.roomCount) {
        script.join(UInt64(made + 10), room: "r\(made)")
        made += 1
      }
      try script.turns(2)
      try script.store.prepareAndRemove()
    }
    #expect(script.worker.roomCount == most)
    try script.live(20_000)
    #expect(script.phase("a") == .asleep && script.phase("b") == .asleep, "they are due, and wait")
    #expect(script.worker.counters.wakes == 0)
    script.join(3, room: "a")
    try script.live(10)
    #expect(script.phase("a") == .ready && script.operations("a") == 1, "somebody asks for it")
    // Two of the others are over: it has the place of one.
    script.worker.passivateSeconds = 1
    for n: UInt32 in 0..<2 { script.end(n, script.room("r\(n)")) }
    try script.live(5_000)
    #expect(script.worker.counters.wakes == 1, "it did what was due, and may sleep again")
    script.join(4, room: "b")
    try script.live(10)
    #expect(script.operations("b") == 1)
  }

  /// A timer in the far future, and something near again and again: the queue must not remember each time.
  @Test func whatIsDueMuchLaterStandsInTheQueueOnce() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    func later(_ seq: UInt64, _ milliseconds: UInt16) {
      var payload = [ScriptedCommand.later.rawValue]
      payload.put(seq)
      payload.put(milliseconds)
      payload.withUnsafeBytes { script.say(.input(route, InputSeq(seq), stamp: 0, payload: $0)) }
    }
    later(1, 65_000)
    for seq: UInt64 in 2...4_000 {
      later(seq, 2)
      for _ in 0..<4 { try script.turn(after: 2) }
      try script.store.prepareAndRemove()
      _ = script.heard()
      script.say(.confirm(records: script.outputs))
    }
    #expect(script.operations().map { $0 > 3_990 } == true)
    #expect(script.worker.dueCount <= 1_100, "\(script.worker.dueCount)")
    try script.live(70_000)
    #expect(script.operations() == 4_000, "and what is due is not forgotten")
  }

  // MARK: How many there may be

  @Test func roomsThatAreOverDoNotCount() throws {
    let script = try WorkerScript()
    script.worker.passivateSeconds = 1
    script.faults.roomsMax = 3
    for n: UInt32 in 1...3 { script.create(n, room: "r\(n)") }
    try script.turn()
    for n: UInt32 in 1...3 { script.end(10 + n, script.room("r\(n)")) }
    try script.live(5_000)
    script.worker.count("tally")
    #expect(script.phase("r1") == .asleep)
    #expect(script.worker.roomCounts == [RoomCount("tally", rooms: 0, most: 3)])
    script.create(20, room: "b")
    script.create(21, room: "c")
    script.create(22, room: "d")
    script.create(23, room: "e")
    try script.turn()
    let answers = script.answers()
    #expect(answers.contains(script.done(20, room: "b")) && answers.contains(script.done(22, room: "d")))
    #expect(answers.contains { $0.hasPrefix("commanded 23") && $0.contains("there are 3 rooms") }, "\(answers)")
  }

  /// The next owner knows whose rooms sleep before it wakes them.
  @Test func roomsThatSleepCountForTheNextOwner() throws {
    let script = try WorkerScript()
    script.worker.passivateSeconds = 1
    script.faults.roomsMax = 3
    for n: UInt32 in 1...3 { script.create(n, room: "r\(n)") }
    try script.live(5_000)
    #expect(script.phase("r1") == .asleep)
    try script.worker.close()
    try script.nextOwner()
    script.worker.count("tally")
    #expect(script.worker.roomCounts == [], "nothing is said before it is known")
    script.create(10, room: "x")
    #expect(script.answers().contains { $0.hasPrefix("commanded 10 busy") })
    for _ in 0..<3 { try script.turn() }
    #expect(script.phase("r1") == .asleep)
    #expect(script.worker.roomCounts == [RoomCount("tally", rooms: 3, most: 3)])
    script.create(11, room: "x")
    #expect(script.answers().contains { $0.hasPrefix("commanded 11") && $0.contains("there are 3 rooms") })
    let list = String(decoding: script.worker.inspect("rooms"), as: UTF8.self)
    #expect(list.contains("\"sha256\":\"01") && !list.contains("\"sha256\":null"), "\(list)")
  }

  // MARK: The checkpoint

  private static let example = Checkpoint(
    lastBatch: BatchNumber(9), scanFrom: LogPosition(0x1000),
    rooms: [
      .init(room: RoomID(1), snapshot: LogPosition(0x20), tailStart: nil, isActive: true),
      .init(room: RoomID(2), snapshot: nil, tailStart: LogPosition(0x30), isActive: true),
      .init(
        room: RoomID(3), snapshot: LogPosition(0x40), tailStart: nil, isActive: false, wakesAtSecond: 1_700_000_060,
        build: ModuleHash(Array(repeating: 0xab, count: 32))),
      .init(
        room: RoomID(4), snapshot: LogPosition(0x50), tailStart: nil, isActive: false,
        build: ModuleHash(Array(repeating: 0xab, count: 32))),
    ])

  /// Never made anew.
  private static let head = "09000000000000000010000000000000"
  private static let first =
    "01000000000000000520000000000000000000000000000000" + "02000000000000000600000000000000003000000000000000"
  private static let sleeping = "030000000000000019400000000000000000000000000000003cf153650000"
  private static let sleepingInFormat2 = "030000000000000009400000000000000000000000000000003cf15365"
  private static let sleepingInFormat1 = "03000000000000000140000000000000000000000000000000"
  private static let second = "040000000000000011500000000000000000000000000000000000"
  private static let builds = "0100" + String(repeating: "ab", count: 32)

  @Test func aCheckpointIsReadAsItWasWritten() throws {
    var bytes: [UInt8] = []
    Self.example.encode(into: &bytes)
    #expect(
      FormatTests.hex(bytes) == "03" + Self.head + "04000000" + Self.first + Self.sleeping + Self.second + Self.builds)
    #expect(try Checkpoint(bytes: bytes) == Self.example)
    #expect(bytes.count <= Checkpoint.bytesMax(rooms: 4))
    for count in 0..<bytes.count {
      #expect(throws: DecodingError.self) { try Checkpoint(bytes: Array(bytes[..<count])) }
    }
  }

  @Test func olderFormatsAreRead() throws {
    var old = Self.example
    old.rooms.removeLast()
    old.rooms[2].build = nil
    var bytes = Self.bytes("02" + Self.head + "03000000" + Self.first + Self.sleepingInFormat2)
    #expect(try Checkpoint(bytes: bytes) == old)
    // Rooms with timers were active.
    old.rooms[2].wakesAtSecond = nil
    bytes = Self.bytes("01" + Self.head + "03000000" + Self.first + Self.sleepingInFormat1)
    #expect(try Checkpoint(bytes: bytes) == old)
    #expect(throws: DecodingError.self) { try Checkpoint(bytes: [4] + bytes.dropFirst()) }
  }

  /// More builds than are named: their rooms say theirs when they wake.
  @Test func aCheckpointNamesSoManyBuildsAndNoMore() throws {
    let rooms = (1...400).map { n in
      Checkpoint.Entry(
        room: RoomID(UInt64(n)), snapshot: LogPosition(0x40), tailStart: nil, isActive: false,
        build: ModuleHash([UInt8(n & 0xff), UInt8(n >> 8)] + Array(repeating: 0, count: 30)))
    }
    var bytes: [UInt8] = []
    Checkpoint(lastBatch: BatchNumber(1), scanFrom: LogPosition(0), rooms: rooms).encode(into: &bytes)
    #expect(bytes.count <= Checkpoint.bytesMax(rooms: rooms.count))
    let read = try Checkpoint(bytes: bytes).rooms
    #expect(read.count { $0.build != nil } == Limits.checkpointBuildsMax)
    #expect(zip(read, rooms).allSatisfy { $0.build == nil || $0.build == $1.build })
  }

  private static func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}
