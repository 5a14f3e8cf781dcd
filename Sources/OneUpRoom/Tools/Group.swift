// Some of the members.

/// Members to whom the same is sent: a team, those who see a place. Part of the room's state like any other field. Who
/// leaves the room is out of all its groups before `leave` is called.
public struct Group: Value, Hashable, Sendable {
  /// In ascending order.
  private(set) var numbers: [UInt32] = []

  public init() {}

  public var count: Int { numbers.count }
  public var isEmpty: Bool { numbers.isEmpty }
  public var slots: [Slot] { numbers.map { Slot($0) } }

  public func contains(_ slot: Slot) -> Bool {
    let place = search(slot.number)
    return place < numbers.count && numbers[place] == slot.number
  }
  public func contains(_ member: Member) -> Bool { contains(member.slot) }
  public mutating func add(_ slot: Slot) {
    let place = search(slot.number)
    if place == numbers.count || numbers[place] != slot.number { numbers.insert(slot.number, at: place) }
  }
  public mutating func add(_ member: Member) { add(member.slot) }
  public mutating func remove(_ slot: Slot) {
    let place = search(slot.number)
    if place < numbers.count, numbers[place] == slot.number { numbers.remove(at: place) }
  }
  public mutating func remove(_ member: Member) { remove(member.slot) }
  public mutating func removeAll() { numbers.removeAll(keepingCapacity: true) }

  private func search(_ number: UInt32) -> Int {
    var low = 0
    var high = numbers.count
    while low < high {
      let middle = (low + high) / 2
      if numbers[middle] < number { low = middle + 1 } else { high = middle }
    }
    return low
  }

  public static var kind: Kind { .counted }
  public mutating func put(_ out: Encoder) { numbers.put(out) }
  public mutating func take(_ input: inout Decoder) {
    var read: [UInt32] = []
    read.take(&input)
    // In whatever order they came, the group is in its own.
    numbers.removeAll(keepingCapacity: true)
    for number in read { add(Slot(number)) }
  }
  public mutating func json(_ out: Buffer) { numbers.json(out) }
  public static func schema(_ out: SchemaWriter) { out.text("{\"list\":\"slot\"}") }
  public mutating func forget(_ slot: Slot) { remove(slot) }
}
