// The environment of a child: the supervisor's own, and where Swift's runtime writes a report when it crashes.
import Glibc

enum ChildEnvironment {
  static func base(crashes: String) -> [String] {
    var lines: [String] = []
    var entry = environ
    while let line = entry.pointee {
      lines.append(String(cString: line))
      entry += 1
    }
    lines.removeAll { $0.hasPrefix("\(RoleConfiguration.variable)=") }
    // An operator's own choice stands; a comma would end the path.
    guard !lines.contains(where: { $0.hasPrefix("SWIFT_BACKTRACE=") }), !crashes.contains(",") else { return lines }
    // The process is not dead, and its shards not free, until the report is written. Names are looked up later from the
    // addresses and images in it: doing it here costs seconds in a program of this size.
    var backtrace =
      "SWIFT_BACKTRACE=enable=yes,interactive=no,color=no,threads=crashed,symbolicate=off,format=json,output-to=\(crashes)/"
    if let helper = backtraceHelper() { backtrace += ",swift-backtrace=\(helper)" }
    return lines + [backtrace]
  }

  /// Beside the program, as in an installed server, or in the toolchain that `swift` on the path belongs to.
  private static func backtraceHelper() -> String? {
    var candidates: [String] = []
    if let program = Files.absolute("/proc/self/exe"), let slash = program.lastIndex(of: "/") {
      candidates.append(program[..<slash] + "/swift-backtrace-static")
    }
    let path = getenv("PATH").map { String(cString: $0) } ?? ""
    for directory in path.split(separator: ":") {
      guard let swift = Files.absolute("\(directory)/swift"), let slash = swift.lastIndex(of: "/") else { continue }
      candidates.append(swift[..<slash] + "/../libexec/swift/linux/swift-backtrace-static")
    }
    return candidates.first { access($0, X_OK) == 0 }
  }
}
