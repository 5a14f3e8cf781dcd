// The test kit: a room in the test's own process, with no server.
#if !arch(wasm32)

  /// One output of a room under test.
  public struct RoomOutput: Sendable {
    public var target: Target
    public var reliable: Bool
    public var bytes: [UInt8]
  }

  /// A room with members, a clock and chance that the test holds in its hand.
  public final class RoomTest<R: Room> {
    var hosted: Hosted<R>
    let host: RecordingHost
    var members: Set<UInt32> = []

    public init(seed: UInt64 = 1, parameters: [UInt8] = []) throws(Refused) {
      host = RecordingHost(seed: seed)
      hosted = Hosted(host: host)
      try decide(hosted.create(give(parameters)))
    }
    deinit { hosted.input?.deallocate() }

    public var room: R { hosted.room }
    /// Everything sent since the last time this was read.
    public func outputs() -> [RoomOutput] {
      defer { host.outputs = [] }
      return host.outputs
    }
    public var kicked: [(slot: Slot, reason: String)] { host.kicked }
    public var logged: [String] { host.logged }

    public func join(_ name: String, parameters: [UInt8] = []) throws(Refused) -> Slot {
      var slot: UInt32 = 0
      while members.contains(slot) { slot += 1 }
      var payload = Writer()
      payload.text(name)
      payload.raw(parameters)
      try decide(hosted.join(slot, give(payload.bytes)))
      members.insert(slot)
      return Slot(slot)
    }
    public func leave(_ slot: Slot, _ reason: LeaveReason = .left) {
      precondition(members.remove(slot.number) != nil, "slot \(slot.number) is not in the room")
      hosted.leave(slot.number, reason.rawValue)
    }
    public func suspend(_ slot: Slot) { hosted.suspended(slot.number) }
    public func `return`(_ slot: Slot) { hosted.returned(slot.number) }

    /// Hands a message in; gives the reply to it.
    @discardableResult
    public func send(_ message: Writer, from slot: Slot, stamp: UInt64 = 0) throws(Refused) -> [UInt8]? {
      try send(message.bytes, from: slot, stamp: stamp)
    }
    @discardableResult
    public func send(_ message: [UInt8], from slot: Slot, stamp: UInt64 = 0) throws(Refused) -> [UInt8]? {
      host.reply = nil
      try decide(hosted.message(slot.number, stamp, give(message)))
      return host.reply
    }

    /// Lets the room's clock run; timers that fall due fire first, then the tick.
    public func advance(ticks: Int) {
      precondition(R.settings.hz > 0, "this room does not tick: advance it by milliseconds")
      for _ in 0..<ticks {
        advance(milliseconds: 1000 / UInt64(R.settings.hz))
        host.tick += 1
        hosted.tick(host.tick, 0)
      }
    }
    /// Lets the room's clock run without ticks.
    public func advance(milliseconds: UInt64) {
      let end = host.time + Int64(milliseconds) * 1000
      while let next = host.timers.filter({ $0.due <= end }).min(by: { ($0.due, $0.id) < ($1.due, $1.id) }) {
        host.timers.removeAll { $0.id == next.id }
        host.time = max(host.time, next.due)
        hosted.timer(next.id, give(next.payload))
      }
      host.time = end
    }

    public func describe(for slot: Slot? = nil) -> [UInt8] {
      host.state = []
      hosted.describe(slot.map { Int32($0.number) } ?? -1)
      return host.state
    }
    /// What the room finds wrong with itself.
    public func check() -> String? { hosted.room.check() }

    func give(_ payload: [UInt8]) -> UInt32 {
      let count = UInt32(payload.count)
      let buffer = hosted.buffer(count)
      payload.withUnsafeBytes { bytes in
        if let start = bytes.baseAddress { buffer.copyMemory(from: start, byteCount: bytes.count) }
      }
      return count
    }
    func decide(_ verdict: UInt32) throws(Refused) {
      guard verdict == 0 else { throw Refused(host.refusal ?? "refused without a reason") }
    }
  }
#endif
