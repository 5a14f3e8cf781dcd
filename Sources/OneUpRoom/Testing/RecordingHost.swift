// The world of a room under test.
#if !arch(wasm32) && !ONEUP_NATIVE

  /// Keeps what a room asked for.
  final class RecordingHost {
    struct Timer {
      var id: UInt32
      var due: Int64
      var payload: [UInt8]
    }
    var outputs: [RoomOutput] = []
    var reply: [UInt8]?
    var refusal: String?
    var kicked: [(slot: Slot, reason: String)] = []
    var ended: String?
    var label = ""
    var properties: [String: String] = [:]
    var isLocked = false
    var counts: [String: Int64] = [:]
    var logged: [String] = []
    var state: [UInt8] = []
    var timers: [Timer] = []
    var timersMade: UInt32 = 0
    /// Without an answer.
    var requests: [RoomRequest] = []
    var requestsMade: UInt32 = 0
    var time: Int64 = 0
    var tick: UInt64 = 0
    var seed: UInt64
    init(seed: UInt64) { self.seed = seed }
    /// The same clock, chance and timers, and what the server keeps of a room.
    init(like other: RecordingHost) {
      seed = other.seed
      timers = other.timers
      timersMade = other.timersMade
      requests = other.requests
      requestsMade = other.requestsMade
      time = other.time
      tick = other.tick
      ended = other.ended
      label = other.label
      properties = other.properties
      isLocked = other.isLocked
    }
  }

  extension Context {
    private var host: RecordingHost { desk.host }
    func hostSend(_ kind: UInt32, _ slot: UInt32, _ reliable: Bool, _ bytes: UnsafeRawBufferPointer) {
      let target: Target = kind == 0 ? .all : kind == 1 ? .only(Slot(slot)) : .except(Slot(slot))
      host.outputs.append(RoomOutput(target: target, reliable: reliable, bytes: Array(bytes)))
    }
    func hostSendTo(_ slots: UnsafeRawBufferPointer, _ reliable: Bool, _ bytes: UnsafeRawBufferPointer) {
      for slot in slots.assumingMemoryBound(to: UInt32.self) {
        host.outputs.append(RoomOutput(target: .only(Slot(slot)), reliable: reliable, bytes: Array(bytes)))
      }
    }
    func hostCount(_ name: UnsafeRawBufferPointer, _ amount: Int64) {
      host.counts[String(decoding: name, as: UTF8.self), default: 0] += amount
    }
    func hostLabel(_ text: UnsafeRawBufferPointer) { host.label = String(decoding: text, as: UTF8.self) }
    func hostProperty(_ text: UnsafeRawBufferPointer) {
      let parts = String(decoding: text, as: UTF8.self).split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      host.properties[String(parts[0])] = parts[1].isEmpty ? nil : String(parts[1])
    }
    func hostLock(_ locked: Bool) { host.isLocked = locked }
    func hostEnd(_ reason: UnsafeRawBufferPointer) { host.ended = String(decoding: reason, as: UTF8.self) }
    func hostReply(_ bytes: UnsafeRawBufferPointer) { host.reply = Array(bytes) }
    func hostRefuse(_ bytes: UnsafeRawBufferPointer) { host.refusal = String(decoding: bytes, as: UTF8.self) }
    func hostRandom() -> UInt64 {
      host.seed &+= 0x9E37_79B9_7F4A_7C15
      var z = host.seed
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    func hostAfter(_ milliseconds: UInt64, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
      host.timersMade += 1
      let due = host.time + Int64(clamping: milliseconds) * 1000
      host.timers.append(RecordingHost.Timer(id: host.timersMade, due: due, payload: Array(bytes)))
      return host.timersMade
    }
    func hostCancel(_ timer: UInt32) { host.timers.removeAll { $0.id == timer } }
    func hostAsk(_ kind: UInt32, _ room: UnsafeRawBufferPointer, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
      let opens = kind == 1
      guard host.requests.count < 16, room.count <= 193, bytes.count <= (opens ? 4_096 : 32_768) else { return 0 }
      host.requestsMade += 1
      host.requests.append(
        RoomRequest(
          id: RequestID(host.requestsMade), opens: opens, room: String(decoding: room, as: UTF8.self),
          bytes: Array(bytes)))
      return host.requestsMade
    }
    func hostKick(_ slot: UInt32, _ bytes: UnsafeRawBufferPointer) {
      host.kicked.append((Slot(slot), String(decoding: bytes, as: UTF8.self)))
    }
    func hostLog(_ level: UInt32, _ bytes: UnsafeRawBufferPointer) {
      host.logged.append(String(decoding: bytes, as: UTF8.self))
    }
    func hostTime() -> Int64 { host.time }
    func hostTick() -> UInt64 { host.tick }
    func hostState(_ bytes: UnsafeRawBufferPointer) { host.state.append(contentsOf: bytes) }
  }
#endif
