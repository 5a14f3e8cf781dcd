// What a child is told at its start: `key=value` lines in one environment variable.
import Glibc

package struct RoleConfiguration: Sendable, Hashable {
  package static let variable = "ONEUP_ROLE_CONFIG"
  package var values: [String: String]

  package init(_ values: [String: String]) { self.values = values }

  /// Lines without `=` are skipped.
  package init(text: String) {
    values = [:]
    // By bytes: as characters, a line break joins with a carriage return before it.
    for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
      guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { continue }
      values[String(decoding: line[..<equals], as: UTF8.self)] =
        String(decoding: line[line.index(after: equals)...], as: UTF8.self)
    }
  }
  /// Precondition: no key or value has a line break.
  package var text: String {
    values.sorted { $0.key < $1.key }.map { key, value in
      precondition(!(key + value).utf8.contains(UInt8(ascii: "\n")), "a setting cannot have a line break")
      return "\(key)=\(value)"
    }.joined(separator: "\n")
  }

  /// Of the process that was started as a child, or nil in any other.
  package static var ofThisProcess: Self? {
    getenv(variable).map { Self(text: String(cString: $0)) }
  }

  package func text(_ key: String) throws(StartError) -> String {
    guard let value = values[key] else {
      throw StartError("The supervisor did not say \(key). This command is started by `oneup serve`, not by hand.")
    }
    return value
  }
  package func number<T: FixedWidthInteger>(_ key: String) throws(StartError) -> T {
    guard let value = T(try text(key)) else {
      throw StartError("The supervisor's \(key) is no number. This command is started by `oneup serve`, not by hand.")
    }
    return value
  }
}
