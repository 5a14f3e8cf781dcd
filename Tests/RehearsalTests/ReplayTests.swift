import Artifacts
import Core
import Foundation
import Rehearsal
import Sandbox
import Testing
import WorkerCore

@Suite("Replaying a crash", .serialized) struct ReplayTests {
  /// A faulty room that echoed a little and then read beyond the end of an array.
  static func trapped() throws -> CrashBundle {
    let engine = try WasmEngine(EngineOptions(roomsMax: 8))
    var record = try Record(Modules.faulty, engine)
    record.join(0, "Ada")
    record.join(1, "Grace", session: 0xFEED_0000_0000_0002)
    for tick in 1...10 as ClosedRange<UInt64> {
      record.message([0x09, UInt8(tick)], from: UInt32(tick % 2))
      record.tick(tick)
    }
    return try record.crash([0x01], from: 1, engine)
  }

  @Test("It fails at the same place, from the same state") func exact() throws {
    let crash = CrashCase(bundle: try Self.trapped(), build: Modules.faulty)
    #expect(crash.bundle.fault.kind == .trap)
    #expect(crash.bundle.fault.backtrace.contains { $0.contains("readBeyondTheEnd") })
    let replay = try CrashReplay.exact(crash, try Builds(data: nil))
    #expect(replay.isSame && replay.state == .same && replay.events == 23, "\(replay.lines)")
  }

  @Test("Another state, place or fault is not the same") func differs() throws {
    var crash = CrashCase(bundle: try Self.trapped(), build: Modules.faulty)
    crash.bundle.stateHash![0] ^= 1
    #expect(try CrashReplay.exact(crash, try Builds(data: nil)).isSame == false)
    crash.bundle.stateHash = nil
    #expect(try CrashReplay.exact(crash, try Builds(data: nil)).isSame)
    crash.bundle.fault.backtrace.removeFirst()
    #expect(try CrashReplay.exact(crash, try Builds(data: nil)).isSame == false)
  }

  @Test("What was undone in the tail is passed over") func undone() throws {
    let engine = try WasmEngine(EngineOptions(roomsMax: 8))
    var record = try Record(Modules.faulty, engine)
    record.join(0, "Ada")
    record.message([0x0A])
    record.tick(7)
    record.bundle.annotations = [
      Annotation(room: Record.room, event: record.bundle.event, fault: .trap, raisesTimeline: false)
    ]
    let guest = try GuestReplay(record.bundle, on: engine)
    let steps = try ReplayEvent.all(of: record.bundle).map { try guest.play($0, budget: .decided) }
    #expect(steps.last?.outcome == nil && guest.instance != nil && guest.context.tick == 7)
  }

  @Test("An exported crash holds all it needs, and no session") func exported() throws {
    let crash = CrashCase(bundle: try Self.trapped(), build: Modules.faulty)
    let bytes = try crash.exported()
    let secret: [UInt8] = [1, 0, 0, 0, 0, 0, 0xED, 0xFE]
    func holds(_ bytes: [UInt8]) -> Bool { Data(bytes).range(of: Data(secret)) != nil }
    #expect(holds(crash.bundle.encode()) && !holds(bytes))
    let back = try CrashCase(bytes)
    let text = CrashText(name: "x", crash: back, build: back.build)
    #expect(text.lines.contains("event     24: input of Grace, slot 1"), "\(text.lines)")
    #expect(try CrashReplay.exact(back, try Builds(data: nil)).isSame)
    #expect(throws: DecodingError.self) { _ = try CrashCase(Array(bytes.dropLast())) }
  }

  @Test("A fix survives: the room's state is carried to it") func fixed() throws {
    let crash = CrashCase(bundle: try Self.trapped(), build: Modules.faulty)
    // The same build is no fix.
    let same = try CrashReplay.trying(Modules.faulty, on: crash, try Builds(data: nil))
    #expect(!same.survives && same.isOtherBuild)
    #expect(throws: RehearsalError.self) {
      _ = try CrashReplay.trying(Modules.tally, on: crash, try Builds(data: nil))
    }
  }

  @Test("A bundle without its build says where to look") func noBuild() throws {
    let crash = CrashCase(bundle: try Self.trapped())
    let error = #expect(throws: RehearsalError.self) { _ = try CrashReplay.exact(crash, try Builds(data: nil)) }
    #expect(error?.description.contains("export") == true)
  }

  @Test("Format 1 is still read") func formatOne() throws {
    let file = Modules.root + "/Tests/RehearsalTests/golden/format-1.bundle"
    let crash = try CrashStore.read(file)
    #expect(crash.bundle.moduleName == "faulty" && crash.bundle.event == EventSeq(4))
    #expect(crash.bundle.stateHash == nil && crash.bundle.time == 0 && crash.bundle.annotations.isEmpty)
    #expect(try ReplayEvent.all(of: crash.bundle).count == 3)
    #expect(try ReplayEvent.culprit(of: crash.bundle)?.payload == [0x01])
  }
}
