// Who is near whom, without asking everybody.

/// Keys by place, made anew whenever it is wanted (a tick, say); not part of the state.
///
///     let grid = Grid(over: gems, cell: 50) { $0.pos }
///     for key in grid.near(ship.pos, 30) { … }      // in the order of the keys
public struct Grid {
  private var cell: Float
  private var origin: Vec2
  private var columns = 1
  private var rows = 1
  /// Where each cell's part of `entries` begins; one more at the end.
  private var starts: [Int32] = []
  private var entries: [(key: UInt32, place: Vec2)] = []
  /// However small the cells and wide the world: what a grid may cost.
  private static let sideMax = 256

  /// `cell`: best about as wide as the distances asked for. Who is nowhere (not a number) is not in the grid.
  public init<Row>(over table: Table<Row>, cell: Float, _ place: (Row) -> Vec2) {
    var all: [(key: UInt32, place: Vec2)] = []
    all.reserveCapacity(table.count)
    for at in table.indices {
      let place = place(table[at: at])
      if place.x.isFinite, place.y.isFinite { all.append((table.keys[at], place)) }
    }
    self.init(all, cell: cell)
  }
  public init(_ all: [(key: UInt32, place: Vec2)], cell: Float) {
    precondition(cell > 0, "a grid's cells must have a size")
    self.cell = cell
    origin = all.first?.place ?? Vec2()
    var most = origin
    for (_, place) in all {
      origin = Vec2(min(origin.x, place.x), min(origin.y, place.y))
      most = Vec2(max(most.x, place.x), max(most.y, place.y))
    }
    let side = Float(Grid.sideMax - 1)
    self.cell = max(cell, (most.x - origin.x) / side, (most.y - origin.y) / side)
    columns = Int((most.x - origin.x) / self.cell) + 1
    rows = Int((most.y - origin.y) / self.cell) + 1
    starts = [Int32](repeating: 0, count: columns * rows + 1)
    entries = all
    for (_, place) in all { starts[index(place) + 1] += 1 }
    for cell in 1..<starts.count { starts[cell] += starts[cell - 1] }
    var next = starts
    for entry in all {
      let cell = index(entry.place)
      entries[Int(next[cell])] = entry
      next[cell] += 1
    }
  }

  /// The keys within `distance` of `place`, in ascending order.
  public func near(_ place: Vec2, _ distance: Float) -> [UInt32] {
    guard !entries.isEmpty, place.x.isFinite, place.y.isFinite, distance >= 0 else { return [] }
    let left = column(place.x - distance)
    let right = column(place.x + distance)
    var found: [UInt32] = []
    for row in row(place.y - distance)...row(place.y + distance) {
      for cell in row * columns + left...row * columns + right {
        for entry in starts[cell]..<starts[cell + 1] where entries[Int(entry)].place.isWithin(distance, of: place) {
          found.append(entries[Int(entry)].key)
        }
      }
    }
    found.sort()
    return found
  }

  private func column(_ x: Float) -> Int { Int(max(0, min(Float(columns - 1), (x - origin.x) / cell))) }
  private func row(_ y: Float) -> Int { Int(max(0, min(Float(rows - 1), (y - origin.y) / cell))) }
  private func index(_ place: Vec2) -> Int { row(place.y) * columns + column(place.x) }
}
