import Core
import Foundation
import Journal
import SimulatedFiles
import Testing

/// One suite for every file system behind the seam.
@Suite struct FileSystemConformanceTests {
  func conform<FS: FileSystem>(_ fs: FS, _ root: String) throws {
    let home = root + "/home"
    try fs.createDirectory(home)
    try fs.createDirectory(home)
    try fs.syncDirectory(root)
    // Files: create, write, read, size.
    let path = home + "/a"
    #expect(throws: FileError.self) { _ = try fs.open(path, .read) }
    let file = try fs.open(path, .create)
    #expect(throws: FileError(.open, path, code: 17)) { _ = try fs.open(path, .create) }
    try fs.writeBytes(file, [1, 2, 3], at: 0)
    try fs.writeBytes(file, [9], at: 5)
    try fs.sync(file)
    #expect(try fs.size(file) == 6)
    #expect(try fs.readBytes(file, at: 0, count: 100) == [1, 2, 3, 0, 0, 9])
    #expect(try fs.readBytes(file, at: 2, count: 2) == [3, 0])
    #expect(try fs.readBytes(file, at: 6, count: 2).isEmpty)
    #expect(try fs.contents(of: path, limit: 6) == [1, 2, 3, 0, 0, 9])
    #expect(throws: FileError.self) { _ = try fs.contents(of: path, limit: 5) }
    // Names: rename replaces, removed files can still be read.
    let other = try fs.open(home + "/b", .create)
    try fs.writeBytes(other, [7], at: 0)
    try fs.rename(home + "/b", to: path)
    #expect(try fs.list(home) == ["a"])
    #expect(try fs.contents(of: path, limit: 9) == [7])
    #expect(try fs.readBytes(file, at: 0, count: 1) == [1])
    try fs.remove(path)
    #expect(throws: FileError(.remove, path, code: 2)) { try fs.remove(path) }
    try fs.removeIfPresent(path)
    #expect(try fs.readBytes(other, at: 0, count: 9) == [7])
    #expect(throws: FileError(.rename, path, code: 2)) { try fs.rename(path, to: home + "/c") }
    #expect(throws: FileError(.list, root + "/none", code: 2)) { _ = try fs.list(root + "/none") }
    // Helpers.
    try fs.replaceContents(of: "counter", in: home, with: [1])
    try fs.replaceContents(of: "counter", in: home, with: [2, 2])
    #expect(try fs.contents(of: home + "/counter", limit: 9) == [2, 2])
    let filled = try fs.createZeroFilled("zeros", in: home, count: 3_000_000)
    #expect(try fs.size(filled) == 3_000_000)
    #expect(try fs.readBytes(filled, at: 2_999_000, count: 4000) == [UInt8](repeating: 0, count: 1000))
    let reserved = try fs.createZeroFilled("reserved", in: home, count: 3_000_000, atOnce: true)
    #expect(try fs.size(reserved) == 3_000_000)
    try fs.fillBytes(reserved, [5, 6], at: 2_000_001)
    try fs.sync(reserved)
    #expect(try fs.readBytes(reserved, at: 2_000_000, count: 4) == [0, 5, 6, 0])
    #expect(try fs.readBytes(reserved, at: 2_999_999, count: 9) == [0])
    #expect(try fs.list(home) == ["counter", "reserved", "zeros"])
    #expect(throws: FileError(.open, root + "/none/x", code: 2)) { _ = try fs.open(root + "/none/x", .create) }
    // The lock.
    do {
      let lock = try fs.lock(directory: home)
      #expect(throws: FileError.self) { _ = try fs.lock(directory: home) }
      withExtendedLifetime(lock) {}
    }
    _ = try fs.lock(directory: home)
  }

  @Test func theRealOne() throws {
    let root = NSTemporaryDirectory() + "oneup-journal-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    // Its lock is a file in the directory; the suite looks at names, so it is taken out first.
    try conform(WithoutLockFile(), root)
  }

  @Test func theSimulatedOne() throws {
    let disk = SimulatedDisk(seed: 1)
    try disk.createDirectory("root")
    try conform(disk, "root")
  }

  @Test func theJournalOnTheRealOne() throws {
    let root = NSTemporaryDirectory() + "oneup-journal-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    var expected: [[UInt8]] = []
    for life in 0..<3 as Range<UInt64> {
      var journal = try ShardJournal.adopt(
        PosixFileSystem(), directory: root, identity: identity(.disk), assigned: ShardEpoch(1), options: smallOptions())
      for n in 0..<40 as Range<UInt64> {
        expected.append(payload(life * 100 + n))
        journal.append(batchKind, expected.last!)
        try journal.write()
        if n % 10 == 0 { try journal.sync() }
      }
      #expect(try workersRecords(journal.reader()).map(\.payload) == expected)
      if life == 1 { try journal.close() }
    }
    #expect(try JournalInspector(PosixFileSystem()).verify(root).isWhole)
  }

  @Test func powerLossKeepsWhatWasSyncedAndSectorsOfTheRest() throws {
    var partial = 0
    for seed in 0..<60 as Range<UInt64> {
      let disk = SimulatedDisk(seed: seed)
      try disk.createDirectory("d")
      try disk.syncDirectory("")
      let file = try disk.createZeroFilled("f", in: "d", count: 8192)
      try disk.writeBytes(file, [UInt8](repeating: 1, count: 1000), at: 0)
      try disk.sync(file)
      try disk.writeBytes(file, [UInt8](repeating: 2, count: 4096), at: 2048)
      disk.powerLoss()
      #expect(throws: FileError.self) { _ = try disk.size(file) }
      let bytes = try #require(disk.bytes(of: "d/f"))
      #expect(bytes[..<1000].allSatisfy { $0 == 1 } && bytes[1000..<2048].allSatisfy { $0 == 0 })
      let kept = (0..<8).map { sector in Set(bytes[(2048 + sector * 512)..<(2560 + sector * 512)]) }
      #expect(kept.allSatisfy { $0 == [0] || $0 == [2] })
      if kept.contains([0]) && kept.contains([2]) { partial += 1 }
    }
    #expect(partial > 10)
  }
}

/// The real file system without the lock's file in listings.
private struct WithoutLockFile: FileSystem {
  let real = PosixFileSystem()
  func open(_ path: String, _ mode: FileMode) throws(FileError) -> PosixFileSystem.File { try real.open(path, mode) }
  func read(
    _ file: PosixFileSystem.File, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
  ) throws(FileError) -> Int { try real.read(file, into: buffer, at: offset) }
  func write(_ file: PosixFileSystem.File, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
    try real.write(file, bytes, at: offset)
  }
  func sync(_ file: PosixFileSystem.File) throws(FileError) { try real.sync(file) }
  func size(_ file: PosixFileSystem.File) throws(FileError) -> Int { try real.size(file) }
  func rename(_ from: String, to: String) throws(FileError) { try real.rename(from, to: to) }
  func remove(_ path: String) throws(FileError) { try real.remove(path) }
  func list(_ directory: String) throws(FileError) -> [String] { try real.list(directory).filter { $0 != "lock" } }
  func createDirectory(_ path: String) throws(FileError) { try real.createDirectory(path) }
  func syncDirectory(_ path: String) throws(FileError) { try real.syncDirectory(path) }
  func lock(directory: String) throws(FileError) -> PosixFileSystem.File { try real.lock(directory: directory) }
}
