import Artifacts
import Core
import Foundation
import Rehearsal
import ReleaseCore
import Sandbox
import Testing
import WorkerCore

@Suite("A rehearsal", .serialized) struct RehearsalTests {
  /// A tally room in which three members added and asked; `snapshot` is not needed: it begins with its creation.
  static func room(_ builds: Builds) throws -> CrashBundle {
    var record = try Record(Modules.tally, builds.engine)
    for slot in 0..<3 as Range<UInt32> { record.join(slot, "player \(slot)") }
    for operation in 0..<60 as Range<UInt64> {
      record.message(add(operation), from: UInt32(operation % 3))
      if operation % 10 == 9 { record.message([9], from: 0) }
    }
    return record.bundle
  }

  static func rehearse(
    _ to: CrashCase.Build, crashes: [CrashCase] = [], settings: ReleaseSettings = ReleaseSettings(), seconds: Int = 300,
    _ change: (inout CrashBundle) -> Void = { _ in }
  ) throws -> Report {
    let builds = try Builds(data: nil, roomsMax: 12)
    try builds.load(Modules.tally)
    try builds.load(to)
    var bundle = try room(builds)
    change(&bundle)
    var rooms = KeptRooms([bundle])
    let rehearsal = Rehearsal(builds, Throttle(seconds: seconds), settings: settings) { _ in }
    return try rehearsal.run(
      from: Modules.tally.manifest.hash, to: to.manifest.hash, rooms: &rooms, crashes: crashes)
  }

  static let list = "Sources/OperationList.swift"
  static let tally = "Sources/Tally.swift"

  @Test("A build that does the same is good") func good() throws {
    let build = try Modules.tally(
      "1.0.1", [(Self.tally, "throw Refused(\"unknown message\")", "throw Refused(\"no such message\")")])
    let report = try Self.rehearse(build)
    #expect(report.verdict == .good, "\(report.problems)")
    #expect(report.rooms == 1 && report.events == 70 && report.new.traps == 0 && report.failedRestores == 0)
    #expect(report.old.refusals == 6 && report.new.refusals == 6 && report.outcomeDifferences == 0)
    // The refusals' words are other ones.
    #expect(report.outputDifferences == 6 && report.stateDifferences.isEmpty)
    #expect(report.new.fuelP99 > 0 && report.new.memoryBytes > 0 && report.new.outputs == 60)
  }

  @Test("A build that fails where the old one does not is bad, and the rest of its events are still run")
  func traps() throws {
    let build = try Modules.tally(
      "1.0.2",
      [
        (
          Self.tally, "let position = list.count",
          "precondition(operation != 17 && operation != 43)\n    let position = list.count"
        )
      ])
    let report = try Self.rehearse(build)
    #expect(report.verdict == .bad && report.new.traps == 2 && report.old.traps == 0)
    #expect(report.problems.first?.contains("fails at 2 events of 70") == true, "\(report.problems)")
    #expect(report.new.events == 70)
  }

  @Test("What its own check finds, more refusals, and another course of events are bad") func wrong() throws {
    let unhashed = try Modules.tally(
      "1.0.3",
      [(Self.list, "    hash = fnv(hash, operation)\n", "    if count % 7 != 0 { hash = fnv(hash, operation) }\n")])
    let report = try Self.rehearse(unhashed)
    #expect(report.verdict == .bad && report.new.checkFailures > 0 && report.old.checkFailures == 0)
    #expect(report.problems.contains { $0.contains("does not match") }, "\(report.problems)")
    #expect(report.stateDifferences.contains { $0.path.hasSuffix("hash") })
    let refusing = try Modules.tally(
      "1.0.4",
      [
        (
          Self.tally, "guard message.count == 0 else { throw Refused(\"an add",
          "guard message.count == 0, operation % 5 != 0 else { throw Refused(\"an add"
        )
      ])
    let second = try Self.rehearse(refusing)
    #expect(second.verdict == .bad && second.problems.contains { $0.contains("refuses 12 of") }, "\(second.problems)")
    // A release may mean to: whoever releases it says so.
    var settings = ReleaseSettings()
    (settings.refusalPercentMax, settings.outcomePercentMax) = (nil, nil)
    #expect(try Self.rehearse(refusing, settings: settings).verdict == .good)
  }

  @Test("A record that its own build does not follow any more is no evidence against the new one") func diverges()
    throws
  {
    let broken = try Modules.tally(
      "1.0.10",
      [(Self.tally, "let position = list.count", "precondition(operation != 17)\n    let position = list.count")])
    let builds = try Builds(data: nil, roomsMax: 12)
    try builds.load(Modules.tally)
    try builds.load(broken)
    // As if the room had been made with the broken build, and its event 17 had been applied.
    var record = try Record(broken, builds.engine)
    record.join(0, "Ada")
    for operation in 0..<60 as Range<UInt64> { record.message(add(operation)) }
    var rooms = KeptRooms([record.bundle])
    let report = try Rehearsal(builds, Throttle(seconds: 300)) { _ in }.run(
      from: broken.manifest.hash, to: Modules.tally.manifest.hash, rooms: &rooms, crashes: [])
    #expect(report.verdict != .bad && report.problems.isEmpty, "\(report.problems)")
    let notes = report.notes ?? []
    #expect(notes.contains { $0.contains("1 record left out") && $0.contains("fails here") }, "\(notes)")
  }

  @Test("Rooms for which there is no time are said") func late() throws {
    let report = try Self.rehearse(Modules.tally, seconds: 0)
    #expect(report.verdict == .thin && report.rooms == 0)
    #expect(report.notes?.contains("there was no time for 1 of 1 rooms") == true, "\(report.notes ?? [])")
  }

  @Test("A build that forgets a field when it saves loses state") func forgets() throws {
    let build = try Modules.tally("1.0.5", [(Self.list, "    c.hidden(3, \"hash\", &hash)\n", "")])
    let report = try Self.rehearse(build)
    #expect(report.verdict == .bad, "\(report.problems)")
    #expect(report.problems.contains { $0.contains("loses state") }, "\(report.problems)")
  }

  @Test("A slow build is bad") func slow() throws {
    let build = try Modules.tally(
      "1.0.6", [(Self.list, "    count += 1\n", "    count += 1\n    for _ in 0..<200 { hash = recount() }\n")])
    let report = try Self.rehearse(build)
    #expect(report.verdict == .bad && report.new.fuelP99 > report.old.fuelP99 * 3 / 2)
    #expect(report.problems.contains { $0.contains("fuel") }, "\(report.problems)")
  }

  @Test("Few events are thin evidence; a record that cannot be read is left out") func thin() throws {
    let none = try Self.rehearse(Modules.tally) { $0.tail = Array($0.tail.prefix(3)) }
    #expect(none.verdict == .thin && none.rooms == 0 && none.notes?.count == 2, "\(none.notes ?? [])")
  }

  @Test("Kept crashes are tried on the new build") func crashes() throws {
    let broken = try Modules.tally(
      "0.9.0",
      [(Self.tally, "let position = list.count", "precondition(operation != 17)\n    let position = list.count")])
    let engine = try WasmEngine(EngineOptions(roomsMax: 8))
    var record = try Record(broken, engine)
    record.join(0, "Ada")
    for operation in 0..<30 as Range<UInt64> where operation != 17 { record.message(add(operation)) }
    let crash = CrashCase(bundle: try record.crash(add(17), engine), build: broken)
    #expect(crash.bundle.fault.kind == .trap)
    let fixed = try Self.rehearse(Modules.tally, crashes: [crash])
    #expect(fixed.crashesFixed == 1 && fixed.crashesLeft == 0 && fixed.crashes == 1)
    let left = try Self.rehearse(broken, crashes: [crash])
    #expect(left.crashesFixed == 0 && left.crashesLeft == 1 && left.verdict == .bad)
  }

  @Test("A rehearsal takes no more than its part of a core") func throttled() {
    let throttle = Throttle(seconds: 60)
    var sum: UInt64 = 0
    let start = clock()
    while clock() - start < CLOCKS_PER_SEC / 5 {
      for i in 0..<100_000 as Range<UInt64> { sum = sum &* 31 &+ i }
      throttle.breathe()
    }
    #expect(sum != 0 && throttle.seconds >= 0.19 * Double(Throttle.partOfCore))
  }

  @Test("Where readable states differ is named by its path") func differences() {
    let found = StateDifferences.between(
      Array(#"{"ships":{"3":{"score":10,"name":"a"}},"gems":[1,2]}"#.utf8),
      Array(#"{"ships":{"3":{"score":0,"name":"a"}},"gems":[1],"more":true}"#.utf8), most: 20)
    #expect(found.map(\.path) == ["gems.1", "more", "ships.3.score"])
    #expect(found.map(\.old) == ["2", "–", "10"] && found.map(\.new) == ["–", "true", "0"])
    #expect(StateDifferences.between(Array("x".utf8), Array("yy".utf8), most: 1).count == 1)
  }
}
