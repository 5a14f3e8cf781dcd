// Who may ask control for what.

/// Reads are free on the loopback interface; changes, and reads from elsewhere, need the admin token.
package struct Access: Sendable {
  package enum Need: Sendable {
    case read
    case change
  }
  let token: [UInt8]
  let isLoopback: Bool

  package init(token: [UInt8], isLoopback: Bool) {
    self.token = token
    self.isLoopback = isLoopback
  }

  /// `host`: what the request calls this server. A page of a stranger's site that lets its own name point to 127.0.0.1
  /// would be of the same origin as control, so without a token only the machine's own names are answered.
  package func allows(_ need: Need, authorization: String?, host: String?) -> Bool {
    if need == .read && isLoopback && (host.map(Self.isOwnName) ?? true) { return true }
    guard let authorization, authorization.hasPrefix("Bearer ") else { return false }
    return Self.equal(Array(authorization.utf8.dropFirst("Bearer ".utf8.count)), token)
  }

  /// `localhost`, `127.x.y.z` or `[::1]`, with a port or without.
  static func isOwnName(_ host: String) -> Bool {
    let name = HostName(host).name.lowercased()
    if name == "localhost" || name.hasSuffix(".localhost") || name == "[::1]" { return true }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }

  /// Takes the same time wherever the two differ. An empty token equals nothing.
  static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count, !b.isEmpty else { return false }
    var difference: UInt8 = 0
    for i in a.indices { difference |= a[i] ^ b[i] }
    return difference == 0
  }
}

/// A host and what follows it: `example.org:80`, `[::1]:80`, `example.org`.
struct HostName {
  /// Without the port; an IPv6 address in its brackets.
  var name: String
  var port: String?

  init(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), !text[colon...].contains("]") else {
      name = text
      return
    }
    name = String(text[..<colon])
    port = String(text[text.index(after: colon)...])
  }

  /// Letters, digits, dots and dashes, or an IPv6 address: fit to be repeated in an answer's header.
  var isPlain: Bool {
    !name.isEmpty
      && name.utf8.allSatisfy {
        ($0 | 0x20) >= UInt8(ascii: "a") && ($0 | 0x20) <= UInt8(ascii: "z")
          || $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") || "-.:[]".utf8.contains($0)
      }
  }
}
