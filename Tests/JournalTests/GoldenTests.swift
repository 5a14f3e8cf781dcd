import Core
import Foundation
import Journal
import SimulatedFiles
import Testing

/// The format is a promise: the files in `golden` are never written anew. A new format version gets files of its own.
@Suite struct GoldenTests {
  static let golden = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "golden/version-1")
  static let names = (1...3).map { "000000000\($0).segment" }

  /// Two lives: an adoption of nothing, a seal, a sync, a checkpoint; a death; an adoption with copies, a clean end.
  func write() throws -> SimulatedDisk {
    let disk = try disk(1)
    do {
      var journal = try adopt(disk, .process, engine: "golden-engine")
      for n in 0..<12 as Range<UInt64> {
        journal.append(batchKind, payload(n))
        if n % 3 == 2 { journal.append(17, []) }
        try journal.write()
        if n == 8 { try journal.sync() }
        if n == 10 {
          journal.append(RecordKind.checkpoint, payload(100, bytes: 40))
          try journal.write()
        }
      }
      disk.processDeath()
    }
    var journal = try adopt(disk, .disk, assigned: 7, engine: "golden-engine-2")
    journal.append(batchKind, payload(12))
    try journal.write()
    try journal.close()
    return disk
  }

  @Test func whatIsWrittenIsStillTheSame() throws {
    let disk = try write()
    #expect(disk.paths == Self.names.map { directory + "/" + $0 })
    for name in Self.names {
      let bytes = try #require(disk.bytes(of: directory + "/" + name))
      let file = Self.golden.appending(path: name)
      if ProcessInfo.processInfo.environment["ONEUP_ADD_GOLDEN"] != nil,
        !FileManager.default.fileExists(atPath: file.path)
      {
        try FileManager.default.createDirectory(at: Self.golden, withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
      }
      #expect(try Data(contentsOf: file) == Data(bytes), "\(name)")
    }
  }

  @Test func theGoldenFilesAreStillRead() throws {
    let disk = try disk()
    for name in Self.names {
      disk.overwrite(directory + "/" + name, with: Array(try Data(contentsOf: Self.golden.appending(path: name))))
    }
    let report = try JournalInspector(disk).verify(directory)
    #expect(report.isWhole && report.isClosed)
    let json = try JSONSerialization.jsonObject(with: JSONEncoder().encode(report)) as? [String: Any]
    #expect(json?["end"] as? UInt64 == report.end.rawValue && (json?["log"] as? [Any])?.count == 3)
    let journal = try adopt(disk, .disk, boot: .second)
    #expect(journal.adoption.wasClean == true)
    #expect(journal.epoch == ShardEpoch(8))
    #expect(journal.adoption.lastEngine == "golden-engine-2")
    let found = try workersRecords(journal.reader())
    #expect(found.filter { $0.kind == batchKind }.map(\.payload) == (0..<13).map { payload($0) })
    #expect(found.filter { $0.kind == 17 }.count == 4)
    let checkpoint = try journal.read(at: try #require(journal.adoption.lastCheckpoint))
    #expect(checkpoint.kind == RecordKind.checkpoint && checkpoint.payload == payload(100, bytes: 40))
  }

  @Test func anotherVersionIsRefused() throws {
    let disk = try disk()
    for name in Self.names {
      var bytes = Array(try Data(contentsOf: Self.golden.appending(path: name)))
      for offset in [0, 3 * 4096] {
        bytes[offset + 8] = 2
        let check = CRC32C.of(Array(bytes[offset..<offset + 508]))
        for i in 0..<4 { bytes[offset + 508 + i] = UInt8(truncatingIfNeeded: check >> (8 * i)) }
      }
      disk.overwrite(directory + "/" + name, with: bytes)
    }
    guard case .foreign(let text) = thrown({ _ = try adopt(disk) }) else {
      Issue.record("a newer format must be refused")
      return
    }
    #expect(text.contains("version 2"))
  }
}
