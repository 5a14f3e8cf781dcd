// Who may ask control for what.

/// Reads are free on the loopback interface; changes, and reads from elsewhere, need the admin token.
struct Access: Sendable {
  enum Need: Sendable {
    case read
    case change
  }
  let token: [UInt8]
  let isLoopback: Bool

  func allows(_ need: Need, authorization: String?) -> Bool {
    if need == .read && isLoopback { return true }
    guard let authorization, authorization.hasPrefix("Bearer ") else { return false }
    return Self.equal(Array(authorization.utf8.dropFirst("Bearer ".utf8.count)), token)
  }

  /// Takes the same time wherever the two differ. An empty token equals nothing.
  static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count, !b.isEmpty else { return false }
    var difference: UInt8 = 0
    for i in a.indices { difference |= a[i] ^ b[i] }
    return difference == 0
  }
}
