// What happens next: a heap of things by virtual time, ties in the order they were put.

struct EventQueue {
  struct Entry {
    var time: Int64
    var order: UInt64
    var act: () -> Void
  }
  private var heap: [Entry] = []
  private var puts: UInt64 = 0

  var nextTime: Int64? { heap.first?.time }

  mutating func put(at time: Int64, _ act: @escaping () -> Void) {
    puts += 1
    heap.append(Entry(time: time, order: puts, act: act))
    var i = heap.count - 1
    while i > 0, isBefore(i, (i - 1) / 2) {
      heap.swapAt(i, (i - 1) / 2)
      i = (i - 1) / 2
    }
  }

  mutating func take() -> (time: Int64, act: () -> Void)? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      var i = 0
      while true {
        var least = i
        for child in [2 * i + 1, 2 * i + 2] where child < heap.count && isBefore(child, least) { least = child }
        guard least != i else { break }
        heap.swapAt(i, least)
        i = least
      }
    }
    return (first.time, first.act)
  }
  private func isBefore(_ a: Int, _ b: Int) -> Bool {
    (heap[a].time, heap[a].order) < (heap[b].time, heap[b].order)
  }
}
