// SHA-256 of a module's bytes, which names a build.
package import Core
internal import Crypto

extension ModuleHash {
  /// The hash that names a build.
  package init(of bytes: [UInt8]) {
    var digest = SHA256()
    bytes.withUnsafeBytes { digest.update(bufferPointer: $0) }
    self.init(Array(digest.finalize()))
  }

  /// Reads 64 hexadecimal digits.
  package init?(hex: String) {
    guard let bytes = [UInt8](hex: hex), bytes.count == 32 else { return nil }
    self.init(bytes)
  }
}

extension [UInt8] {
  /// nil unless these are pairs of hexadecimal digits.
  init?(hex: String) {
    let digits = Array<UInt8>(hex.utf8)
    guard digits.count.isMultiple(of: 2) else { return nil }
    self = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = hexValue(digits[index]), let low = hexValue(digits[index + 1]) else { return nil }
      append(high << 4 | low)
    }
  }
}

func hexValue(_ digit: UInt8) -> UInt8? {
  switch digit {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
  default: nil
  }
}
