// The data directory of one server: what it is made of besides the journal, and the lock that keeps it to one server.
package import Core
import CHost
import Glibc

/// Holds the directory's lock as long as it lives.
package final class DataDirectory {
  /// Absolute.
  package let path: String
  package let identity: Identity
  /// Where the Unix sockets are.
  package let run: String
  private let lock: Int32

  /// What the directory was made with; fixed for ever.
  package struct Identity: Sendable, Hashable {
    package var shards: Int
    /// Of `ShardMap`: 16 bytes in hexadecimal digits.
    package var hashKey: String
    package var map: ShardMap? { Self.map(shards: shards, hashKey: hashKey) }

    package static func map(shards: Int, hashKey: String) -> ShardMap? {
      guard hashKey.utf8.count == 32, let low = UInt64(hashKey.prefix(16), radix: 16),
        let high = UInt64(hashKey.suffix(16), radix: 16), shards >= 1, shards <= Limits.shardsMax
      else { return nil }
      return ShardMap(count: shards, key: (low, high))
    }
  }

  package var adminTokenPath: String { path + "/admin-token" }
  package var sessionKeyPath: String { path + "/keys/session" }
  package var crashes: String { path + "/crashes" }
  package func socket(ofWorker instance: UInt32) -> String { "\(run)/worker-\(instance).sock" }

  /// Opens or makes the directory. `shards`: what the operator asks for, or nil for what the directory has.
  package init(_ wanted: String, shards: Int?) throws(StartError) {
    try Files.makeDirectory(wanted)
    guard let path = Files.absolute(wanted) else { throw Files.failure("find", wanted) }
    self.path = path
    let lock = try Self.takeLock(path)
    self.lock = lock
    do throws(StartError) {
      for name in ["keys", "shards", "modules", "cache", "crashes"] {
        try Files.makeDirectory("\(path)/\(name)", mode: name == "keys" || name == "cache" ? 0o700 : 0o755)
      }
      identity = try Self.identity(path, shards: shards)
      try Self.secret("\(path)/keys/session")
      try Self.secret("\(path)/admin-token")
      run = try Self.runDirectory(path)
    } catch {
      close(lock)
      throw error
    }
  }

  deinit { close(lock) }

  /// What only a running server needs goes: for a stop in order.
  package func tidy() {
    forgetServing()
    Self.removeSockets(in: run)
    guard run != path + "/run" else { return }
    Self.removeRun(run)
    unlink(path + "/run.path")
  }

  private static func takeLock(_ path: String) throws(StartError) -> Int32 {
    let fd = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard fd >= 0 else { throw Files.failure("open", path + "/lock") }
    let result = oneup_lock_exclusive(fd)
    guard result == 0 else {
      close(fd)
      guard result == -EWOULDBLOCK else { throw StartError("Cannot lock \(path)/lock: \(systemText(-result)).") }
      let pid = Files.readText(path + "/lock").map { $0.filter(\.isNumber) } ?? ""
      throw StartError(
        "Another server\(pid.isEmpty ? "" : " (pid \(pid))") is running on \(path). Stop it"
          + "\(pid.isEmpty ? "" : " with: kill \(pid)"), or start this one on another directory with --data DIR.")
    }
    ftruncate(fd, 0)
    let text = Array("\(getpid())\n".utf8)
    _ = text.withUnsafeBytes { pwrite(fd, $0.baseAddress, $0.count, 0) }
    return fd
  }

  private static func identity(_ path: String, shards: Int?) throws(StartError) -> Identity {
    let file = path + "/identity"
    guard let text = Files.readText(file) else {
      if errno != ENOENT { throw Files.failure("read", file) }
      let identity = Identity(shards: shards ?? Limits.shardsDefault, hashKey: randomHex(bytes: 16))
      let lines = "version=1\nshards=\(identity.shards)\nhash-key=\(identity.hashKey)\n"
      try Files.write(Array(lines.utf8), to: file)
      return identity
    }
    let values = RoleConfiguration(text: text).values
    guard values["version"] == "1" else {
      throw StartError(
        "\(file) is of version \(values["version"] ?? "unknown"), and this server knows version 1. Use the server "
          + "that made it, or another directory with --data DIR.")
    }
    let identity = Identity(shards: values["shards"].flatMap { Int($0) } ?? 0, hashKey: values["hash-key"] ?? "")
    guard identity.map != nil else {
      throw StartError("\(file) is damaged. Restore it from a backup: without it no room can be found.")
    }
    if let shards, shards != identity.shards {
      throw StartError(
        "\(path) was made with \(identity.shards) shards, which is for ever, and \(shards) were asked for. Leave "
          + "--shards out, or start on a new directory with --data DIR.")
    }
    return identity
  }

  /// 32 random bytes in hexadecimal digits, readable for this user only, made once.
  private static func secret(_ file: String) throws(StartError) {
    if let text = Files.readText(file), text.filter(\.isHexDigit).count >= 32 { return }
    try Files.write(Array((randomHex(bytes: 32) + "\n").utf8), to: file, mode: 0o600)
  }

  private static func randomHex(bytes: Int) -> String {
    var random = SystemRandomNumberGenerator()
    return (0..<bytes).map { _ in
      let byte = UInt8.random(in: 0...255, using: &random)
      return (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }

  /// `run/`, or a directory with a shorter name where a socket's path would not fit (108 bytes).
  private static func runDirectory(_ path: String) throws(StartError) -> String {
    let usual = path + "/run"
    let pointer = path + "/run.path"
    // A server that was killed has left it behind.
    let last = Files.readText(pointer).map { String($0.prefix { $0 != "\n" }) }.flatMap { isOurs($0, path) ? $0 : nil }
    if let last { removeSockets(in: last) }
    if usual.utf8.count + "/worker-4294967295.sock".utf8.count < 104 {
      try Files.makeDirectory(usual, mode: 0o700)
      removeSockets(in: usual)
      if let last { removeRun(last) }
      unlink(pointer)
      return usual
    }
    if let last { return last }
    let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(base)/oneup-XXXXXX".utf8CString)
    guard template.withUnsafeMutableBufferPointer({ mkdtemp($0.baseAddress!) }) != nil else {
      throw Files.failure("make a run directory in", base)
    }
    let made = String(decoding: template.dropLast().map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    try Files.write(Array((path + "\n").utf8), to: made + owner)
    try Files.write(Array((made + "\n").utf8), to: pointer)
    return made
  }

  /// In a run directory elsewhere: whose it is. A copy of a data directory names its original's.
  private static let owner = "/data-directory"
  /// In a place where others make directories, too, it may be a stranger's by now.
  private static func isOurs(_ directory: String, _ path: String) -> Bool {
    var status = stat()
    return directory.hasPrefix("/") && lstat(directory, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
      && status.st_uid == geteuid() && status.st_mode & 0o077 == 0
      && Files.readText(directory + owner) == path + "\n"
  }
  private static func removeRun(_ directory: String) {
    unlink(directory + owner)
    rmdir(directory)
  }
  private static func removeSockets(in directory: String) {
    for name in Files.names(in: directory) where name.hasSuffix(".sock") { unlink("\(directory)/\(name)") }
  }

  /// Says where the server serves, for the commands that look at it. Left behind by a server that was killed.
  package func noteServing(_ json: String) {
    // Those commands can be told by their options, too.
    try? Files.write(Array((json + "\n").utf8), to: path + "/serving.json")
  }
  private func forgetServing() { unlink(path + "/serving.json") }

  /// The next life of the gateway; on disk before it is used.
  package func nextGatewayEpoch() throws(StartError) -> UInt32 {
    let file = path + "/gateway-epoch"
    var last: UInt32 = 0
    if let text = Files.readText(file) {
      guard let number = UInt32(text.filter(\.isNumber)), number < .max else {
        throw StartError(
          "\(file) is damaged. Write a number into it that is above all before, such as 1000000: below, players who "
            + "are in rooms would not be heard.")
      }
      last = number
    } else if errno != ENOENT {
      throw Files.failure("read", file)
    }
    let bytes = Array("\(last + 1)\n".utf8)
    do throws(StartError) { try Files.write(bytes, to: file) } catch {
      // A full disk has no place for another file, and has this one's already.
      guard Files.overwrite(file, with: bytes) else { throw error }
    }
    return last + 1
  }
}
