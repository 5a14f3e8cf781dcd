import Artifacts
import Core
import Foundation
import Journal
import Rehearsal
import ReleaseCore
import Sandbox
import Testing
import WorkerCore
import WorkerStore

/// A live room whose shard's log is on a disk, in a data directory of its own.
private final class LoggedRoom {
  let data = Modules.output + "/logged-" + UUID().uuidString
  let live: LiveRoom
  private let store: JournalStore<PosixFileSystem, WordBox>
  private let words = UnsafeMutablePointer<UInt64>.allocate(capacity: BlackBoxView<WordBox>.wordCount)

  init(_ build: CrashCase.Build, native directory: String? = nil) throws {
    words.initialize(repeating: 0, count: BlackBoxView<WordBox>.wordCount)
    let shard = data + "/shards/000"
    try FileManager.default.createDirectory(atPath: shard, withIntermediateDirectories: true)
    var options = JournalOptions()
    // All of it is in one: what no recovery needs goes with its segment.
    options.segmentBytes = 32 << 20
    options.recordBytesMax = 1 << 20
    options.reserveBytes = 16 << 10
    let identity = JournalIdentity(
      shard: ShardID(0), boot: BootID(high: 1, low: 1), durability: .process, engine: "test")
    (store, _) = try JournalStore.adopt(
      PosixFileSystem(), directory: shard, identity: identity, assigned: ShardEpoch(1), box: WordBox(words),
      options: options)
    try store.prepareAndRemove()
    live = try LiveRoom(build, store: store, native: directory)
  }
  deinit {
    words.deallocate()
    try? FileManager.default.removeItem(atPath: data)
  }
  func snapshot() throws {
    try live.worker.snapshotNow(live.room)
    try store.prepareAndRemove()
  }
}

/// Rooms of a log, without the workers that serve them.
private struct LoggedRooms: RoomSource {
  var histories: LogHistories
  let room: RoomID
  let module: ModuleHash
  var remarks: [String] { histories.complaints }

  mutating func rooms(of module: ModuleHash, most: Int, goesOn: (Double) -> Bool) -> [RoomID] {
    histories.read([(room, ShardID(0))], goesOn: goesOn)
    return [room]
  }
  func bundle(_ room: RoomID, before asking: () -> Void) throws(RehearsalError) -> CrashBundle? {
    try histories.bundle(room, ShardID(0), module: module, name: "tally", key: "lobby")
  }
}

@Suite("A rehearsal from the log", .serialized) struct LoggedTests {
  private func rehearse(_ logged: LoggedRoom, from: CrashCase.Build, to: CrashCase.Build) throws -> Report {
    let data = try Modules.data([])
    let builds = try Builds(
      data: data, roomsMax: 12, runsNative: [from, to].contains { $0.manifest.format == .native })
    try builds.load(from)
    try builds.load(to)
    var rooms = LoggedRooms(
      histories: LogHistories(data: logged.data), room: logged.live.room, module: from.manifest.hash)
    return try Rehearsal(builds, Throttle(seconds: 300)) { _ in }.run(
      from: from.manifest.hash, to: to.manifest.hash, rooms: &rooms, crashes: [])
  }

  /// Two messages a second for so long, and a snapshot after every fourth.
  private func play(_ logged: LoggedRoom, seconds: UInt64, from first: UInt64 = 0) throws {
    for i in first..<first + seconds * 2 {
      try logged.live.message(add(i), from: UInt32(i % 3))
      try logged.live.turn(after: 450)
      if i % 4 == 3 { try logged.snapshot() }
    }
  }

  @Test("Rooms are given what was before their last snapshot, too: two minutes") func minutes() throws {
    let logged = try LoggedRoom(Modules.tally)
    for slot in 0..<3 as Range<UInt32> { try logged.live.join(slot, "player \(slot)") }
    try play(logged, seconds: 200)
    try logged.snapshot()
    #expect(try ReplayEvent.all(of: logged.live.bundle()).isEmpty, "the worker itself would give nothing")
    let report = try rehearse(logged, from: Modules.tally, to: Modules.tally)
    #expect(report.verdict == .good, "\(report.problems) \(report.notes ?? [])")
    #expect((200...260).contains(report.events) && report.new.outputs == report.events, "\(report.events)")
    let seconds = try #require(report.historySecondsMin)
    #expect((117...125).contains(seconds) && report.historySecondsMedian == seconds, "\(seconds) s")
    #expect(report.outcomeDifferences == 0 && report.outputDifferences == 0 && report.stateDifferences.isEmpty)
    #expect(report.notes?.contains { $0.contains("the median") } == true, "\(report.notes ?? [])")
  }

  @Test("What fails in the new build is found although a snapshot was taken since") func found() throws {
    let build = try Modules.tally(
      "1.0.7",
      [
        (
          RehearsalTests.tally, "let position = list.count",
          "precondition(operation != 100)\n    let position = list.count"
        )
      ])
    let logged = try LoggedRoom(Modules.tally)
    for slot in 0..<3 as Range<UInt32> { try logged.live.join(slot, "player \(slot)") }
    try play(logged, seconds: 100)
    try logged.snapshot()
    let report = try rehearse(logged, from: Modules.tally, to: build)
    #expect(report.verdict == .bad && report.new.traps == 1, "\(report.problems)")
  }

  @Test("What there is no time to read is left out, and that is said") func partly() throws {
    let logged = try LoggedRoom(Modules.tally)
    for slot in 0..<3 as Range<UInt32> { try logged.live.join(slot, "player \(slot)") }
    try play(logged, seconds: 300)
    func events(_ goesOn: (Double) -> Bool) throws -> (count: Int, remark: String?) {
      var histories = LogHistories(data: logged.data)
      histories.read([(logged.live.room, ShardID(0))], goesOn: goesOn)
      let found = try histories.bundle(
        logged.live.room, ShardID(0), module: Modules.tally.manifest.hash, name: "tally", key: "lobby")
      return (try ReplayEvent.all(of: try #require(found)).count, histories.remark)
    }
    let whole = try events { share in
      #expect(share == 1)
      return true
    }
    #expect((200...260).contains(whole.count) && whole.remark == nil, "\(whole)")
    let part = try events { _ in false }
    #expect(part.count > 0 && part.remark?.contains("1 could not be read to their ends") == true, "\(part)")
  }

  @Test("A log that is not there, or is none, is said; a living owner is no hindrance") func unreadable() throws {
    var none = LogHistories(data: Modules.output + "/no such directory")
    none.read([(RoomID(1), ShardID(0))]) { _ in true }
    #expect(none.complaints.count == 1)
    #expect(try none.bundle(RoomID(1), ShardID(0), module: Modules.tally.manifest.hash, name: "", key: "") == nil)
    let logged = try LoggedRoom(Modules.tally)
    try logged.live.join(0, "Ada")
    let segment = try #require(
      FileManager.default.contentsOfDirectory(atPath: logged.data + "/shards/000").filter { $0.hasSuffix(".segment") }
        .sorted().first)
    var histories = LogHistories(data: logged.data)
    histories.read([(logged.live.room, ShardID(0))]) { _ in true }
    #expect(histories.complaints.isEmpty)
    // A segment of another format.
    try Data(repeating: 7, count: 100_000).write(to: URL(fileURLWithPath: logged.data + "/shards/000/" + segment))
    var broken = LogHistories(data: logged.data)
    broken.read([(logged.live.room, ShardID(0))]) { _ in true }
    let found = try broken.bundle(
      logged.live.room, ShardID(0), module: Modules.tally.manifest.hash, name: "", key: "")
    #expect(found == nil)
  }

  @Test("Machine code is rehearsed like any build: its time in place of fuel") func native() throws {
    let directory = try Modules.data([]) + "/modules"
    let logged = try LoggedRoom(Modules.nativeTally, native: directory)
    for slot in 0..<3 as Range<UInt32> { try logged.live.join(slot, "player \(slot)") }
    try play(logged, seconds: 120)
    let report = try rehearse(logged, from: Modules.nativeTally, to: Modules.nativeTally)
    #expect(report.verdict == .good, "\(report.problems) \(report.notes ?? [])")
    #expect(report.events > 100 && report.new.outputs > 100 && report.failedRestores == 0)
    #expect(report.new.fuelP99 == 0 && report.new.microsecondsP99 > 0 && report.new.memoryBytes > 0)
    #expect(report.notes?.contains { $0.contains("machine code") } == true)
    // Out of the sandbox and into it: what one of them has none of is not held against the other.
    let sandboxed = try rehearse(logged, from: Modules.nativeTally, to: Modules.tally)
    #expect(sandboxed.verdict == .good && sandboxed.outputDifferences == 0, "\(sandboxed.problems)")
    let slow = try Modules.tally(
      "1.0.8",
      [
        (
          RehearsalTests.list, "    count += 1\n",
          "    count += 1\n    for _ in 0..<500 { hash = recount() }\n"
        )
      ], format: .native)
    let report2 = try rehearse(logged, from: Modules.nativeTally, to: slow)
    #expect(
      report2.verdict == .bad && report2.problems.contains { $0.contains("processor time") }, "\(report2.problems)")
  }

  @Test("A build that does something else each time is found out") func chance() throws {
    let directory = try Modules.data([]) + "/modules"
    let logged = try LoggedRoom(Modules.nativeTally, native: directory)
    for slot in 0..<3 as Range<UInt32> { try logged.live.join(slot, "player \(slot)") }
    try play(logged, seconds: 30)
    let counting = try Modules.tally(
      "1.0.9",
      [
        (
          RehearsalTests.tally, "import OneUpRoom\n",
          "import OneUpRoom\n\n/// No part of the room's state.\nnonisolated(unsafe) var calls: UInt64 = 0\n"
        ),
        (RehearsalTests.tally, "output.u64(operation)", "calls += 1\n    output.u64(operation &+ calls)"),
      ], format: .native)
    let report = try rehearse(logged, from: Modules.nativeTally, to: counting)
    #expect(
      report.verdict == .bad && report.problems.contains { $0.contains("not deterministic") }, "\(report.problems)")
  }
}
