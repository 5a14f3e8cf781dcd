// Why the server did not start: one sentence for the person who started it.
import Glibc

package struct StartError: Error, Sendable, CustomStringConvertible {
  /// What failed, for what reason, and what to do.
  package var description: String
  package init(_ description: String) { self.description = description }
}

package func systemText(_ code: Int32) -> String { String(cString: strerror(code)) }
