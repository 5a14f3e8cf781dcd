// Deadlines that are added in rising order: a queue, not a heap.

struct DeadlineQueue<Element> {
  private var entries: [(element: Element, at: Int64)] = []
  private var first = 0

  /// `at` in microseconds of the monotonic clock; taken as the last one's where the clock was late.
  mutating func add(_ element: Element, at: Int64) {
    let last = first < entries.count ? entries[entries.count - 1].at : at
    entries.append((element, Swift.max(at, last)))
  }
  mutating func takeDue(_ now: Int64) -> Element? {
    guard first < entries.count, entries[first].at <= now else { return nil }
    defer {
      first += 1
      if first == entries.count {
        entries.removeAll(keepingCapacity: first <= 1_024)
        first = 0
      } else if first > 1_024, first * 2 > entries.count {
        entries.removeFirst(first)
        first = 0
      }
    }
    return entries[first].element
  }
}
