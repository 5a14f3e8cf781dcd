// Where two readable states of a room differ.
internal import Artifacts
internal import Core

package enum StateDifferences {
  package struct One: Hashable, Sendable {
    /// `ships.3.score`; "" for the whole.
    package var path: String
    /// As JSON, cut; "–" where there is nothing.
    package var old: String
    package var new: String
  }
  static let textMax = 120

  /// At most `most`, in the order of their paths. What is no JSON is compared as a whole.
  package static func between(_ old: [UInt8], _ new: [UInt8], most: Int) -> [One] {
    guard old != new, most > 0 else { return [] }
    guard let before = try? JSON(old), let after = try? JSON(new) else {
      return [One(path: "", old: "\(old.count) bytes", new: "\(new.count) bytes")]
    }
    var found: [One] = []
    compare(before, after, "", most, &found)
    return found
  }

  private static func compare(_ old: JSON?, _ new: JSON?, _ path: String, _ most: Int, _ found: inout [One]) {
    guard old != new, found.count < most else { return }
    func at(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
    switch (old, new) {
    case (.object(let before)?, .object(let after)?):
      for name in Set(before.keys).union(after.keys).sorted() {
        compare(before[name], after[name], at(name), most, &found)
      }
    case (.array(let before)?, .array(let after)?):
      for i in 0..<max(before.count, after.count) {
        compare(i < before.count ? before[i] : nil, i < after.count ? after[i] : nil, at("\(i)"), most, &found)
      }
    default: found.append(One(path: path, old: text(old), new: text(new)))
    }
  }

  private static func text(_ value: JSON?) -> String {
    guard let value else { return "–" }
    let text = String(decoding: value.canonical, as: UTF8.self)
    return text.count > textMax ? text.prefix(textMax) + "…" : text
  }
}
