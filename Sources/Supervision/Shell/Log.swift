// The supervisor's words: its log on standard error, one machine-readable line on standard output.
import Glibc
import SupervisionCore

enum Log {
  static func write(_ level: LogLevel, _ text: String) {
    put("\(timestamp()) \(level.rawValue) supervisor: \(text)\n", to: STDERR_FILENO)
  }

  /// The one line that says the server is ready.
  static func ready(_ json: String) {
    put(json + "\n", to: STDOUT_FILENO)
  }

  private static func put(_ text: String, to fd: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let done = bytes.withUnsafeBytes { Glibc.write(fd, $0.baseAddress, $0.count) }
      if done < 0, errno == EINTR { continue }
      // Nobody reads any more; the server goes on.
      guard done > 0 else { return }
      bytes = bytes.dropFirst(done)
    }
  }

  private static func timestamp() -> String {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    var parts = tm()
    gmtime_r(&time.tv_sec, &parts)
    func two(_ number: Int32) -> String { (number < 10 ? "0" : "") + String(number) }
    let milliseconds = time.tv_nsec / 1_000_000
    let fraction = String(String(1_000 + milliseconds).dropFirst())
    return "\(parts.tm_year + 1_900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T\(two(parts.tm_hour)):"
      + "\(two(parts.tm_min)):\(two(parts.tm_sec)).\(fraction)Z"
  }
}
