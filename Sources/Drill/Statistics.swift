// Percentiles by sorting: a drill keeps all its samples.

/// In milliseconds, to the microsecond.
package struct Spread: Sendable, Equatable {
  package var mean = 0.0
  package var p50 = 0.0
  package var p99 = 0.0
  package var p999 = 0.0
  package var max = 0.0
  package init() {}

  /// Of samples in microseconds, in milliseconds; all zero where there are none.
  package init(microseconds samples: [UInt32]) {
    guard !samples.isEmpty else { return }
    let sorted = samples.sorted()
    mean = rounded(Double(sorted.reduce(UInt64(0)) { $0 + UInt64($1) }) / Double(sorted.count) / 1_000)
    p50 = Double(percentile(sorted, 0.5)) / 1_000
    p99 = Double(percentile(sorted, 0.99)) / 1_000
    p999 = Double(percentile(sorted, 0.999)) / 1_000
    max = Double(sorted[sorted.count - 1]) / 1_000
  }
}

/// The smallest sample that at least the share `p` of all are not above. Precondition: sorted and not empty.
package func percentile<T: Comparable>(_ sorted: [T], _ p: Double) -> T {
  precondition(!sorted.isEmpty, "no samples")
  return sorted[Swift.min(Swift.max(Int((Double(sorted.count) * p).rounded(.up)) - 1, 0), sorted.count - 1)]
}

/// Counts of microseconds in buckets 1/16 of a power of two wide: percentiles while samples still come in.
package struct LogHistogram {
  package init() {}
  private var buckets = [Int](repeating: 0, count: 32 * 16)
  package private(set) var count = 0

  package mutating func add(_ microseconds: UInt32) {
    buckets[Self.bucket(microseconds)] += 1
    count += 1
  }
  /// The lower bound of the bucket that holds it; 0 without samples.
  package func percentile(_ p: Double) -> UInt32 {
    var left = Int((Double(count) * p).rounded(.up))
    for (i, n) in buckets.enumerated() where n > 0 {
      left -= n
      if left <= 0 { return Self.lowerBound(i) }
    }
    return 0
  }

  private static func bucket(_ value: UInt32) -> Int {
    guard value >= 16 else { return Int(value) }
    let exponent = 31 - value.leadingZeroBitCount
    return (exponent - 3) * 16 + Int(value >> UInt32(exponent - 4)) - 16
  }
  private static func lowerBound(_ bucket: Int) -> UInt32 {
    guard bucket >= 16 else { return UInt32(bucket) }
    let exponent = bucket / 16 + 3
    return UInt32(bucket % 16 + 16) << UInt32(exponent - 4)
  }
}
