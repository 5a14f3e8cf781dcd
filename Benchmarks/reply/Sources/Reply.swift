// The room that the benchmarks talk to: every message is counted and answered by exactly one reliable output, the same
// bytes, to its sender alone. A message that begins with 1 makes it trap, one that begins with 2 makes it loop.
import OneUpRoom

public struct Reply: Room {
  public static let settings = Settings(members: 1000)

  var count: UInt64 = 0

  public init() {}

  public mutating func fields<C: Coder>(_ c: inout C) { c.hidden(1, "count", &count) }

  public mutating func message(_ incoming: Incoming, from sender: Member, _ room: Context) throws(Refused) {
    count += 1
    switch incoming.id {
    case 1: trap()
    case 2: loop()
    default: break
    }
    var message = incoming.reader
    room.send(message.rest(), to: .only(sender.slot))
  }

  @inline(never) private func trap() { precondition(count == 0, "asked to trap") }
  @inline(never) private mutating func loop() { while count > 0 { count = count &* 31 | 1 } }

  public func describe(for slot: Slot?, _ state: inout Writer) { state.u64(count) }
}
