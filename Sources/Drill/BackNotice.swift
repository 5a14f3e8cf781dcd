// What a member is told when its room went back to the build before.

package enum BackNotice {
  /// The member's own inputs whose outcome is another now: the numbers after the word "messages".
  package static func numbers(in text: String) -> [UInt64] {
    guard let word = text.ranges(of: "messages ").last else { return [] }
    return text[word.upperBound...].split { !$0.isNumber }.compactMap { UInt64($0) }
  }
}
