// What a member is told when its room went back to the build before.

package enum BackNotice {
  /// The member's own inputs whose outcome is another now: the numbers after the last colon.
  package static func numbers(in text: String) -> [UInt64] {
    guard let colon = text.lastIndex(of: ":") else { return [] }
    return text[text.index(after: colon)...].split { !$0.isNumber }.compactMap { UInt64($0) }
  }
}
