// Crash bundles on disk: `<time>-<room>-<event>.json` to read and `.bundle` to replay, the newest kept.
internal import Core
internal import Glibc
internal import WorkerCore

struct CrashFiles {
  /// Bundles kept; the oldest go first.
  static let countMax = 200
  let directory: String

  func write(_ bundle: CrashBundle, time: Int64) -> String {
    let name = "\(time)-\(bundle.room)-\(bundle.event)"
    save(bundle.encode(), name + ".bundle")
    save(Array(bundle.json(time: time).utf8), name + ".json")
    trim()
    return name
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
    for name in names.sorted().dropLast(Self.countMax) {
      unlink("\(directory)/\(name).bundle")
      unlink("\(directory)/\(name).json")
    }
  }
}
