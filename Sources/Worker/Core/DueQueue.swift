// What is due when: a binary heap by time. An item may stand in it more than once; who takes it checks.

struct DueQueue<Item: AnyObject> {
  private var heap: [(due: Int64, order: UInt64, item: Item)] = []
  /// Ties are taken in the order they were put, so that a run can be repeated.
  private var puts: UInt64 = 0
  /// Whether the item is still due then: what is not would stay, with its item, until its time has come, which may be years.
  private let isCurrent: (Item, Int64) -> Bool
  private static var sweptFrom: Int { 1_024 }
  private var sweepsAt = sweptFrom

  init(isCurrent: @escaping (Item, Int64) -> Bool) { self.isCurrent = isCurrent }

  var first: Int64? { heap.first?.due }
  var count: Int { heap.count }

  mutating func put(_ item: Item, due: Int64) {
    if heap.count >= sweepsAt { sweep() }
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
      sink(0)
    }
    return (first.due, first.item)
  }

  /// Leaves each item once, where it is due, in time that is small against that of the puts since the last one.
  private mutating func sweep() {
    var seen: Set<ObjectIdentifier> = []
    heap.removeAll { !isCurrent($0.item, $0.due) || !seen.insert(ObjectIdentifier($0.item)).inserted }
    for i in stride(from: heap.count / 2 - 1, through: 0, by: -1) { sink(i) }
    sweepsAt = max(Self.sweptFrom, 2 * heap.count)
  }
  private mutating func sink(_ start: Int) {
    var i = start
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
