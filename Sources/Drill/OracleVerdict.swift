// What an oracle found, and how a list of operations is hashed.

/// What an oracle found.
package struct OracleVerdict: Sendable, Equatable {
  package init() {}
  package var sent = 0
  package var acked = 0
  package var unacked = 0
  package var lost = 0
  package var duplicated = 0
  package var reordered = 0
  package var outputsLost = 0
  package var outputsDoubled = 0
  package var resets = 0
  /// Adds whose outcome became another when a build was taken back, and whose senders were told so.
  package var changed = 0
  /// The same, but nobody told the sender.
  package var untold = 0
  package var errors = 0
  /// The first findings in words.
  package var notes: [String] = []

  /// Nothing that was acknowledged or shown is missing, doubled or out of order, and nothing is open.
  package var isClean: Bool {
    unacked == 0 && lost == 0 && duplicated == 0 && reordered == 0 && outputsLost == 0 && outputsDoubled == 0
      && untold == 0
  }
}

/// FNV-1a over the operations' bytes, little endian, in order.
package func fnv1a(_ operations: some Sequence<UInt64>) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  for operation in operations {
    for shift in stride(from: UInt64(0), to: 64, by: 8) {
      hash = (hash ^ (operation >> shift & 0xFF)) &* 0x100_0000_01B3
    }
  }
  return hash
}
