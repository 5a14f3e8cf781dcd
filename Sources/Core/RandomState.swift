// A room's randomness: xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018).

/// Part of a room's state: same state, same draws.
package struct RandomState: Sendable, Hashable, RandomNumberGenerator {
  package var words: (UInt64, UInt64, UInt64, UInt64)

  /// Seeds by splitmix64, so that any seed, 0 too, is good.
  package init(seed: UInt64) {
    var x = seed
    func next() -> UInt64 {
      x &+= 0x9E37_79B9_7F4A_7C15
      var z = x
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    words = (next(), next(), next(), next())
  }
  package init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

  package mutating func next() -> UInt64 {
    let scrambled = words.1 &* 5
    let result = (scrambled << 7 | scrambled >> 57) &* 9
    let t = words.1 << 17
    words.2 ^= words.0
    words.3 ^= words.1
    words.1 ^= words.2
    words.0 ^= words.3
    words.2 ^= t
    words.3 = words.3 << 45 | words.3 >> 19
    return result
  }

  package static func == (a: Self, b: Self) -> Bool { a.words == b.words }
  package func hash(into hasher: inout Hasher) {
    hasher.combine(words.0)
    hasher.combine(words.1)
    hasher.combine(words.2)
    hasher.combine(words.3)
  }
}
