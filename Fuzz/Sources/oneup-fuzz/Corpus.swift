// Inputs as files.
import Fuzzing
import Glibc

enum Corpus {
  static func read(_ path: String) -> [UInt8]? {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    let count = Int(lseek(fd, 0, SEEK_END))
    guard count >= 0 else { return nil }
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      filled = max(0, pread(fd, buffer.baseAddress, count, 0))
    }
  }

  /// In the order of their names.
  static func inputs(_ corpus: String, _ target: FuzzTarget) -> [[UInt8]] {
    let path = corpus + "/" + target.name
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasSuffix(".bin") { names.append(name) }
    }
    return names.sorted().compactMap { read(path + "/" + $0) }
  }

  /// Returns the file's path.
  static func save(_ input: [UInt8], _ corpus: String, _ target: FuzzTarget) throws(FuzzFailure) -> String {
    mkdir(corpus, 0o755)
    mkdir(corpus + "/" + target.name, 0o755)
    let hash = input.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    let path = "\(corpus)/\(target.name)/\(String(hash, radix: 16)).bin"
    let fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard fd >= 0 else { throw FuzzFailure("cannot write \(path): errno \(errno)") }
    defer { close(fd) }
    let written = input.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
    guard written == input.count else { throw FuzzFailure("cannot write \(path): errno \(errno)") }
    return path
  }
}

/// A line to standard output, at once: the next input may take a while.
func report(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
}
