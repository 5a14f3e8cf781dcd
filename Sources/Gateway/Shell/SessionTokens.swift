// The resume token: a session, its player's name and an expiry, signed with a key of the data directory. Whoever holds
// it is the session; the gateway remembers nothing of it.
//
//   u8 version (1) · u64 session · u64 expiry, seconds since 1970 · u8 length · name · 32 bytes HMAC-SHA-256 of all before
package import Core
import Crypto

package struct SessionTokens: Sendable {
  private let key: SymmetricKey
  private let lifeSeconds: Int64

  package enum KeyError: Error, Sendable, CustomStringConvertible {
    case length(Int)
    package var description: String {
      switch self {
      case .length(let count):
        "the session key has \(count) bytes, not 32: restore keys/session, or remove it to end all sessions"
      }
    }
  }

  package struct Session: Sendable, Hashable {
    package var id: SessionID
    package var name: [UInt8]
    package init(id: SessionID, name: [UInt8]) {
      self.id = id
      self.name = name
    }
  }

  private static let version: UInt8 = 1
  private static let bytesMin = 1 + 8 + 8 + 1 + 32

  /// `key`: 32 bytes. `lifeSeconds`: how long a token is good after the `Hello` that it answers.
  package init(key: [UInt8], lifeSeconds: Int64 = Limits.tombstoneSeconds) throws(KeyError) {
    guard key.count == 32 else { throw .length(key.count) }
    self.key = SymmetricKey(data: key)
    self.lifeSeconds = lifeSeconds
  }

  /// `session.name`: at most `Limits.playerNameBytesMax`.
  package func issue(_ session: Session, now: Now) -> [UInt8] {
    precondition(session.name.count <= Limits.playerNameBytesMax, "a name is checked before it is signed")
    var token: [UInt8] = [Self.version]
    token.put(session.id)
    token.put(UInt64(max(0, now.wall / 1_000_000 + lifeSeconds)))
    token.append(UInt8(session.name.count))
    token.append(contentsOf: session.name)
    token.append(contentsOf: HMAC<SHA256>.authenticationCode(for: token, using: key))
    return token
  }

  /// nil: not of this server, changed, or expired.
  package func verify(_ token: [UInt8], now: Now) -> Session? {
    guard token.count >= Self.bytesMin, token[0] == Self.version, token.count == Self.bytesMin + Int(token[17]) else {
      return nil
    }
    let signed = token[..<(token.count - 32)]
    guard
      HMAC<SHA256>.isValidAuthenticationCode(token[(token.count - 32)...], authenticating: signed, using: key)
    else { return nil }
    return token.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes, at: 1)
      guard let id = try? reader.take(SessionID.self), let expiry = try? reader.take(UInt64.self),
        Int64(clamping: expiry) > now.wall / 1_000_000
      else { return nil }
      return Session(id: id, name: Array(token[18..<(18 + Int(token[17]))]))
    }
  }
}
