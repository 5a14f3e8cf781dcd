import Core
import Journal
import SimulatedFiles
import Synchronization
import Testing

/// A page that is given at one time and not at another, as a sector that is about to fail is.
@Suite struct FailingLaterTests {
  @Test func aRepairPutsNothingInThePlaceOfWholeRecordsBesideTheDamage() throws {
    let options = smallOptions(segment: 128 << 10)
    var refused = 0
    for victim in 5..<15 {
      let (disk, entries, _) = try DamageTests().filled(.disk, options: options)
      let (path, at) = try #require(DamageTests().place(entries[victim], disk))
      disk.flip(path, at: at + 3)
      let before = disk.bytes(of: path)!
      let damage = try #require(try JournalInspector(disk).verify(directory).damaged.first)
      let start = 16384 + Int(damage.lowerBound.rawValue)
      let end = 16384 + Int(damage.upperBound.rawValue)
      // The page in which the damage begins and the one in which it ends: each holds a part of a neighbour, too.
      for page in [start, end].map({ $0 / 4096 * 4096 }) where page != start && page != end {
        let inspector = JournalInspector(FailingLater(disk: disk, page: page))
        #expect(throws: JournalError.self) { _ = try inspector.repair(directory, apply: true) }
        #expect(disk.bytes(of: path)! == before && disk.paths.allSatisfy { !$0.contains("damaged-") })
        refused += 1
      }
      #expect(try JournalInspector(disk).repair(directory, apply: true).count == 1)
      #expect(try JournalInspector(disk).verify(directory).lost == [damage])
    }
    #expect(refused > 10)
  }
}

/// From when a file is opened to be written, a page of it cannot be read.
private struct FailingLater: FilesOfDisk {
  final class State: Sendable {
    let fails = Mutex(false)
  }
  let disk: SimulatedDisk
  let page: Int
  let state = State()
  func open(_ path: String, _ mode: FileMode) throws(FileError) -> SimulatedDisk.File {
    if mode == .readWrite { state.fails.withLock { $0 = true } }
    return try disk.open(path, mode)
  }
  func read(
    _ file: SimulatedDisk.File, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
  ) throws(FileError) -> Int {
    let isMet = offset < page + 4096 && page < offset + buffer.count
    if isMet, state.fails.withLock({ $0 }) { throw FileError(.read, directory, code: FileError.inputOutput) }
    return try disk.read(file, into: buffer, at: offset)
  }
}
