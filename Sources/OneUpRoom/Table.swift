// Rows by number, in order.

/// Rows with a key each, always in the order of the keys, so that going through them is the same everywhere and always.
/// Clients see it as a map from key to row, and get only the rows and fields that changed.
public struct Table<Row: Fields>: Value {
  /// In ascending order.
  public private(set) var keys: [UInt32] = []
  private var rows: [Row] = []

  public init() {}

  public var count: Int { keys.count }
  public var isEmpty: Bool { keys.isEmpty }
  public var values: [Row] { rows }

  /// The row with that key, which must be there.
  public subscript(_ key: UInt32) -> Row {
    _read { yield rows[place(key)] }
    _modify { yield &rows[place(key)] }
  }
  public subscript(_ slot: Slot) -> Row {
    _read { yield rows[place(slot.number)] }
    _modify { yield &rows[place(slot.number)] }
  }
  /// The positions of all rows, for a loop that changes them: `for at in ships.indices { ships[at: at].pos += … }`.
  public var indices: Range<Int> { 0..<rows.count }
  public subscript(at position: Int) -> Row {
    _read { yield rows[position] }
    _modify { yield &rows[position] }
  }

  public func has(_ key: UInt32) -> Bool { isHere(key, search(key)) }
  public func has(_ slot: Slot) -> Bool { has(slot.number) }
  public func find(_ key: UInt32) -> Row? {
    let position = search(key)
    return isHere(key, position) ? rows[position] : nil
  }
  public func find(_ slot: Slot) -> Row? { find(slot.number) }

  /// Replaces the row that has the key already.
  public mutating func insert(_ row: Row, at key: UInt32) {
    let position = search(key)
    if isHere(key, position) {
      rows[position] = row
    } else {
      keys.insert(key, at: position)
      rows.insert(row, at: position)
    }
  }
  public mutating func insert(_ row: Row, at slot: Slot) { insert(row, at: slot.number) }
  /// Puts the row at the lowest free key from `from` on, and gives the key.
  @discardableResult
  public mutating func add(_ row: Row, from: UInt32 = 0) -> UInt32 {
    let key = firstFree(from: from)
    insert(row, at: key)
    return key
  }
  /// Puts the row behind all others, and gives its key. Keys that were given this way do not come again as long as one is
  /// added before the last is removed.
  @discardableResult
  public mutating func append(_ row: Row) -> UInt32 {
    if let last = keys.last { precondition(last < UInt32.max, "the table's last key is taken") }
    return add(row, from: keys.last.map { $0 + 1 } ?? 0)
  }
  /// What was there.
  @discardableResult
  public mutating func remove(_ key: UInt32) -> Row? {
    let position = search(key)
    guard isHere(key, position) else { return nil }
    keys.remove(at: position)
    return rows.remove(at: position)
  }
  @discardableResult
  public mutating func remove(_ slot: Slot) -> Row? { remove(slot.number) }
  public mutating func removeAll() {
    keys.removeAll(keepingCapacity: true)
    rows.removeAll(keepingCapacity: true)
  }
  /// The key of the row with the lowest value, the first of equal ones; rows for which there is none do not count.
  public func lowest(_ value: (Row) -> Float?) -> UInt32? {
    var best: (key: UInt32, value: Float)?
    for position in rows.indices {
      guard let value = value(rows[position]), value.isFinite else { continue }
      if let best, best.value <= value { continue }
      best = (keys[position], value)
    }
    return best?.key
  }
  public func firstFree(from: UInt32 = 0) -> UInt32 {
    var key = from
    var position = search(key)
    while isHere(key, position) {
      precondition(key < UInt32.max, "the table has no free key from \(from) on")
      key += 1
      position += 1
    }
    return key
  }

  @inline(__always) private func isHere(_ key: UInt32, _ position: Int) -> Bool {
    position < keys.count && keys[position] == key
  }
  @inline(__always) private func place(_ key: UInt32) -> Int {
    // Members' slots are dense: row n is usually the n-th.
    let direct = Int(truncatingIfNeeded: key)
    if direct >= 0, direct < keys.count, keys[direct] == key { return direct }
    let position = search(key)
    precondition(isHere(key, position), "the table has no row with this key")
    return position
  }
  /// Where the key is, or would be.
  private func search(_ key: UInt32) -> Int {
    var low = 0
    var high = keys.count
    while low < high {
      let middle = (low + high) / 2
      if keys[middle] < key { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// `for (key, row) in table`
extension Table: Sequence {
  public struct Iterator: IteratorProtocol {
    let table: Table
    var position = 0
    public mutating func next() -> (key: UInt32, row: Row)? {
      guard position < table.count else { return nil }
      defer { position += 1 }
      return (table.keys[position], table[at: position])
    }
  }
  public func makeIterator() -> Iterator { Iterator(table: self) }
}

// As a field: rows by ascending key, each `key << 1 | removed`, then the count and fields of the row.
extension Table {
  public static var kind: Kind { .counted }

  public mutating func put(_ out: Encoder) {
    let opened = out.buffer.open()
    for position in keys.indices {
      out.buffer.varint(UInt64(keys[position]) << 1)
      rows[position].put(out)
    }
    out.buffer.close(opened)
  }

  public mutating func putChange(_ out: Buffer, from base: inout Cursor) -> Bool {
    guard var before = base.counted() else {
      put(Encoder(out, all: false))
      return true
    }
    let opened = out.open()
    var old = before.nextRow()
    for position in keys.indices {
      let key = keys[position]
      while let gone = old, gone.key < key {
        out.varint(UInt64(gone.key) << 1 | 1)
        old = before.nextRow()
      }
      let start = out.count
      out.varint(UInt64(key) << 1)
      guard let same = old, same.key == key else {
        rows[position].put(Encoder(out, all: false))
        continue
      }
      let row = out.open()
      var coder = ChangeCoder(out, from: same.fields)
      rows[position].fields(&coder)
      if out.count > row { out.close(row) } else { out.cut(to: start) }
      old = before.nextRow()
    }
    while let gone = old {
      out.varint(UInt64(gone.key) << 1 | 1)
      old = before.nextRow()
    }
    guard out.count > opened else { return false }
    out.close(opened)
    return true
  }

  public mutating func take(_ input: inout Decoder) {
    guard var rest = input.counted() else { return }
    if input.source != .change { removeAll() }
    var last: UInt32?
    while !rest.isAtEnd {
      guard let head = rest.varint(), head >> 1 <= UInt64(UInt32.max) else { return input.fail() }
      let key = UInt32(head >> 1)
      if let last, key <= last { return input.fail() }
      last = key
      if head & 1 == 1 {
        guard input.source == .change else { return input.fail() }
        remove(key)
        continue
      }
      guard let fields = rest.counted() else { return input.fail() }
      var decoder = Decoder(fields, from: input.source)
      var row = find(key) ?? Row()
      row.fields(&decoder)
      guard decoder.isSound else { return input.fail() }
      insert(row, at: key)
    }
  }

  public mutating func json(_ out: Buffer) {
    out.byte(UInt8(ascii: "{"))
    for position in keys.indices {
      if position > 0 { out.byte(UInt8(ascii: ",")) }
      out.byte(UInt8(ascii: "\""))
      out.decimal(UInt64(keys[position]))
      out.text("\":")
      rows[position].json(out)
    }
    out.byte(UInt8(ascii: "}"))
  }
  public static func schema(_ out: SchemaWriter) {
    out.text("{\"table\":")
    out.fields(of: Row.self, hiddenToo: out.hiddenToo)
    out.text("}")
  }
  public mutating func forget(_ slot: Slot) { for position in rows.indices { rows[position].forget(slot) } }
}

extension Cursor {
  /// The next row of what `Table.put` wrote; nil at the end.
  @inline(__always) mutating func nextRow() -> (key: UInt32, fields: Cursor)? {
    guard let head = varint(), let fields = counted() else { return nil }
    return (UInt32(truncatingIfNeeded: head >> 1), fields)
  }
}
