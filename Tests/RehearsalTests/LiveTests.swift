import Artifacts
import Core
import Foundation
import Rehearsal
import ReleaseCore
import Sandbox
import Testing
import WorkerCore

@Suite("Records of live rooms", .serialized) struct LiveTests {
  @Test("What a worker writes of a crash replays exactly, and so does the crash after it") func crashes() throws {
    let live = try LiveRoom(Modules.faulty)
    try live.join(0, "Ada")
    try live.join(1, "Grace")
    for i in 0..<40 as Range<UInt8> { try live.message([0x09, i], from: UInt32(i % 2)) }
    try live.message([0x01], from: 1)
    for i in 0..<10 as Range<UInt8> { try live.message([0x09, i], from: 0) }
    // A tick that fails leaves its number behind.
    try live.message([0x0A], from: 0)
    try live.turn()
    try live.message([0x02], from: 1)
    #expect(live.crashes.count >= 3, "\(live.crashes.map(\.fault))")
    for bundle in live.crashes {
      let replay = try CrashReplay.exact(CrashCase(bundle: bundle, build: Modules.faulty), try Builds(data: nil))
      #expect(replay.isSame && replay.state == .same, "event \(bundle.event): \(replay.lines)")
    }
  }

  @Test("A live room is rehearsed from its snapshot on, with the members it has") func rehearsed() throws {
    let live = try LiveRoom(Modules.tally)
    for slot in 0..<3 as Range<UInt32> { try live.join(slot, "player \(slot)") }
    for i in 0..<29 as Range<UInt64> { try live.message(add(i), from: UInt32(i % 3)) }
    live.log.grow()
    for i in 29..<80 as Range<UInt64> { try live.message(add(i), from: UInt32(i % 3)) }
    let bundle = try live.bundle()
    #expect(!bundle.snapshot.isEmpty)
    #expect(try ReplayEvent.all(of: bundle).count == 50)
    let builds = try Builds(data: nil, roomsMax: 12)
    try builds.load(Modules.tally)
    var rooms = KeptRooms([bundle])
    let hash = Modules.tally.manifest.hash
    let report = try Rehearsal(builds, Throttle(seconds: 300)) { _ in }.run(
      from: hash, to: hash, rooms: &rooms, crashes: [])
    #expect(report.verdict == .good && report.events == 50, "\(report.problems) \(report.notes ?? [])")
    #expect(report.stateDifferences.isEmpty && report.outputDifferences == 0 && report.outcomeDifferences == 0)
    #expect(report.old.outputs == 50 && report.new.outputs == 50 && report.old.outputBytes == report.new.outputBytes)
    // Without its sessions it says the same.
    let exported = try CrashCase(CrashCase(bundle: bundle, build: Modules.tally).exported())
    #expect(exported.bundle != bundle)
    var plain = KeptRooms([exported.bundle])
    let again = try Rehearsal(builds, Throttle(seconds: 300)) { _ in }.run(
      from: hash, to: hash, rooms: &plain, crashes: [])
    var (first, second) = (report.new, again.new)
    for time in [\Stats.microseconds, \Stats.microsecondsP99] { (first[keyPath: time], second[keyPath: time]) = (0, 0) }
    #expect(first == second)
  }
}
