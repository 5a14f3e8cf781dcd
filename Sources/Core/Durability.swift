// What "durable" means for a shard, and which life of the machine wrote it.

/// The level at which an acknowledgement may leave (protocol §6).
package enum Durability: UInt8, Sendable, Hashable {
  /// The `write` returned: survives the death of the process, not of the machine.
  case process = 1
  /// Synced: survives a power loss.
  case disk = 2
}

/// The kernel's random name for the time since it was started: 16 bytes.
package struct BootID: Hashable, Sendable, CustomStringConvertible {
  package let high: UInt64
  package let low: UInt64
  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
  /// From the text of `/proc/sys/kernel/random/boot_id`; nil if it does not hold 32 hexadecimal digits.
  package init?(text: String) {
    let digits = text.filter(\.isHexDigit)
    guard digits.count == 32, let high = UInt64(digits.prefix(16), radix: 16),
      let low = UInt64(digits.suffix(16), radix: 16)
    else { return nil }
    self.init(high: high, low: low)
  }
  package var description: String {
    func hex(_ value: UInt64) -> String {
      let digits = String(value, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    return hex(high) + hex(low)
  }
}
