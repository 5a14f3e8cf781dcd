// What the kernel says a process uses.
import Glibc

package struct ProcessUsage: Sendable {
  /// Of all its threads since it began, in seconds.
  package private(set) var cpuSeconds: Double
  /// Resident.
  package private(set) var memoryBytes: Int64

  package init(cpuSeconds: Double, memoryBytes: Int64) {
    self.cpuSeconds = cpuSeconds
    self.memoryBytes = memoryBytes
  }

  /// nil where there is no such process.
  init?(pid: Int32) {
    guard let stat = Self.text("/proc/\(pid)/stat"), let statm = Self.text("/proc/\(pid)/statm") else { return nil }
    self.init(stat: stat, statm: statm)
  }

  /// Of the two files in /proc; nil where they are not as they should be.
  package init?(stat: String, statm: String) {
    // The name in parentheses may hold anything; the field behind it is the third.
    guard let end = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[end...].split(separator: " ")
    let pages = statm.split(separator: " ")
    let (utime, stime) = (14 - 2, 15 - 2)
    guard fields.count > stime, pages.count > 1, let user = Double(fields[utime]), let system = Double(fields[stime]),
      let resident = Int64(pages[1])
    else { return nil }
    cpuSeconds = (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    memoryBytes = resident * Int64(sysconf(Int32(_SC_PAGESIZE)))
  }

  private static func text(_ path: String) -> String? {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    var bytes = [UInt8](repeating: 0, count: 1_024)
    let count = read(fd, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }
}
