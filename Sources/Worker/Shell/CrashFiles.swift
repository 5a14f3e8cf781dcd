// Crash bundles on disk: `<time>-<room>-<event>.json` to read and `.bundle` to replay, the newest kept.
internal import Artifacts
internal import Core
internal import Glibc
internal import WorkerCore

struct CrashFiles: Sendable {
  /// Bundles kept; the oldest go first.
  static let countMax = 200
  /// Of all bundles together; the oldest go first, the newest stays whatever its size.
  static let bytesMax = 256 << 20
  let directory: String
  var bytesMax = CrashFiles.bytesMax

  func write(_ bundle: CrashBundle, time: Int64) -> String {
    let name = "\(time)-\(bundle.room)-\(bundle.event)"
    save(bundle.encode(), name + ".bundle")
    save(Array(bundle.json(time: time).utf8), name + ".json")
    trim()
    return name
  }

  /// Completes a bundle: `image` is the room's state just before its culprit. Takes milliseconds for a large one.
  func note(_ image: [UInt8], in name: String) {
    let hash = ModuleHash(of: image).bytes
    let file = open("\(directory)/\(name).bundle", O_WRONLY | O_CLOEXEC)
    // It may have been trimmed meanwhile.
    guard file >= 0 else { return }
    defer { close(file) }
    _ = hash.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, off_t(CrashBundle.stateHashOffset)) }
  }

  /// Under a temporary name first: who lists the directory sees whole files only.
  private func save(_ bytes: [UInt8], _ name: String) {
    let path = "\(directory)/\(name)"
    guard let file = fopen(path + ".part", "w") else { return }
    let written = fwrite(bytes, 1, bytes.count, file)
    guard fclose(file) == 0, written == bytes.count else { return }
    rename(path + ".part", path)
  }

  private func trim() {
    guard let open = opendir(directory) else { return }
    defer { closedir(open) }
    var names: [String] = []
    while let entry = readdir(open) {
      let name = withUnsafePointer(to: entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasSuffix(".bundle") { names.append(String(name.dropLast(7))) }
    }
    var bytes = 0
    for (index, name) in names.sorted().reversed().enumerated() {
      var status = stat()
      if stat("\(directory)/\(name).bundle", &status) == 0 { bytes += Int(status.st_size) }
      guard index >= Self.countMax || (index > 0 && bytes > bytesMax) else { continue }
      unlink("\(directory)/\(name).bundle")
      unlink("\(directory)/\(name).json")
    }
  }
}
