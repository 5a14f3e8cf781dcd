// The room that the benchmarks talk to: every message is counted and answered by exactly one reliable output, the same
// bytes, to its sender alone.
import OneUpRoom

public struct Reply: Room {
  public static let settings = Settings(members: 1000)

  var count: UInt64 = 0

  public init() {}

  public mutating func message(_ message: inout Reader, from sender: Sender, _ room: Context) throws(Refused) {
    count += 1
    room.send(message.rest(), to: .only(sender.slot))
  }

  public func describe(for slot: Slot?, _ state: inout Writer) { state.u64(count) }
}
