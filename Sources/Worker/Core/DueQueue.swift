// What is due when: a binary heap by time. An item may stand in it more than once; who takes it checks.

struct DueQueue<Item> {
  private var heap: [(due: Int64, order: UInt64, item: Item)] = []
  /// Ties are taken in the order they were put, so that a run can be repeated.
  private var puts: UInt64 = 0

  var first: Int64? { heap.first?.due }

  mutating func put(_ item: Item, due: Int64) {
    puts += 1
    heap.append((due, puts, item))
    var i = heap.count - 1
    while i > 0, isBefore(i, (i - 1) / 2) {
      heap.swapAt(i, (i - 1) / 2)
      i = (i - 1) / 2
    }
  }
  mutating func take(upTo now: Int64) -> (due: Int64, item: Item)? {
    guard let first = heap.first, first.due <= now else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sink()
    }
    return (first.due, first.item)
  }
  private mutating func sink() {
    var i = 0
    while true {
      var least = i
      for child in [2 * i + 1, 2 * i + 2] where child < heap.count && isBefore(child, least) { least = child }
      guard least != i else { return }
      heap.swapAt(i, least)
      i = least
    }
  }
  private func isBefore(_ a: Int, _ b: Int) -> Bool { (heap[a].due, heap[a].order) < (heap[b].due, heap[b].order) }
}
