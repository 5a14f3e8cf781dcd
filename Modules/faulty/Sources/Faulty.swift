// A room that breaks in every way game code can break, on demand. The messages are in README.md.
import OneUpRoom

struct Faulty: Room {
  static let settings = Settings(hz: 10, members: 100)

  var trapAtNextTick = false
  var numbers: [Int32] = [1, 2, 3]
  var hoard: [[UInt64]] = []
  var echoed: UInt32 = 0
  // Never anything else.
  var nothing: Int32?
  var fuse = Fuse()

  mutating func fields<C: Coder>(_ c: inout C) {
    c.hidden(1, "trapAtNextTick", &trapAtNextTick)
    c.hidden(2, "numbers", &numbers)
    c.hidden(3, "hoard", &hoard)
    c.hidden(4, "echoed", &echoed)
    c.hidden(5, "fuse", &fuse)
  }

  mutating func message(_ incoming: Incoming, from sender: Member, _ room: Context) throws(Refused) {
    var message = incoming.reader
    switch try message.u8() {
    case 0x01: readBeyondTheEnd(message.count)
    case 0x02: overflow()
    case 0x03: unwrapNothing()
    case 0x04: loopForEver()
    case 0x05: allocateWithoutEnd()
    case 0x06: numbers[0] = recurseWithoutEnd(numbers[0])
    case 0x07: burn(millions: try message.u32())
    case 0x08: sendTooMuch(room)
    case 0x09: echo(&message, sender, room)
    case 0x0A: trapAtNextTick = true
    case 0x0B: room.after(.milliseconds(100))
    case 0x0C: fuse.burns = .describe
    case 0x0D: fuse.burns = .check
    case 0x0E: fuse.burns = .save
    default: throw Refused("unknown message")
    }
  }

  mutating func tick(_ room: Context) {
    if trapAtNextTick { readBeyondTheEnd(0) }
  }

  mutating func timer(_ message: Incoming, _ room: Context) { unwrapNothing() }

  func describe(for slot: Slot?, _ state: inout Writer) {
    fuse.meet(.describe)
    state.u32(echoed)
  }

  func check() -> String? {
    fuse.meet(.check)
    return nil
  }

  mutating func echo(_ message: inout Reader, _ sender: Member, _ room: Context) {
    echoed &+= 1
    var output = Writer(capacity: 1 + message.count)
    output.u8(0x09)
    output.raw(message.rest())
    room.send(output, to: .only(sender.slot))
  }

  @inline(never) mutating func readBeyondTheEnd(_ more: Int) { numbers[0] = numbers[numbers.count + more] }

  @inline(never) mutating func overflow() {
    numbers[0] = Int32.max
    numbers[0] += numbers[1]
  }

  @inline(never) mutating func unwrapNothing() { numbers[0] = nothing! }

  @inline(never) mutating func loopForEver() {
    while true { numbers[0] = numbers[0] &* 31 &+ 7 }
  }

  @inline(never) mutating func allocateWithoutEnd() {
    while true { hoard.append([UInt64](repeating: 1, count: 4096)) }
  }

  @inline(never) func recurseWithoutEnd(_ depth: Int32) -> Int32 {
    if depth == Int32.min { return 0 }
    // What comes back chooses an element, so that no compiler makes a loop of this.
    return numbers[Int(recurseWithoutEnd(depth &+ 1) & 1)] &+ depth
  }

  @inline(never) mutating func burn(millions: UInt32) {
    for _ in 0..<millions {
      for _ in 0..<1_000_000 { numbers[0] = numbers[0] &* 31 &+ 7 }
    }
  }

  @inline(never) func sendTooMuch(_ room: Context) {
    let piece = [UInt8](repeating: 0x08, count: 60_000)
    while true { room.send(piece) }
  }
}
