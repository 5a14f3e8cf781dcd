// The seam to files: the real one below the journal, a faulty one in memory below the simulator. Synchronous, used
// generically, so that no call is boxed.

/// What a file operation was, to what, and why it failed.
package struct FileError: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Operation: String, Sendable {
    case open, read, write, sync, size, rename, remove, list, lock
    case createDirectory = "create directory"
    case syncDirectory = "sync directory"
  }
  package var operation: Operation
  package var path: String
  /// `errno`, or one of the codes below.
  package var code: Int32
  package init(_ operation: Operation, _ path: String, code: Int32) {
    self.operation = operation
    self.path = path
    self.code = code
  }
  /// Fewer bytes were written than given.
  package static let shortWrite: Int32 = -1
  /// EIO.
  package static let inputOutput: Int32 = 5
  /// ENOSPC.
  package static let noSpace: Int32 = 28
  /// The simulated process died in this operation; nothing that it does afterwards takes effect.
  package static let simulatedDeath: Int32 = -2
  /// Another thread is making the file.
  package static let inPreparation: Int32 = -3

  package var description: String { "cannot \(operation.rawValue) \(path): \(reason)" }
  private var reason: String {
    switch code {
    case FileError.shortWrite: "only a part was written (is the disk failing or full?)"
    case FileError.simulatedDeath: "simulated death"
    case FileError.inPreparation: "it is still being prepared"
    case 2: "no such file or directory"
    case 5: "input/output error (check the disk and the kernel's log)"
    case 11: "held by another process"
    case 13: "permission denied"
    case 17: "it exists already"
    case 28: "no space left on the device"
    case 30: "the file system is read-only"
    default: "errno \(code)"
    }
  }
}

package enum FileMode: Sendable, Hashable {
  /// Must exist.
  case read
  /// Must exist.
  case readWrite
  /// Must not exist; read and write.
  case create
}

/// Files and directories. Paths are absolute or relative to the process; `/` separates. Safe from any thread; one file
/// is written by one thread at a time. A `File` closes, a `Lock` is given up, when its last reference goes.
package protocol FileSystem: Sendable {
  associatedtype File: Sendable
  associatedtype Lock: Sendable

  func open(_ path: String, _ mode: FileMode) throws(FileError) -> File
  /// Fills the buffer from `offset` on; returns how many bytes there were, fewer only at the end of the file.
  func read(_ file: File, into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int
  /// Writes all, or throws (`shortWrite`: a prefix is there). Returned: survives this process, not the machine.
  func write(_ file: File, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError)
  /// As `write`, for bytes within a file that `createZeroFilled` has made, of which more come above. A kill in its midst
  /// leaves a prefix.
  func fill(_ file: File, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError)
  /// The first `count` bytes of an empty file get their place on the disk and read as zero until they are written, without
  /// being written now. False: this file system has no such promise, and nothing was done.
  func reserve(_ file: File, count: Int) throws(FileError) -> Bool
  /// What was written to the file before is durable. After an error, never try again: the kernel forgets the pages. Whoever
  /// does, on any thread, with the same open file gets the same error.
  func sync(_ file: File) throws(FileError)
  /// The disk may begin with what was written to a part of the file: `sync` has the less to do at once. Promises nothing.
  /// Throws as `sync` does, where some of it is lost by now.
  func beginSync(_ file: File, from offset: Int, count: Int) throws(FileError)
  /// A part of the file, at most 128 KiB, comes into memory: who writes there then does not wait for the disk. Promises
  /// nothing.
  func readAhead(_ file: File, from offset: Int, count: Int)
  func size(_ file: File) throws(FileError) -> Int

  /// Replaces `to` if it exists. Durable after `syncDirectory`.
  func rename(_ from: String, to: String) throws(FileError)
  /// Readers that have the file open go on reading it. Durable after `syncDirectory`.
  func remove(_ path: String) throws(FileError)
  /// Names, sorted.
  func list(_ directory: String) throws(FileError) -> [String]
  /// Harmless if it exists; its parent must exist.
  func createDirectory(_ path: String) throws(FileError)
  func syncDirectory(_ path: String) throws(FileError)
  /// Takes the directory for this process, or throws with code EAGAIN at once. The process's death gives it up.
  func lock(directory: String) throws(FileError) -> Lock
}

extension FileSystem {
  package func fill(_ file: File, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
    try write(file, bytes, at: offset)
  }
  package func beginSync(_ file: File, from offset: Int, count: Int) throws(FileError) {}
  package func readAhead(_ file: File, from offset: Int, count: Int) {}
  package func reserve(_ file: File, count: Int) throws(FileError) -> Bool { false }

  /// The whole file, or an error if it is longer than `limit` bytes.
  package func contents(of path: String, limit: Int) throws(FileError) -> [UInt8] {
    let file = try open(path, .read)
    let count = try size(file)
    guard count <= limit else { throw FileError(.read, path, code: 27) }
    return try readBytes(file, at: 0, count: count)
  }

  /// Up to `count` bytes from `offset` on; fewer only at the end of the file.
  package func readBytes(_ file: File, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
    var failure: FileError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      do throws(FileError) {
        filled = try read(file, into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }

  package func writeBytes(_ file: File, _ bytes: [UInt8], at offset: Int) throws(FileError) {
    var failure: FileError?
    bytes.withUnsafeBytes { buffer in
      do throws(FileError) { try write(file, buffer, at: offset) } catch { failure = error }
    }
    if let failure { throw failure }
  }
  package func fillBytes(_ file: File, _ bytes: [UInt8], at offset: Int) throws(FileError) {
    var failure: FileError?
    bytes.withUnsafeBytes { buffer in
      do throws(FileError) { try fill(file, buffer, at: offset) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// Replaces `directory/name` by these bytes, all or nothing, durably: for small files such as counters.
  package func replaceContents(of name: String, in directory: String, with bytes: [UInt8]) throws(FileError) {
    let path = directory + "/" + name
    let temporary = path + ".tmp"
    try removeIfPresent(temporary)
    let file = try open(temporary, .create)
    try writeBytes(file, bytes, at: 0)
    try sync(file)
    try rename(temporary, to: path)
    try syncDirectory(directory)
  }

  package func removeIfPresent(_ path: String) throws(FileError) {
    do throws(FileError) { try remove(path) } catch  where error.code == 2 {}
  }

  /// A new file of `count` zeros, synced under a temporary name first: a write into it needs no space, and what was never
  /// written reads as zero. Its directory entry is durable too. On an error nothing of it remains that would be taken for
  /// the file. At once: the zeros are promised rather than written where that can be had. 16 MiB take 0.1 ms instead of 6,
  /// and each sync of what is written into them later takes half as long again.
  package func createZeroFilled(
    _ name: String, in directory: String, count: Int, atOnce: Bool = false, pausing: () -> Void = {}
  ) throws(FileError) -> File {
    let path = directory + "/" + name
    let temporary = path + ".tmp"
    try removeIfPresent(temporary)
    let file = try open(temporary, .create)
    do throws(FileError) {
      // Not more at once: ext4 keeps what comes in large writes as large folios, and walks all blocks of one for each
      // small write into it, which takes twice as long.
      let chunk = [UInt8](repeating: 0, count: min(count, 64 << 10))
      var offset = 0
      if atOnce, try reserve(file, count: count) { offset = count }
      while offset < count {
        let size = min(chunk.count, count - offset)
        try writeBytes(file, size == chunk.count ? chunk : [UInt8](chunk[..<size]), at: offset)
        offset += size
        if offset % (256 << 10) == 0 { try beginSync(file, from: offset - (256 << 10), count: 256 << 10) }
        pausing()
      }
      try sync(file)
      try rename(temporary, to: path)
      try syncDirectory(directory)
    } catch {
      // A half-filled file would hold the space that the disk lacks.
      do throws(FileError) { try remove(temporary) } catch {}
      // A disk that fills up takes a part first, or says so only at the sync. Nothing depends on this file yet, so it may
      // be tried again.
      let isFull = error.code == FileError.shortWrite || error.code == FileError.noSpace
      throw isFull ? FileError(.write, temporary, code: FileError.noSpace) : error
    }
    // By its name, so that later errors tell it.
    return try open(path, .readWrite)
  }
}
