// The host's side of the call that is being made: what the guest's requests append to. One per engine, at a fixed
// address, so that host functions reach it without a look-up.
internal import CWasmtime
internal import Core

struct HostState {
  enum Mode {
    case idle
    /// An event: the guest may ask for anything.
    case event
    /// A throw-away copy is asked about itself: it may answer, nothing else.
    case inspection
  }

  var mode = Mode.idle
  var effects = RoomEffects()
  var context = RoomContext(time: 0, tick: 0, random: RandomState(seed: 0), nextTimer: TimerID(1))
  /// What `state` was given.
  var stateBytes: [UInt8] = []
  var stateBytesMax = Limits.stateBytesMax
  /// The guest's memory. Memory only grows, so a range that fits in `memoryCount` is good without asking again.
  var memory: UnsafeMutablePointer<UInt8>?
  var memoryCount = 0
  var memoryHandle = wasmtime_memory()
  /// Of the event's output bytes, and of numbered sends.
  var outputLeft = 0
  var sendsLeft = 0
  var refusals = 0
  /// Why the host stopped the guest, where it did.
  var fault: RoomFault?

  mutating func begin(_ mode: Mode, _ block: borrowing InstanceBlock, outputBytes: Int) {
    memory = block.memory
    memoryCount = block.memoryCount
    memoryHandle = block.memoryHandle
    begin(mode, outputBytes: outputBytes)
  }
  mutating func begin(_ mode: Mode, outputBytes: Int) {
    self.mode = mode
    outputLeft = outputBytes
    sendsLeft = Limits.outputsPerEventMax
    refusals = 0
    fault = nil
  }
}

extension HostState {
  /// The guest's bytes, or nil where it names some it does not have.
  mutating func guestBytes(_ caller: OpaquePointer?, _ at: Int32, _ count: Int32) -> UnsafeRawBufferPointer? {
    let start = Int(UInt32(bitPattern: at))
    let count = Int(UInt32(bitPattern: count))
    if start + count > memoryCount {
      memoryCount = wasmtime_memory_data_size(wasmtime_caller_context(caller), &memoryHandle)
      memory = wasmtime_memory_data(wasmtime_caller_context(caller), &memoryHandle)
      guard start + count <= memoryCount else {
        stop(.trap, "a host function was given a range outside the room's memory")
        return nil
      }
    }
    return UnsafeRawBufferPointer(start: memory.map { UnsafeRawPointer($0 + start) }, count: count)
  }

  /// Appends what an effect carries and says where it is; nil when the event asked for too much.
  mutating func carry(_ caller: OpaquePointer?, _ at: Int32, _ count: Int32) -> Range<Int>? {
    guard let bytes = guestBytes(caller, at, count), spend(bytes.count) else { return nil }
    let start = effects.bytes.count
    effects.bytes.append(contentsOf: bytes)
    return start..<effects.bytes.count
  }

  /// The id of a request of another room, 0 where there is no place for one more; nil: the call fails.
  mutating func request(kind: UInt32, _ target: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) -> UInt32? {
    guard let kind = UInt8(exactly: kind).flatMap(RequestKind.init(rawValue:)) else {
      stop(.trap, "ask was given a kind that does not exist")
      return nil
    }
    guard let id = context.takeRequest(kind, targetBytes: target.count, payloadBytes: payload.count) else { return 0 }
    guard spend(target.count + payload.count) else { return nil }
    let start = effects.bytes.count
    effects.bytes.append(contentsOf: target)
    let middle = effects.bytes.count
    effects.bytes.append(contentsOf: payload)
    effects.commands.append(.ask(id, kind, target: start..<middle, payload: middle..<effects.bytes.count))
    return id.rawValue
  }

  mutating func spend(_ bytes: Int) -> Bool {
    outputLeft -= bytes + SandboxLimits.requestBytes
    if outputLeft >= 0 { return true }
    stop(.output, "the room sent more in one event than it may")
    return false
  }

  mutating func spendSend(_ reliable: Bool) -> Bool {
    guard reliable else { return true }
    sendsLeft -= 1
    if sendsLeft >= 0 { return true }
    stop(.output, "the room made more than \(Limits.outputsPerEventMax) reliable sends in one event")
    return false
  }

  mutating func isEvent() -> Bool {
    if mode == .event { return true }
    stop(.trap, "a call that may only look at the room asked the host to do something")
    return false
  }

  mutating func stop(_ kind: RoomFault.Kind, _ text: String) { fault = RoomFault(kind: kind, text: text) }
}
