import Core
import Foundation
import Glibc
import Journal
import SimulatedFiles
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
}
