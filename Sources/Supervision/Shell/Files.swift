// The few file operations of the supervisor: small files, written whole, synced, renamed.
import Glibc

enum Files {
  static func read(_ path: String) -> [UInt8]? {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4_096)
    while true {
      let got = Glibc.read(fd, &chunk, chunk.count)
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { return got == 0 ? bytes : nil }
      bytes.append(contentsOf: chunk[..<got])
    }
  }

  static func readText(_ path: String) -> String? { read(path).map { String(decoding: $0, as: UTF8.self) } }

  /// Replaces the file in one step; afterwards it and its name are on disk.
  static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) throws(StartError) {
    let temporary = path + ".new"
    unlink(temporary)
    let fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard fd >= 0 else { throw failure("create", temporary) }
    var done = 0
    while done < bytes.count {
      let put = bytes.withUnsafeBytes { Glibc.write(fd, $0.baseAddress! + done, bytes.count - done) }
      if put < 0, errno == EINTR { continue }
      guard put > 0 else {
        let error = failure("write", temporary)
        close(fd)
        throw error
      }
      done += put
    }
    let synced = fsync(fd)
    close(fd)
    guard synced == 0, rename(temporary, path) == 0 else { throw failure("write", path) }
    try syncDirectory(of: path)
  }

  /// Where a file is: for one so small that no disk writes half of it. False: it may be as it was, or not.
  static func overwrite(_ path: String, with bytes: [UInt8]) -> Bool {
    let fd = open(path, O_WRONLY | O_CLOEXEC)
    guard fd >= 0 else { return false }
    defer { close(fd) }
    let put = bytes.withUnsafeBytes { pwrite(fd, $0.baseAddress, $0.count, 0) }
    return put == bytes.count && ftruncate(fd, off_t(bytes.count)) == 0 && fsync(fd) == 0
  }

  static func syncDirectory(of path: String) throws(StartError) {
    let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard fd >= 0 else { throw failure("open", directory) }
    defer { close(fd) }
    guard fsync(fd) == 0 else { throw failure("sync", directory) }
  }

  /// With its parents; no error where it exists.
  static func makeDirectory(_ path: String, mode: mode_t = 0o755) throws(StartError) {
    if mkdir(path, mode) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
      throw failure("make the directory", path)
    }
    try makeDirectory(String(path[..<slash]))
    guard mkdir(path, mode) == 0 || errno == EEXIST else { throw failure("make the directory", path) }
  }

  static func names(in directory: String) -> [String] {
    guard let handle = opendir(directory) else { return [] }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  static func absolute(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }

  static func failure(_ verb: String, _ path: String) -> StartError {
    let code = errno
    let remedy = code == ENOSPC || code == EDQUOT ? "Free some space" : "Make it writable for this user"
    return StartError(
      "Cannot \(verb) \(path): \(systemText(code)). \(remedy), or give another directory with --data DIR.")
  }
}
