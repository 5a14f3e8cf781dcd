import Core
import Foundation
import Glibc
import Journal
import SimulatedFiles
import Synchronization
import Testing

/// What a disk says once must not be forgotten by whoever asks next.
@Suite struct SyncFailureTests {
  /// The error of the first sync, of a second one of the same open file, and of one of the file opened again.
  private func errors<FS: FileSystem>(
    _ fs: FS, _ path: String, mending: () throws -> Void
  ) throws -> (FileError?, FileError?, FileError?) {
    func sync(_ file: FS.File) -> FileError? {
      do throws(FileError) {
        try fs.sync(file)
        return nil
      } catch { return error }
    }
    let file = try fs.open(path, .readWrite)
    let first = sync(file)
    try mending()
    return (first, sync(file), sync(try fs.open(path, .readWrite)))
  }

  @Test func aSimulatedFileThatFailedToSyncFailsForEver() throws {
    let disk = SimulatedDisk(seed: 1)
    try disk.createDirectory("d")
    _ = try disk.open("d/a", .create)
    disk.strike(.error(FileError.inputOutput)) { $0.kind == .sync }
    let (first, second, again) = try errors(disk, "d/a") {}
    #expect(first?.code == FileError.inputOutput && second == first && again == nil)
  }

  @Test func soDoesARealOne() throws {
    let root = NSTemporaryDirectory() + "oneup-sync-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    // A pipe cannot be synced; then a plain file takes its place behind the same descriptor.
    let path = root + "/pipe"
    #expect(mkfifo(path, 0o600) == 0)
    let (first, second, again) = try errors(PosixFileSystem(), path) {
      let descriptor = try #require(
        (0..<4096 as Range<Int32>).first {
          (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path
        })
      try FileManager.default.removeItem(atPath: path)
      let plain = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      #expect(fdatasync(plain) == 0 && dup2(plain, descriptor) == descriptor && fdatasync(descriptor) == 0)
      close(plain)
    }
    #expect(first == FileError(.sync, path, code: EINVAL) && second == first && again == nil)
  }

  /// A file system that lets go of pages tells whoever made it begin.
  @Test func whatIsLostAtTheBeginningOfASyncIsTold() throws {
    let disk = try disk()
    let files = LosingFiles(disk: disk)
    files.code.withLock { $0 = FileError.noSpace }
    #expect(throws: FileError(.write, directory + "/zeros.tmp", code: FileError.noSpace)) {
      _ = try files.createZeroFilled("zeros", in: directory, count: 1 << 20)
    }
    #expect(disk.paths.isEmpty)
    files.code.withLock { $0 = 0 }
    var journal = try ShardJournal.adopt(
      files, directory: directory, identity: identity(.process), assigned: ShardEpoch(1), options: smallOptions())
    journal.append(batchKind, payload(1))
    try journal.write()
    let work = try #require(try journal.syncWork())
    try work.begin {}
    files.code.withLock { $0 = FileError.inputOutput }
    #expect(throws: FileError(.sync, "shard/0000000001.segment", code: FileError.inputOutput)) { try work.begin {} }
  }

  /// What the kernel cannot do for this file is no loss.
  @Test func aFileThatCannotBeginEarlyIsSyncedAsBefore() throws {
    let root = NSTemporaryDirectory() + "oneup-sync-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    let path = root + "/pipe"
    #expect(mkfifo(path, 0o600) == 0)
    let real = PosixFileSystem()
    try real.beginSync(try real.open(path, .readWrite), from: 0, count: 4096)
    let file = try real.open(root + "/file", .create)
    try real.writeBytes(file, [1], at: 0)
    try real.beginSync(file, from: 0, count: 1)
    try real.sync(file)
  }
}

/// Loses what is written when its disk is made to begin with it.
private struct LosingFiles: FilesOfDisk {
  final class Code: Sendable {
    private let code = Mutex<Int32>(0)
    func withLock<R: Sendable>(_ body: (inout sending Int32) -> sending R) -> R { code.withLock(body) }
  }
  let disk: SimulatedDisk
  let code = Code()
  private var name: String { directory + "/0000000001.segment" }
  func beginSync(_ file: SimulatedDisk.File, from offset: Int, count: Int) throws(FileError) {
    let failure = code.withLock { $0 }
    if failure != 0 { throw FileError(.sync, name, code: failure) }
  }
}
