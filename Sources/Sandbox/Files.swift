// The few file operations that modules need.
internal import Core
internal import Glibc

enum Files {
  /// A whole file of at most `bytesMax`; nil when there is none.
  static func read(_ path: String, bytesMax: Int) throws(EngineError) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 {
      if errno == ENOENT { return nil }
      throw failure("open", path)
    }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw failure("look at", path) }
    guard Int(status.st_size) <= bytesMax else {
      throw EngineError("\(path) has \(status.st_size) bytes; \(bytesMax) are allowed")
    }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress! + done, $0.count - done) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failure("read", path) }
      done += count
    }
    return bytes
  }

  /// Whole or not at all, also after a crash of the machine. Readable by this user only.
  static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(EngineError) {
    let scratch = path + ".\(getpid()).part"
    let file = open(scratch, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw failure("make", scratch) }
    var done = 0
    while done < bytes.count {
      let count = Glibc.write(file, bytes.baseAddress! + done, bytes.count - done)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        close(file)
        unlink(scratch)
        throw failure("write", scratch)
      }
      done += count
    }
    let synced = fsync(file) == 0
    close(file)
    guard synced, rename(scratch, path) == 0 else {
      unlink(scratch)
      throw failure("write", path)
    }
    let directory = open(
      path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/",
      O_RDONLY | O_CLOEXEC)
    guard directory >= 0 else { return }
    fsync(directory)
    close(directory)
  }

  /// The names in a directory, sorted.
  static func names(in directory: String) throws(EngineError) -> [String] {
    guard let stream = opendir(directory) else { throw failure("list", directory) }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  static func makeDirectory(_ path: String) throws(EngineError) {
    if mkdir(path, 0o700) != 0, errno != EEXIST { throw failure("make the directory", path) }
  }

  /// Makes the directory where it is missing, and refuses one that somebody else could put files in.
  static func makePrivateDirectory(_ path: String) throws(EngineError) {
    try makeDirectory(path)
    var status = stat()
    guard lstat(path, &status) == 0 else { throw failure("look at", path) }
    guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(), status.st_mode & 0o077 == 0 else {
      throw EngineError(
        "\(path) must be a directory of this user that nobody else can enter, since the code in it is run as it is: chmod 700 it, or name another"
      )
    }
  }

  static func remove(_ path: String) { unlink(path) }

  private static func failure(_ what: String, _ path: String) -> EngineError {
    EngineError("could not \(what) \(path): \(String(cString: strerror(errno)))")
  }
}
