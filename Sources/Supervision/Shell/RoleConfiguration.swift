// What a child is told at its start: `key=value` lines in one environment variable.
import Glibc

package struct RoleConfiguration: Sendable, Hashable {
  package static let variable = "ONEUP_ROLE_CONFIG"
  package var values: [String: String]

  package init(_ values: [String: String]) { self.values = values }

  /// Lines without `=` are skipped.
  package init(text: String) {
    values = [:]
    for line in text.split(separator: "\n") {
      guard let equals = line.firstIndex(of: "=") else { continue }
      values[String(line[..<equals])] = String(line[line.index(after: equals)...])
    }
  }
  /// Precondition: no key or value has a line break.
  package var text: String {
    values.sorted { $0.key < $1.key }.map { key, value in
      precondition(!value.contains("\n") && !key.contains("\n"), "a setting cannot have a line break")
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
