// What supervision remembers of the deaths it repaired.
package import Core

/// One repaired death. Times in microseconds.
package struct Recovery: Sendable, Hashable {
  /// worker, spare, gateway or control.
  package var role: String
  package var died: Instance
  package var replacement: Instance
  package var cause: String
  package var shards: [ShardID]
  /// Since 1970: when the death was seen.
  package var at: Int64
  /// From the death to the last shard served again, or to ready where there are no shards.
  package var took: Int64
  /// Rebuilt with the shards.
  package var rooms: UInt64
  package var events: UInt64
}

/// A death that is not repaired yet.
struct Outage: Sendable {
  var role: String
  var instance: Instance
  var cause: String
  var place: Int?
  var childRole: ChildRole
  var wall: Int64
  var since: Int64
  var rooms: UInt64 = 0
  var events: UInt64 = 0
}

/// One line that a child said about itself, or supervision about a child.
package struct FeedEntry: Sendable, Hashable {
  /// Since 1970, in microseconds.
  package var at: Int64
  package var role: String
  package var instance: Instance
  package var kind: String
  package var text: String
}

/// The newest of a list, within a bound.
struct Recent<Element: Sendable>: Sendable {
  private(set) var elements: [Element] = []
  /// How many there have been. An element's number is its place among them all, from 1.
  private(set) var total: Int64 = 0
  let bound: Int
  init(bound: Int) { self.bound = bound }
  var numbered: [(Int64, Element)] {
    elements.enumerated().map { (total - Int64(elements.count) + Int64($0.offset) + 1, $0.element) }
  }
  mutating func append(_ element: Element) {
    if elements.count == bound { elements.removeFirst() }
    elements.append(element)
    total += 1
  }
}
