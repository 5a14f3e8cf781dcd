// What clients are told of the state: a keyframe now and then, for certain, and what differs from it, for as long as it
// is the newest word. The bytes are described in docs/room-abi.md.

/// The ids of the SDK's own messages.
enum SDKMessage {
  static let keyframe: UInt8 = 250
  static let change: UInt8 = 251
  static let described: UInt8 = 252
  static let ids: ClosedRange<UInt8> = 240...255
}

/// Not more often, however much changes, microseconds.
private let keyframeIntervalMin: Int64 = 1_000_000
/// A keyframe and a change together stay below what one event may send (256 KiB), and leave room for the author's messages.
private let synchronisedBytesMax = 120_000

extension Hosted {
  /// A room that ticks tells all after each tick, in changes that may be dropped for a newer one.
  @inline(__always) mutating func afterTick(_ context: Context) {
    guard isSynchronised, !desk.isEmpty else { return }
    if desk.sent.keyframe.isEmpty { makeKeyframe() }
    if isKeyframeDue(writeChange(context)) {
      makeKeyframe()
      _ = writeChange(context)
    }
    sendChange(reliable: false)
  }
  /// A room that does not tick tells all after each event that changed something.
  @inline(__always) mutating func afterEvent() {
    guard isSynchronised, !ticks else { return }
    tellChange()
  }
  private mutating func tellChange() {
    var body = writeChange(context)
    let hash = hashOfChange(body)
    guard hash != desk.sent.changeHash else { return }
    desk.sent.changeHash = hash
    guard !desk.isEmpty else { return }
    if isKeyframeDue(body) {
      makeKeyframe()
      body = writeChange(context)
      desk.sent.changeHash = hashOfChange(body)
    }
    sendChange(reliable: true)
  }
  /// A state that has grown too large is not sent rather than failing every tick: the game goes on, the log says why.
  private func sendChange(reliable: Bool) {
    guard desk.change.count <= synchronisedBytesMax else {
      return context.log(
        "clients are not told of the state: what changed takes \(desk.change.count) bytes, at most 120000 can be sent; hide fields or remove rows",
        .error)
    }
    context.send(desk.change.bytes, reliable: reliable)
  }

  /// The state as a joiner needs it: the keyframe that changes count from, and the change up to now.
  public mutating func describe(_ slot: Int32) {
    guard isSynchronised else {
      var state = Writer()
      room.describe(for: slot < 0 ? nil : Slot(UInt32(slot)), &state)
      return state.bytes.withUnsafeBytes { context.hostState($0) }
    }
    let out = desk.message
    out.clear()
    out.byte(SDKMessage.described)
    out.varint(desk.sent.number)
    out.varint(UInt64(desk.sent.keyframe.count))
    desk.sent.keyframe.withUnsafeBytes { out.raw($0) }
    _ = writeChange(context)
    out.raw(UnsafeRawBufferPointer(rebasing: desk.change.bytes.dropFirst()))
    context.hostState(out.bytes)
  }

  private mutating func makeKeyframe() {
    let out = desk.change
    out.clear()
    var coder = Encoder(out, all: false)
    room.fields(&coder)
    // Changes go on counting from the keyframe before.
    guard out.count <= synchronisedBytesMax else { return }
    desk.sent.number &+= 1
    desk.sent.keyframe = Array(out.bytes)
    desk.sent.time = context.hostTime()
    let message = desk.message
    message.clear()
    message.byte(SDKMessage.keyframe)
    message.varint(desk.sent.number)
    message.raw(out.bytes)
    context.send(message.bytes)
  }
  /// Whether changes have become so large that counting from the state of now is worth it.
  private func isKeyframeDue(_ body: Int) -> Bool {
    // After a restore into other fields clients still count from one that this build knows nothing of.
    if desk.sent.keyframe.isEmpty && desk.sent.number > 0 { return true }
    guard desk.change.count - body > desk.sent.keyframe.count / 2 + 64 else { return false }
    return desk.sent.number == 0 || context.hostTime() &- desk.sent.time >= keyframeIntervalMin
  }
  /// Writes a whole change message; gives where its fields begin.
  private mutating func writeChange(_ context: Context) -> Int {
    let out = desk.change
    out.clear()
    out.byte(SDKMessage.change)
    out.varint(desk.sent.number)
    out.varint(context.tick)
    out.eight(UInt64(bitPattern: context.hostTime()))
    var stamps: UInt64 = 0
    for seat in desk.seats where seat.stamp > 0 { stamps += 1 }
    out.varint(stamps)
    for slot in desk.seats.indices where desk.seats[slot].stamp > 0 {
      out.varint(UInt64(slot))
      out.varint(desk.seats[slot].stamp)
    }
    let body = out.count
    desk.sent.keyframe.withUnsafeBytes {
      var coder = ChangeCoder(out, from: Cursor($0))
      room.fields(&coder)
    }
    return body
  }
  /// Of the fields alone: time passes in every event.
  private func hashOfChange(_ body: Int) -> UInt64 {
    hashed(UnsafeRawBufferPointer(rebasing: desk.change.bytes.dropFirst(body)), desk.sent.number)
  }
}
