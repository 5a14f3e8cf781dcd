// Changes good bytes into almost good ones: bits, numbers, lengths, pieces.
package import Core

package struct Mutator {
  package var random: RandomState
  private let bytesMax: Int

  package init(random: RandomState, bytesMax: Int) {
    self.random = random
    self.bytesMax = bytesMax
  }

  /// 0..<`bound`; 0 where there is nothing to choose.
  package mutating func below(_ bound: Int) -> Int { bound > 1 ? Int(random.next() % UInt64(bound)) : 0 }

  /// One to about sixteen changes; most often few. `other`: where pieces come from.
  package mutating func mutate(_ bytes: inout [UInt8], other: [UInt8]) {
    var changes = 1
    while changes < 16, below(2) == 0 { changes += 1 }
    for _ in 0..<changes { change(&bytes, other) }
    if bytes.count > bytesMax { bytes.removeLast(bytes.count - bytesMax) }
  }

  private mutating func change(_ bytes: inout [UInt8], _ other: [UInt8]) {
    guard !bytes.isEmpty else {
      bytes = (0..<below(32)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      return
    }
    let at = below(bytes.count)
    switch below(14) {
    case 0, 1: bytes[at] ^= 1 << UInt8(below(8))
    case 2: bytes[at] = UInt8(truncatingIfNeeded: random.next())
    case 3: bytes[at] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF][below(6)]
    case 4, 5: putExtreme(&bytes, at)
    case 6: nudge(&bytes, at)
    case 7: putLength(&bytes, at)
    case 8: bytes.removeLast(bytes.count - at)
    case 9: bytes.removeSubrange(at..<at + below(min(64, bytes.count - at) + 1))
    case 10:
      let piece = Array(bytes[at..<at + below(min(256, bytes.count - at) + 1)])
      bytes.insert(contentsOf: piece, at: below(bytes.count + 1))
    case 11:
      guard !other.isEmpty else { return }
      let from = below(other.count)
      let piece = other[from..<from + below(min(512, other.count - from) + 1)]
      if below(2) == 0 {
        bytes.insert(contentsOf: piece, at: at)
      } else {
        bytes.replaceSubrange(at..<min(bytes.count, at + piece.count), with: piece)
      }
    case 12:
      guard !other.isEmpty else { return }
      bytes.replaceSubrange(at..., with: other[below(other.count)...])
    default:
      let fill = [UInt8](repeating: [0, 0xFF, 0x80][below(3)], count: 1 + below(16))
      bytes.insert(contentsOf: fill, at: at)
    }
  }

  /// Numbers at which arithmetic goes wrong, in every width and both orders.
  private mutating func putExtreme(_ bytes: inout [UInt8], _ at: Int) {
    let width = [1, 2, 4, 8][below(4)]
    let top = UInt64(1) << UInt64(width * 8 - 1)
    let ones = top &- 1 | top
    let value = [0, 1, ones, ones - 1, top, top - 1, top >> 1, 0x10000, 1_000_000][below(9)]
    put(value, width, &bytes, at, isBig: below(8) == 0)
  }

  private mutating func nudge(_ bytes: inout [UInt8], _ at: Int) {
    let width = [1, 2, 4, 8][below(4)]
    guard at + width <= bytes.count else { return }
    var value: UInt64 = 0
    for i in 0..<width { value |= UInt64(bytes[at + i]) << UInt64(8 * i) }
    put(value &+ [1, UInt64.max, 2, 16, UInt64.max - 15][below(5)], width, &bytes, at, isBig: false)
  }

  /// A count of about what follows.
  private mutating func putLength(_ bytes: inout [UInt8], _ at: Int) {
    let width = [1, 2, 4][below(3)]
    let left = bytes.count - at - width
    put(UInt64(max(0, left + below(5) - 2)), width, &bytes, at, isBig: below(4) == 0)
  }

  private func put(_ value: UInt64, _ width: Int, _ bytes: inout [UInt8], _ at: Int, isBig: Bool) {
    for i in 0..<width where at + i < bytes.count {
      let shift = UInt64(8 * (isBig ? width - 1 - i : i))
      bytes[at + i] = UInt8(truncatingIfNeeded: value >> shift)
    }
  }
}
