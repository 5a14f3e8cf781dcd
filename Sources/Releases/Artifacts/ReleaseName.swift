// What builds are called: 1.2.3, and hotfix-1.2.3-v2 for the second fix of it.

/// A version's name, in order: a baseline, its hot-fixes, the next baseline.
package struct ReleaseName: Hashable, Comparable, Sendable, CustomStringConvertible {
  package var major: UInt32
  package var minor: UInt32
  package var patch: UInt32
  /// Which hot-fix, from 1; nil: the baseline itself.
  package var hotfix: UInt32?

  /// nil unless it is written exactly so: no leading zeros, no spaces.
  package init?(_ text: String) {
    var baseline = Substring(text)
    if text.hasPrefix("hotfix-") {
      let parts = text.dropFirst("hotfix-".count).split(separator: "-", omittingEmptySubsequences: false)
      guard parts.count == 2, parts[1].hasPrefix("v"), let number = UInt32(parts[1].dropFirst()), number > 0 else {
        return nil
      }
      (baseline, hotfix) = (parts[0], number)
    }
    let numbers = baseline.split(separator: ".", omittingEmptySubsequences: false).compactMap { UInt32($0) }
    guard numbers.count == 3 else { return nil }
    (major, minor, patch) = (numbers[0], numbers[1], numbers[2])
    guard description == text else { return nil }
  }

  package var description: String {
    let baseline = "\(major).\(minor).\(patch)"
    return hotfix.map { "hotfix-\(baseline)-v\($0)" } ?? baseline
  }

  /// What a hot-fix belongs to; a baseline belongs to itself.
  package var baseline: ReleaseName {
    var baseline = self
    baseline.hotfix = nil
    return baseline
  }

  package func isOfTheLine(of other: ReleaseName) -> Bool { baseline == other.baseline }

  package static func < (a: ReleaseName, b: ReleaseName) -> Bool {
    (a.major, a.minor, a.patch, a.hotfix ?? 0) < (b.major, b.minor, b.patch, b.hotfix ?? 0)
  }
}
