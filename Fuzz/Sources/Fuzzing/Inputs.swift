// The inputs of a target, each one a function of the seed and its number: any of them can be made again alone.
import Core

package struct FuzzInputs: Sendable {
  private let bytesMax: Int
  private let base: UInt64
  private let good: [[UInt8]]

  /// `corpus`: inputs to start from beside the target's own.
  package init(_ target: FuzzTarget, seed: UInt64, corpus: [[UInt8]] = []) {
    bytesMax = target.bytesMax
    // FNV-1a of the name: targets with one seed take different ways.
    base = target.name.utf8.reduce(seed ^ 0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    good = target.seeds() + corpus
  }

  /// The first ones are the good inputs themselves.
  package subscript(number: Int) -> [UInt8] {
    if number < good.count { return Array(good[number].prefix(bytesMax)) }
    var mutator = Mutator(
      random: RandomState(seed: base &+ UInt64(number) &* 0x9E37_79B9_7F4A_7C15), bytesMax: bytesMax)
    var bytes = good.isEmpty ? [] : good[mutator.below(good.count)]
    let other = good.isEmpty ? [] : good[mutator.below(good.count)]
    mutator.mutate(&bytes, other: other)
    return bytes
  }
}
