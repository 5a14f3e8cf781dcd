import Artifacts
import Core
import Foundation
import Rehearsal
import Testing
import WorkerCore

@Suite("Builds that a data directory needs") struct NeededBuildsTests {
  /// A data directory whose rooms were never awake.
  private func data() throws -> String {
    let data = try Modules.data([])
    try FileManager.default.createDirectory(atPath: data + "/shards/000", withIntermediateDirectories: true)
    return data
  }
  private let old = ModuleHash(of: [1])
  private let new = ModuleHash(of: [2])
  private var bundle: CrashBundle {
    CrashBundle(
      room: RoomID(1), shard: ShardID(0), module: old, moduleName: "tally", key: "", event: EventSeq(7),
      fault: RoomFault(kind: .death, text: ""), engine: "", snapshot: [], tail: [], culprit: [])
  }

  @Test("A crash needs the build that it is of, and the one that its room was to be carried to") func target() throws {
    let data = try data()
    #expect(try NeededBuilds.found(data: data).isEmpty)
    var carried = bundle
    (carried.call, carried.target) = (.carry, new)
    try Data(carried.encode()).write(to: URL(fileURLWithPath: data + "/crashes/1-1-1.bundle"))
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: data + "/crashes/2-1-1.bundle"))
    #expect(try NeededBuilds.found(data: data) == [old, new])
    // Somebody has cleared them away.
    try FileManager.default.removeItem(atPath: data + "/crashes")
    #expect(try NeededBuilds.found(data: data).isEmpty)
  }

  @Test("Where something cannot be read nobody knows") func doubt() throws {
    let crash = try data()
    try FileManager.default.createDirectory(atPath: crash + "/crashes/1-1-1.bundle", withIntermediateDirectories: true)
    let crashes = try data()
    try FileManager.default.removeItem(atPath: crashes + "/crashes")
    try Data().write(to: URL(fileURLWithPath: crashes + "/crashes"))
    let shards = try data()
    try FileManager.default.removeItem(atPath: shards + "/shards")
    let header = try data()
    try Data(repeating: 0xA5, count: 65_536).write(
      to: URL(fileURLWithPath: header + "/shards/000/0000000001.segment"))
    for data in [crash, crashes, shards, header] {
      #expect(throws: RehearsalError.self) { _ = try NeededBuilds.found(data: data) }
    }
  }
}
