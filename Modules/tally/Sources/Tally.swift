// A room that counts: the list of everything that was added, in order. An oracle can tell from it what was lost,
// doubled or swapped. The messages are in README.md.
import OneUpRoom

struct Tally: Room {
  // Room for the full list beside its saved form, when it moves to another build.
  static let settings = Settings(members: 1000, memoryKiB: 49_152)

  var list = OperationList()
  #if LEAKS
    var history: [[UInt8]] = []
  #endif
  mutating func fields<C: Coder>(_ c: inout C) { c.hidden(1, "list", &list) }

  mutating func message(_ incoming: Incoming, from sender: Member, _ room: Context) throws(Refused) {
    var message = incoming.reader
    switch try message.u8() {
    case 1: try add(&message, sender, room)
    case 2: try query(&message, room)
    case 3: echo(&message, room)
    case 4: try open(&message, room)
    case 5: try pass(&message, room)
    #if CLEARER
      default:
        throw Refused(
          "unknown message: the first byte of an add is 1, of a query 2, of an echo 3, of an open 4, of a pass 5")
    #else
      default: throw Refused("unknown message")
    #endif
    }
  }

  mutating func add(_ message: inout Reader, _ sender: Member, _ room: Context) throws(Refused) {
    let operation = try message.u64()
    guard message.count == 0 else { throw Refused("an add is 9 bytes") }
    try add(operation, from: sender.slot.number, room)
  }

  mutating func add(_ operation: UInt64, from slot: UInt32, _ room: Context) throws(Refused) {
    guard list.count < OperationList.countMax else { throw Refused("the list is full") }
    try mistake(with: operation)
    let position = list.count
    list.append(operation)
    var output = Writer(capacity: 17)
    output.u8(1)
    output.u32(position)
    output.u64(operation)
    output.u32(slot)
    room.send(output)
  }

  // To other tallies, by their keys.

  func open(_ message: inout Reader, _ room: Context) throws(Refused) {
    let key = try self.key(&message)
    try tell(room.open("tally/" + key), 4, room)
  }

  func pass(_ message: inout Reader, _ room: Context) throws(Refused) {
    var signal = Writer(capacity: 9)
    signal.u8(1)
    signal.u64(try message.u64())
    let key = try self.key(&message)
    try tell(room.signal("tally/" + key, signal), 5, room)
  }

  private func key(_ message: inout Reader) throws(Refused) -> String {
    guard message.count > 0 else { throw Refused("the key of another room is missing") }
    return String(decoding: message.rest(), as: UTF8.self)
  }
  private func tell(_ request: RequestID?, _ kind: UInt8, _ room: Context) throws(Refused) {
    guard let request else { throw Refused("too many requests are open") }
    var answer = Writer(capacity: 5)
    answer.u8(kind)
    answer.u32(request.number)
    room.reply(answer)
  }

  mutating func signal(_ incoming: Incoming, _ room: Context) throws(Refused) {
    var signal = incoming.reader
    guard try signal.u8() == 1 else { throw Refused("unknown signal") }
    let operation = try signal.u64()
    guard signal.count == 0 else { throw Refused("an add is 9 bytes") }
    let position = list.count
    try add(operation, from: UInt32.max, room)
    var answer = Writer(capacity: 4)
    answer.u32(position)
    room.reply(answer)
  }

  mutating func answered(_ answer: Answer, _ room: Context) {
    var output = Writer()
    output.u8(4)
    output.u32(answer.id.number)
    switch answer.outcome {
    case .done(let reply):
      output.u8(0)
      var bytes = reply.reader
      output.raw(bytes.rest())
    case .refused(let reason):
      output.u8(1)
      output.text(reason)
    case .failed(let reason):
      output.u8(2)
      output.text(reason)
    }
    room.send(output)
  }

  func query(_ message: inout Reader, _ room: Context) throws(Refused) {
    let from = try message.u32()
    let count = try message.u32()
    guard message.count == 0 else { throw Refused("a query is 9 bytes") }
    guard count <= 1024 else { throw Refused("a query is for 1024 operations at most") }
    let start = min(from, list.count)
    let end = min(UInt64(start) + UInt64(count), UInt64(list.count))
    var answer = Writer(capacity: 13 + 8 * Int(count))
    answer.u8(2)
    answer.u32(list.count)
    answer.u32(start)
    answer.u32(UInt32(end) - start)
    for position in start..<UInt32(end) { answer.u64(list[position]) }
    room.reply(answer)
  }

  func echo(_ message: inout Reader, _ room: Context) {
    var output = Writer(capacity: 1 + message.count)
    output.u8(3)
    output.raw(message.rest())
    room.send(output, reliable: false)
  }

  func describe(for slot: Slot?, _ state: inout Writer) {
    state.u32(list.count)
    state.u64(list.hash)
  }

  func check() -> String? {
    list.recount() == list.hash ? nil : "the running hash does not match the list"
  }
}
