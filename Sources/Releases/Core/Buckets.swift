// How often a measure came out how large: events by the upper bound of the bucket that they fell into.

/// Written as a plain dictionary, as it always was.
struct Buckets: Hashable, Codable, Sendable {
  private var counts: [UInt64: UInt64] = [:]

  init() {}
  /// As workers write them; what is no pair is passed over. Numbers come from other processes: they never overflow here.
  init(_ pairs: [[UInt64]]) {
    for pair in pairs where pair.count == 2 { counts[pair[0], default: 0] &+= pair[1] }
  }
  init(from decoder: any Decoder) throws { counts = try [UInt64: UInt64](from: decoder) }
  func encode(to encoder: any Encoder) throws { try counts.encode(to: encoder) }

  var total: UInt64 { counts.values.reduce(0, &+) }

  mutating func add(_ other: Buckets) {
    for (bound, count) in other.counts { counts[bound, default: 0] &+= count }
  }
  /// What was counted after `earlier`.
  func since(_ earlier: Buckets) -> Buckets {
    var difference = self
    for (bound, count) in earlier.counts {
      let now = counts[bound] ?? 0
      difference.counts[bound] = now > count ? now - count : nil
    }
    return difference
  }

  /// The bound that 99 of 100 keep; 0 of nothing.
  var p99: UInt64 {
    let total = total
    var sum: UInt64 = 0
    for (bound, count) in counts.sorted(by: { $0.key < $1.key }) {
      sum &+= count
      if sum >= total - total / 100 { return bound }
    }
    return 0
  }
}
