import Core
import Foundation
import Journal
import Testing

/// Records that go into a segment by stores into mapped memory (at `process`): as good as written ones.
@Suite struct MappedFileTests {
  /// Of a segment; docs/journal-format.md.
  private let headerBytes = 16 << 10
  private func temporary() throws -> String {
    let root = NSTemporaryDirectory() + "oneup-mapped-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    return root
  }
  private static func adopt(_ root: String, _ epoch: UInt32) throws -> ShardJournal<PosixFileSystem> {
    var options = JournalOptions()
    options.segmentBytes = 4 << 20
    options.recordBytesMax = 1 << 20
    return try ShardJournal.adopt(
      PosixFileSystem(), directory: root, identity: identity(.process), assigned: ShardEpoch(epoch), options: options)
  }
  private func segmentPath(_ root: String, fromLast place: Int = 0) throws -> String {
    let names = try FileManager.default.contentsOfDirectory(atPath: root).filter { $0.hasSuffix(".segment") }
    return root + "/" + (try #require(names.sorted().dropLast(place).last))
  }

  @Test func whatIsFilledInIsReadAndStays() throws {
    let root = try temporary()
    defer { try? FileManager.default.removeItem(atPath: root) }
    let fs = PosixFileSystem()
    let size = 3 << 20
    let file = try fs.createZeroFilled("f", in: root, count: size)
    var expected = [UInt8](repeating: 0, count: size)
    var random = RandomState(seed: 1)
    // Every alignment, windows crossed, large and small, a place far behind, up to the last byte.
    var offset = 0
    while offset < size {
      let large = random.next() % 16 == 0
      let count = min(size - offset, 1 + Int(random.next() % (large ? 200_000 : 9_000)))
      let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      try fs.fillBytes(file, bytes, at: offset)
      expected.replaceSubrange(offset..<offset + count, with: bytes)
      offset += count
      if random.next() % 8 == 0 {
        try fs.writeBytes(file, [7, 7], at: 4096)
        try fs.fillBytes(file, [8], at: 4098)
        expected.replaceSubrange(4096..<4099, with: [7, 7, 8])
      }
    }
    #expect(try fs.readBytes(file, at: 0, count: size + 1) == expected)
    try fs.sync(file)
    // Beyond its end it grows, as by a write.
    try fs.fillBytes(file, [1, 2], at: size - 1)
    #expect(try fs.size(file) == size + 1)
    #expect(try fs.contents(of: root + "/f", limit: size + 1).suffix(2) == [1, 2])
  }

  @Test func aKillInTheMidstOfAStoreLeavesAPrefix() async throws {
    let root = try temporary()
    defer { try? FileManager.default.removeItem(atPath: root) }
    for life in 1...12 as ClosedRange<UInt32> {
      await #expect(processExitsWith: .signal(SIGKILL)) { [root = root as String, life = life as UInt32] in
        var journal = try Self.adopt(root, life)
        try journal.prepareNextSegment()
        let acknowledged = try FileHandle(forWritingTo: URL(fileURLWithPath: Self.fresh(root + "/acknowledged")))
        var n: UInt64 = 0
        while true {
          // Large: much of the time goes into its store.
          journal.append(batchKind, Self.filled(n, life))
          try journal.write()
          n += 1
          withUnsafeBytes(of: n) { _ = pwrite(acknowledged.fileDescriptor, $0.baseAddress!, 8, 0) }
          // It dies at another moment each time, but never before there is something to lose.
          if n == 1 {
            Thread {
              usleep(life * 130)
              kill(getpid(), SIGKILL)
            }.start()
          }
          if n == 300 { while true { pause() } }
        }
      }
      let count = try Data(contentsOf: URL(fileURLWithPath: root + "/acknowledged")).withUnsafeBytes {
        $0.count == 8 ? $0.loadUnaligned(as: UInt64.self) : 0
      }
      // An incomplete record is cut; a hole in one would be damage.
      let journal = try Self.adopt(root, life + 100)
      #expect(journal.adoption.damaged.isEmpty && journal.adoption.cutCounter == 0)
      let found = try workersRecords(journal.reader()).map(\.payload).filter { $0[0] == UInt8(life) }
      #expect(count >= 1, "it died before its first store")
      #expect(found.count >= Int(count) && found.count <= Int(count) + 1)
      for (n, payload) in found.enumerated() { #expect(payload == Self.filled(UInt64(n), life)) }
    }
  }
  private static func fresh(_ path: String) -> String {
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    return path
  }
  /// Not a byte of it is zero, and none can be told from its neighbour by its place alone.
  private static func filled(_ n: UInt64, _ life: UInt32) -> [UInt8] {
    let byte = UInt8(1 + n % 250)
    return [UInt8(life)] + [UInt8](repeating: byte, count: 20_000 + Int(n) * 3)
  }

  /// Where the temporary directory is in memory alone, nothing can be let go of, and this shows nothing.
  @Test func whatIsWrittenNextIsBroughtIntoMemory() async throws {
    let root = try temporary()
    defer { try? FileManager.default.removeItem(atPath: root) }
    var journal = try Self.adopt(root, 1)
    try journal.prepareNextSegment()
    let ahead1 = readsAhead(&journal)
    #expect(!ahead1, "nothing was written")
    journal.append(batchKind, payload(1))
    try journal.write()
    try journal.sync()
    let current = try segmentPath(root, fromLast: 1)
    letGo(of: current)
    let ahead2 = readsAhead(&journal)
    #expect(ahead2)
    let end = Int(journal.writtenPosition.rawValue) + headerBytes
    try await becomesResident(current, end..<end + (256 << 10))
    let ahead3 = readsAhead(&journal)
    #expect(!ahead3, "nothing was written since")

    // Close to its end, the next one's beginning comes with it.
    while journal.writtenPosition.rawValue < 3 << 20 {
      journal.append(batchKind, [UInt8](repeating: 1, count: 300 << 10))
      try journal.write()
    }
    try journal.sync()
    let next = try segmentPath(root)
    letGo(of: next)
    let ahead4 = readsAhead(&journal)
    #expect(ahead4)
    try await becomesResident(next, 0..<256 << 10)
  }
  @Test func whatWasReadAheadAMomentAgoIsNotReadAgainButAfterARestItIs() throws {
    let root = try temporary()
    defer { try? FileManager.default.removeItem(atPath: root) }
    var journal = try Self.adopt(root, 1)
    func write(_ journal: inout ShardJournal<PosixFileSystem>) throws -> Int {
      journal.append(batchKind, [UInt8](repeating: 1, count: 200 << 10))
      try journal.write()
      return Int(journal.writtenPosition.rawValue) + headerBytes
    }
    let first = try write(&journal)
    let work1 = journal.readAheadWork()
    var parts = try #require(work1).parts
    #expect(parts.count == 1 && parts[0].offset == first && parts[0].count >= 800 << 10)
    let end = parts[0].offset + parts[0].count
    let second = try write(&journal)
    let work2 = journal.readAheadWork()
    parts = try #require(work2).parts
    #expect(parts.count == 1 && parts[0].offset == end)
    #expect(parts[0].offset + parts[0].count == second + 4 * (second - first))
    let rest = journal.readAheadWork()
    #expect(rest == nil, "nothing was written")
    let third = try write(&journal)
    let work3 = journal.readAheadWork()
    parts = try #require(work3).parts
    #expect(parts.count == 1 && parts[0].offset == third)
  }
  /// The kernel would read along with it what its disk is set to: up to many megabytes, in which time players wait.
  @Test func aStoreWhereAPageIsMissingBringsInThatPageAlone() throws {
    let root = try temporary()
    defer { try? FileManager.default.removeItem(atPath: root) }
    var journal = try Self.adopt(root, 1)
    journal.append(batchKind, payload(1))
    try journal.write()
    try journal.sync()
    let path = try segmentPath(root)
    letGo(of: path)
    let before = try resident(path, 0..<1 << 20).count { $0 }
    journal.append(batchKind, [UInt8](repeating: 1, count: 8_000))
    try journal.write()
    let brought = try resident(path, 0..<1 << 20).count { $0 } - before
    #expect(brought >= 1 && brought <= 4, "8,000 bytes touch three pages at most")
  }
  private func readsAhead(_ journal: inout ShardJournal<PosixFileSystem>) -> Bool {
    guard let work = journal.readAheadWork() else { return false }
    work.run()
    return true
  }
  private func letGo(of path: String) {
    let file = open(path, O_RDONLY)
    defer { close(file) }
    fsync(file)
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)
  }
  /// Page by page.
  private func resident(_ path: String, _ range: Range<Int>) throws -> [Bool] {
    let file = open(path, O_RDONLY)
    defer { close(file) }
    let first = range.lowerBound / 4096 * 4096
    let count = range.upperBound - first
    let base = try #require(mmap(nil, count, PROT_READ, MAP_SHARED, file, first))
    defer { munmap(base, count) }
    var pages = [UInt8](repeating: 0, count: (count + 4095) / 4096)
    mincore(base, count, &pages)
    return pages.map { $0 & 1 == 1 }
  }
  private func becomesResident(_ path: String, _ range: Range<Int>) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    var missing = 0
    repeat {
      missing = try resident(path, range).count { !$0 }
      if missing == 0 { return }
      try await Task.sleep(for: .milliseconds(5))
    } while ContinuousClock.now < deadline
    Issue.record("\(missing) pages of \(path) are not in memory")
  }

  @Test func aPageThatCannotBeHadIsTheDisksErrorAndTheNextOwnerIsTold() throws {
    let root = try temporary()
    defer { try? FileManager.default.removeItem(atPath: root) }
    do {
      var journal = try Self.adopt(root, 1)
      journal.append(batchKind, payload(1))
      try journal.write()
      // What is behind the file's end cannot be had: the kernel says it as it says that a page cannot be read.
      let path = try segmentPath(root)
      try #require(truncate(path, 16_384) == 0)
      journal.append(batchKind, payload(2))
      let error = thrown { try journal.write() }
      #expect(error == .poisoned(FileError(.write, path, code: EIO)))
      #expect(thrown { try journal.write() } == error)
    }
    #expect(FileManager.default.fileExists(atPath: root + "/failed"))
    let next = try Self.adopt(root, 2)
    #expect(next.adoption.cutCounter == 1)
    #expect(!FileManager.default.fileExists(atPath: root + "/failed"))
  }
}
