import Artifacts
import Core
import Foundation
import Rehearsal
import ReleaseCore
import Sandbox
import Testing
import WorkerCore

@Suite("Machine code that failed", .serialized) struct NativeTests {
  /// Says too much at one operation: the host sees that, and nothing kills the process.
  private static let chatty = Result { try chatty(.native) }
  private static func chatty(_ format: Manifest.Format) throws -> CrashCase.Build {
    try Modules.tally(
      format == .native ? "0.9.1" : "0.9.2",
      [
        (
          RehearsalTests.tally, "let position = list.count",
          "if operation == 17 { for _ in 0..<200 { room.send([7]) } }\n    let position = list.count"
        )
      ], format: format)
  }

  private func crash() throws -> (bundle: CrashBundle, build: CrashCase.Build) {
    let build = try Self.chatty.get()
    let live = try LiveRoom(build, native: try Modules.data([]) + "/modules")
    try live.join(0, "Ada")
    try live.join(1, "Grace")
    for i in 0..<17 as Range<UInt64> { try live.message(add(i), from: UInt32(i % 2)) }
    try live.message(add(17), from: 1)
    try live.message(add(18), from: 0)
    #expect(live.crashes.count == 1)
    return (try #require(live.crashes.first), build)
  }

  @Test("Its crash replays exactly, from the build that its server keeps") func replays() throws {
    let (bundle, build) = try crash()
    #expect(bundle.fault.kind == .output && bundle.stateHash != nil)
    let data = try Modules.data([build])
    let replay = try CrashReplay.exact(CrashCase(bundle: bundle), Builds(data: data, runsNative: true))
    #expect(replay.isSame && replay.state == .same, "\(replay.lines)")
    // It is what nobody trusts where nothing says so.
    #expect(throws: RehearsalError.self) { _ = try CrashReplay.exact(CrashCase(bundle: bundle), Builds(data: data)) }
  }

  @Test("What ended its process is not tried in that of a rehearsal of machine code") func leftOut() throws {
    var (bundle, build) = try crash()
    let builds = try Builds(data: try Modules.data([build]), roomsMax: 12, runsNative: true)
    try builds.load(build.manifest.hash)
    func rehearse() throws -> Report {
      var rooms = KeptRooms([])
      return try Rehearsal(builds, Throttle(seconds: 300)) { _ in }.run(
        from: nil, to: build.manifest.hash, rooms: &rooms, crashes: [CrashCase(bundle: bundle)])
    }
    #expect(try rehearse().crashesLeft == 1)
    for kind in [RoomFault.Kind.death, .watchdog] {
      bundle.fault.kind = kind
      let report = try rehearse()
      #expect(report.crashesLeft == 0 && report.crashesFixed == 0)
      #expect(report.notes?.contains { $0.contains("oneup crash replay") } == true, "\(report.notes ?? [])")
    }
  }

  @Test("Nor is what it failed at in a room's record") func leftOutOfRecords() throws {
    let build = try Self.chatty.get()
    let live = try LiveRoom(build, native: try Modules.data([]) + "/modules")
    try live.join(0, "Ada")
    for i in 0..<20 as Range<UInt64> { try live.message(add(i), from: 0) }
    var bundle = try live.bundle()
    #expect(bundle.annotations.map(\.fault) == [.output])
    let builds = try Builds(data: try Modules.data([build, Modules.nativeTally]), roomsMax: 12, runsNative: true)
    for build in [build, Modules.nativeTally] { try builds.load(build.manifest.hash) }
    func rehearse() throws -> Report {
      var rooms = KeptRooms([bundle])
      return try Rehearsal(builds, Throttle(seconds: 300)) { _ in }.run(
        from: build.manifest.hash, to: Modules.nativeTally.manifest.hash, rooms: &rooms, crashes: [])
    }
    func says(_ report: Report, _ words: String) -> Bool { report.notes?.contains { $0.contains(words) } == true }
    let cured = try rehearse()
    #expect(says(cured, "does not fail any more") && !says(cured, "not tried"), "\(cured.notes ?? [])")
    bundle.annotations = bundle.annotations.map {
      Annotation(room: $0.room, event: $0.event, fault: .death, raisesTimeline: false)
    }
    let left = try rehearse()
    #expect(left.rooms == 1 && !says(left, "does not fail any more") && says(left, "not tried"), "\(left.notes ?? [])")
  }

  @Test("Other builds are tried on it: native ones, and those for the sandbox") func other() throws {
    let (bundle, build) = try crash()
    let crash = CrashCase(bundle: bundle)
    let data = try Modules.data([build])
    let fixed = try CrashReplay.trying(Modules.nativeTally, on: crash, Builds(data: data, runsNative: true))
    #expect(fixed.survives && fixed.isOtherBuild, "\(fixed.lines)")
    let sandboxed = try CrashReplay.trying(
      Self.chatty(.wasm), on: crash, Builds(data: data, runsNative: true))
    #expect(!sandboxed.survives, "\(sandboxed.lines)")
    guard case .failed(let fault) = sandboxed.outcome else { return }
    #expect(fault.kind == .output)
    #expect(try CrashReplay.trying(Modules.tally, on: crash, Builds(data: data, runsNative: true)).survives)
  }
}
