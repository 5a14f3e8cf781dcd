// Bytes to values. Whoever wrote the bytes may be a stranger or an older build: nothing here traps.

public struct Decoder: Coder {
  enum Source {
    /// Numbers must be finite.
    case client
    /// A message of the room's own.
    case room
    /// What `save` wrote: every field, exactly.
    case saved
    /// What `ChangeCoder` wrote: tables keep the rows that are not named.
    case change
  }
  private var cursor: Cursor
  private let start: Cursor
  let source: Source
  /// The bytes are not what the fields ask for; nothing more is read.
  var failed = false

  init(_ cursor: Cursor, from source: Source) {
    self.cursor = cursor
    start = cursor
    self.source = source
  }

  var isAtEnd: Bool { cursor.isAtEnd }
  mutating func fail() { failed = true }

  @inline(never)
  public mutating func visible<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V) {
    if find(number, V.kind) { value.take(&self) }
  }
  @inline(never)
  public mutating func hidden<V: Value>(_ number: UInt32, _ name: StaticString, _ value: inout V) {
    visible(number, name, &value)
  }
  @inline(never)
  public mutating func scaled(_ number: UInt32, _ name: StaticString, _ value: inout Float, _ scale: UInt32) {
    // What was saved is exact; what travels is in steps.
    if source == .saved { return visible(number, name, &value) }
    guard find(number, .varint), let steps = varint() else { return }
    value = Float(unzigzag(steps)) / Float(max(scale, 1))
  }

  /// Goes to the value of a field. A field that is not there keeps what it has; so does everything after a failure.
  private mutating func find(_ number: UInt32, _ kind: Kind) -> Bool {
    if failed { return false }
    var place = cursor
    // Usually it is the next one.
    if look(number, kind, &place, until: place.end) { return true }
    if failed { return false }
    place = start
    return look(number, kind, &place, until: cursor.at)
  }
  private mutating func look(_ number: UInt32, _ kind: Kind, _ place: inout Cursor, until: UnsafeRawPointer) -> Bool {
    while place.at < until {
      guard let key = place.key() else {
        fail()
        return false
      }
      if key.number == number {
        guard key.kind == kind else {
          fail()
          return false
        }
        cursor = place
        return true
      }
      guard place.skip(key.kind) else {
        fail()
        return false
      }
    }
    return false
  }

  // What values are made of. Nil after marking the failure.
  mutating func varint() -> UInt64? { checked(cursor.varint()) }
  mutating func four() -> UInt32? { checked(cursor.four()) }
  mutating func eight() -> UInt64? { checked(cursor.eight()) }
  mutating func counted() -> Cursor? { checked(cursor.counted()) }
  @inline(__always) private mutating func checked<T>(_ value: T?) -> T? {
    if value == nil { failed = true }
    return value
  }
  /// All that is left of a counted value.
  mutating func takeRest() -> UnsafeRawBufferPointer {
    let rest = cursor.rest
    cursor.at = cursor.end
    return rest
  }
  /// For the fields of a value within; give it back to `finish`.
  mutating func inner() -> Decoder? {
    guard let part = counted() else { return nil }
    return Decoder(part, from: source)
  }
  mutating func finish(_ inner: Decoder) { if !inner.isSound { failed = true } }

  /// Whether everything that was read, and what was left, is well formed.
  var isSound: Bool {
    if failed { return false }
    var rest = cursor
    while !rest.isAtEnd {
      guard let key = rest.key(), rest.skip(key.kind) else { return false }
    }
    return true
  }
}
