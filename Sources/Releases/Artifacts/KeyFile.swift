// Keys on disk: text with a comment that says what it is. A private one is for its owner's eyes only.
internal import FoundationEssentials
internal import Glibc

package enum KeyFile {
  private static let begin = "-----BEGIN ONEUP SIGNING KEY-----"
  private static let end = "-----END ONEUP SIGNING KEY-----"

  /// Writes `path` (mode 0600) and `path.pub`, each whole and durable or not at all. Never replaces a key: what it signed
  /// would be worthless.
  package static func write(_ key: SigningKey, to path: String) throws(ArtifactError) {
    let secret = """
      # OneUp signing key \(key.verifying.id). Keep it secret: whoever has it can put builds on servers that trust it.
      \(begin)
      \(Data(key.secret).base64EncodedString())
      \(end)

      """
    try create(path, secret, mode: 0o600)
    do throws(ArtifactError) { try create(path + ".pub", publicText(key.verifying), mode: 0o644) } catch {
      unlink(path)
      throw error
    }
  }

  /// The key at `path`, which is made where there is none. Whoever was killed while making it left nothing, a whole key
  /// without its public half, which is written then, or in older versions an empty file, which is no key.
  package static func signingKey(orNewAt path: String) throws(ArtifactError) -> SigningKey {
    var status = stat()
    if stat(path, &status) == 0, status.st_size == 0 { unlink(path) }
    guard stat(path, &status) == 0 else {
      unlink(path + ".pub")
      let key = SigningKey()
      try write(key, to: path)
      return key
    }
    let key = try signingKey(at: path)
    if stat(path + ".pub", &status) != 0 { try create(path + ".pub", publicText(key.verifying), mode: 0o644) }
    return key
  }

  package static func publicText(_ key: VerifyingKey) -> String {
    "# OneUp public key \(key.id). Give it to servers that shall trust it: oneup serve --trust FILE\n\(key.hex)\n"
  }

  /// As `write` made it, or 32 raw bytes. Refuses a file that others can read.
  package static func signingKey(at path: String) throws(ArtifactError) -> SigningKey {
    let (bytes, mode) = try read(path)
    if bytes.count != 32, (try? publicKeys(at: path)) != nil {
      throw ArtifactError("\(path) is the public half of a key: sign with the file that was made beside it")
    }
    guard mode & 0o077 == 0 else {
      throw ArtifactError("others can read the private key \(path): chmod 600 \(path), and think of a new one")
    }
    if bytes.count == 32, let key = SigningKey(secret: bytes) { return key }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("#") }
    guard lines.count == 3, lines[0] == begin, lines[2] == end,
      let secret = Data(base64Encoded: String(lines[1])), let key = SigningKey(secret: Array(secret))
    else { throw ArtifactError("\(path) is no signing key; `oneup keys new --out FILE` makes one") }
    return key
  }

  /// What a server is told to trust: public keys in hexadecimal and files of them, between commas. Files have a key a
  /// line; lines with # are comments.
  package static func trusted(_ list: String) throws(ArtifactError) -> TrustedKeys {
    var keys = TrustedKeys()
    for part in list.split(separator: ",") {
      let item = part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
      let name = String(item)
      if name.isEmpty { continue }
      if let key = VerifyingKey(hex: name) {
        keys.insert(key)
        continue
      }
      for key in try publicKeys(at: name) { keys.insert(key) }
    }
    return keys
  }

  private static func publicKeys(at path: String) throws(ArtifactError) -> [VerifyingKey] {
    let text = String(decoding: try read(path).bytes, as: UTF8.self)
    guard !text.contains(begin) else {
      throw ArtifactError("\(path) is a private key, which a server must not have: trust \(path).pub")
    }
    var keys: [VerifyingKey] = []
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      guard let key = VerifyingKey(hex: String(line.filter { $0 != " " && $0 != "\r" })) else {
        throw ArtifactError("\(path) has a line that is no public key (64 hexadecimal digits)")
      }
      keys.append(key)
    }
    guard !keys.isEmpty else { throw ArtifactError("there is no public key in \(path)") }
    return keys
  }

  private static func create(_ path: String, _ text: String, mode: mode_t) throws(ArtifactError) {
    let scratch = "\(path).\(getpid()).part"
    unlink(scratch)
    let file = open(scratch, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard file >= 0 else { throw failure("make", path) }
    defer { unlink(scratch) }
    let bytes = Array(text.utf8)
    // In one write: it is a few hundred bytes of a new file.
    let isWritten = Glibc.write(file, bytes, bytes.count) == bytes.count && fsync(file) == 0
    close(file)
    guard isWritten else { throw failure("write", path) }
    // Unlike a rename this replaces nothing.
    guard link(scratch, path) == 0 else {
      if errno == EEXIST { throw ArtifactError("\(path) is there already and is not replaced; name another file") }
      throw failure("make", path)
    }
    syncDirectory(of: path)
  }

  private static func syncDirectory(of path: String) {
    let parent = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let directory = open(parent, O_RDONLY | O_CLOEXEC)
    guard directory >= 0 else { return }
    fsync(directory)
    close(directory)
  }

  private static func read(_ path: String) throws(ArtifactError) -> (bytes: [UInt8], mode: mode_t) {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw failure("open", path) }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw failure("look at", path) }
    var bytes = [UInt8](repeating: 0, count: ArtifactLimits.keyFileBytesMax + 1)
    let count = Glibc.read(file, &bytes, bytes.count)
    guard count >= 0 else { throw failure("read", path) }
    guard count <= ArtifactLimits.keyFileBytesMax else { throw ArtifactError("\(path) is too long for a key file") }
    return (Array(bytes[..<count]), status.st_mode)
  }

  private static func failure(_ what: String, _ path: String) -> ArtifactError {
    ArtifactError("could not \(what) \(path): \(String(cString: strerror(errno)))")
  }
}
