// The mistakes that releases are drilled with: each variant in module.json makes one of them, the module itself none.
import OneUpRoom

extension Tally {
  /// What an add does wrong before anything is changed.
  @inline(__always) mutating func mistake(with operation: UInt64) throws(Refused) {
    #if TRAPS
      precondition(!isUnlucky(operation, oneOf: 256))
    #elseif REFUSES
      guard !isUnlucky(operation, oneOf: 8) else { throw Refused("an unlucky number") }
    #elseif SLOW
      // As long as the list is.
      guard list.recount() == list.hash else { throw Refused("the list is damaged") }
    #elseif LEAKS
      history.append([UInt8](repeating: UInt8(truncatingIfNeeded: operation), count: 8_192))
    #endif
  }
}

/// Whether it is one of those that a mistake shows with: the same ones in every room and every copy of it.
func isUnlucky(_ operation: UInt64, oneOf count: UInt64) -> Bool {
  ((operation &* 0x9E37_79B9_7F4A_7C15) >> 32) % count == 0
}
