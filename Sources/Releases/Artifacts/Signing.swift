// Who answers for a build: Ed25519 over its manifest, which names the bytes by their hash.
internal import Crypto
internal import FoundationEssentials

/// Names a public key: the first 16 hexadecimal digits of its SHA-256.
package struct KeyID: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let description: String

  package init?(_ text: String) {
    guard text.utf8.count == 16, let bytes = [UInt8](hex: text), bytes.count == 8, text == text.lowercased() else {
      return nil
    }
    description = text
  }
  init(of key: [UInt8]) {
    description = SHA256.hash(data: key).prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
  package static func < (a: KeyID, b: KeyID) -> Bool { a.description < b.description }
}

package struct ManifestSignature: Hashable, Sendable {
  package var key: KeyID
  /// 64 of them.
  package var bytes: [UInt8]

  init(key: KeyID, bytes: [UInt8]) { (self.key, self.bytes) = (key, bytes) }

  init?(_ json: JSON) {
    guard let key = json["key"]?.text.flatMap({ KeyID($0) }),
      let bytes = json["ed25519"]?.text.flatMap({ Data(base64Encoded: $0) }), bytes.count == 64
    else { return nil }
    self.init(key: key, bytes: Array(bytes))
  }
  var json: JSON {
    .object(["key": .text(key.description), "ed25519": .text(Data(bytes).base64EncodedString())])
  }
}

/// A public key.
package struct VerifyingKey: Hashable, Sendable {
  /// 32 of them.
  package let bytes: [UInt8]
  package var id: KeyID { KeyID(of: bytes) }
  package var hex: String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }

  /// nil unless these are 64 hexadecimal digits.
  package init?(hex: String) {
    guard let bytes = [UInt8](hex: hex), bytes.count == 32 else { return nil }
    self.bytes = bytes
  }
  init(bytes: [UInt8]) { self.bytes = bytes }

  package func isValid(_ signature: [UInt8], of message: [UInt8]) -> Bool {
    guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes) else { return false }
    return key.isValidSignature(signature, for: message)
  }
}

/// A private key. Nothing prints what is in it.
package struct SigningKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  private let key: Curve25519.Signing.PrivateKey

  /// A new one, from the system's randomness.
  package init() { key = Curve25519.Signing.PrivateKey() }
  /// nil unless there are 32.
  package init?(secret: [UInt8]) {
    guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: secret) else { return nil }
    self.key = key
  }
  var secret: [UInt8] { Array(key.rawRepresentation) }

  package var verifying: VerifyingKey { VerifyingKey(bytes: Array(key.publicKey.rawRepresentation)) }
  package var description: String { "signing key \(verifying.id)" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: []) }

  /// Of these bytes; the same ones each time.
  package func signature(of message: [UInt8]) -> [UInt8] {
    guard let signature = try? key.signature(for: message) else {
      preconditionFailure("Ed25519 signs any message with any key")
    }
    return Array(signature)
  }
}

extension Manifest {
  /// Replaces the signature that there was.
  package mutating func sign(with key: SigningKey) {
    signature = ManifestSignature(key: key.verifying.id, bytes: key.signature(of: signedBytes))
  }
}

/// The public keys that a server believes.
package struct TrustedKeys: Sendable, Hashable {
  private var keys: [KeyID: VerifyingKey] = [:]
  package init(_ keys: [VerifyingKey] = []) { for key in keys { insert(key) } }
  package mutating func insert(_ key: VerifyingKey) { keys[key.id] = key }
  package subscript(_ id: KeyID) -> VerifyingKey? { keys[id] }
  package func contains(_ id: KeyID) -> Bool { keys[id] != nil }
  package var ids: [KeyID] { keys.keys.sorted() }
  package var isEmpty: Bool { keys.isEmpty }
}
