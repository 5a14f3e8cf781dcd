// What happened, as one number that must repeat with the seed, and the last lines for people.

package struct Trace {
  package private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  private var last: [(time: Int64, text: StaticString, numbers: (UInt64, UInt64, UInt64))] = []
  private var next = 0
  static let kept = 4_000
  package private(set) var count: UInt64 = 0

  mutating func note(_ time: Int64, _ text: StaticString, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0) {
    count += 1
    mix(UInt64(bitPattern: time))
    text.withUTF8Buffer { for byte in $0 { mix(UInt64(byte)) } }
    mix(a)
    mix(b)
    mix(c)
    if last.count < Self.kept { last.append((time, text, (a, b, c))) } else { last[next] = (time, text, (a, b, c)) }
    next = (next + 1) % Self.kept
  }
  mutating func mix(_ value: UInt64) {
    hash = (hash ^ value) &* 0x0000_0100_0000_01b3
    hash ^= hash >> 29
  }

  package func lines(_ count: Int = Trace.kept) -> [String] {
    let ordered = last.count < Self.kept ? last : Array(last[next...] + last[..<next])
    return ordered.suffix(count).map {
      "\(Double($0.time) / 1_000_000) \($0.text) \(hex($0.numbers.0)) \(hex($0.numbers.1)) \(hex($0.numbers.2))"
    }
  }
  private func hex(_ value: UInt64) -> String { String(value, radix: 16) }
}

package func hex16(_ value: UInt64) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 16 - digits.count) + digits
}
