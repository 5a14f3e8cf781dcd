// The real file system.
internal import CHost
package import Core
internal import Glibc
internal import Synchronization

/// Plain system calls; an interrupted one is tried again.
package struct PosixFileSystem: FileSystem {
  /// An open file; closes with its last reference.
  package final class File: Sendable {
    let descriptor: Int32
    let path: String
    /// Of the thread that writes the file.
    nonisolated(unsafe) fileprivate var window = MappedWindow()
    /// Why it cannot be synced any more: the kernel tells each open file once. Held while it is asked, for two threads may
    /// sync one file at the same time, and the one that is not told must not believe that all is well.
    fileprivate let syncFailure = Mutex<Int32>(0)
    init(descriptor: Int32, path: String) {
      self.descriptor = descriptor
      self.path = path
    }
    deinit { close(descriptor) }
  }
  package typealias Lock = File

  package init() {}

  package func open(_ path: String, _ mode: FileMode) throws(FileError) -> File {
    let flags: Int32
    switch mode {
    case .read: flags = O_RDONLY
    case .readWrite: flags = O_RDWR
    case .create: flags = O_RDWR | O_CREAT | O_EXCL
    }
    let descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileError(.open, path, code: errno) }
    return File(descriptor: descriptor, path: path)
  }

  package func read(
    _ file: File, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
  ) throws(FileError) -> Int {
    var done = 0
    while done < buffer.count {
      let count = pread(
        file.descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      if count < 0 {
        if errno == EINTR { continue }
        throw FileError(.read, file.path, code: errno)
      }
      if count == 0 { break }
      done += count
    }
    return done
  }

  package func write(_ file: File, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return }
    var count = pwrite(file.descriptor, base, bytes.count, off_t(offset))
    while count < 0 && errno == EINTR { count = pwrite(file.descriptor, base, bytes.count, off_t(offset)) }
    guard count >= 0 else { throw FileError(.write, file.path, code: errno) }
    guard count == bytes.count else { throw FileError(.write, file.path, code: FileError.shortWrite) }
  }

  package func fill(_ file: File, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
    if try file.window.store(bytes, at: offset, of: file.descriptor, path: file.path) { return }
    try write(file, bytes, at: offset)
  }

  package func reserve(_ file: File, count: Int) throws(FileError) -> Bool {
    var status = oneup_reserve(file.descriptor, count)
    while status == EINTR { status = oneup_reserve(file.descriptor, count) }
    switch status {
    case 0: return true
    case EOPNOTSUPP, ENOSYS: return false
    default: throw FileError(.write, file.path, code: status)
    }
  }

  package func sync(_ file: File) throws(FileError) {
    try noting(file) { fdatasync(file.descriptor) == 0 ? 0 : errno }
  }

  private func noting(_ file: File, _ body: () -> Int32) throws(FileError) {
    let failure = file.syncFailure.withLock { known in
      if known == 0 { known = body() }
      return known
    }
    guard failure == 0 else { throw FileError(.sync, file.path, code: failure) }
  }

  package func beginSync(_ file: File, from offset: Int, count: Int) throws(FileError) {
    try noting(file) { oneup_begin_sync(file.descriptor, offset, count) }
  }

  package func readAhead(_ file: File, from offset: Int, count: Int) {
    oneup_read_ahead(file.descriptor, offset, count)
  }

  package func size(_ file: File) throws(FileError) -> Int {
    var status = stat()
    guard fstat(file.descriptor, &status) == 0 else { throw FileError(.size, file.path, code: errno) }
    return Int(status.st_size)
  }

  package func rename(_ from: String, to: String) throws(FileError) {
    guard Glibc.rename(from, to) == 0 else { throw FileError(.rename, from, code: errno) }
  }

  package func remove(_ path: String) throws(FileError) {
    guard unlink(path) == 0 else { throw FileError(.remove, path, code: errno) }
  }

  package func list(_ directory: String) throws(FileError) -> [String] {
    guard let stream = opendir(directory) else { throw FileError(.list, directory, code: errno) }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else { break }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    guard errno == 0 else { throw FileError(.list, directory, code: errno) }
    return names.sorted()
  }

  package func createDirectory(_ path: String) throws(FileError) {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw FileError(.createDirectory, path, code: errno) }
  }

  package func syncDirectory(_ path: String) throws(FileError) {
    let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(.syncDirectory, path, code: errno) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw FileError(.syncDirectory, path, code: errno) }
  }

  package func lock(directory: String) throws(FileError) -> Lock {
    let path = directory + "/lock"
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileError(.lock, path, code: errno) }
    let lock = Lock(descriptor: descriptor, path: path)
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw FileError(.lock, path, code: errno) }
    return lock
  }
}
