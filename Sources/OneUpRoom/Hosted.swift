// Between the plain calls of the room interface and a `Room`.

/// The version of the interface in docs/room-abi.md that this SDK speaks.
public let roomABIVersion: UInt32 = 1

/// A room and its input buffer. The exports that the builder generates call these functions; so does the test kit.
/// A return value of 1 says refused, 0 done.
public struct Hosted<R: Room> {
  public var room = R()
  var input: UnsafeMutableRawPointer?
  var capacity: UInt32 = 0
  #if !arch(wasm32)
    let host: RecordingHost
  #endif

  #if arch(wasm32)
    public init() {}
    var context: Context { Context() }
  #else
    init(host: RecordingHost) { self.host = host }
    var context: Context { Context(host: host) }
  #endif

  /// Where the host writes the next payload, up to `count` bytes. Asking again for no more than before changes nothing.
  public mutating func buffer(_ count: UInt32) -> UnsafeMutableRawPointer {
    if let input, count <= capacity { return input }
    var size: UInt32 = 1024
    while size < count { size = size << 1 }
    input?.deallocate()
    let made = UnsafeMutableRawPointer.allocate(byteCount: Int(size), alignment: 16)
    made.initializeMemory(as: UInt8.self, repeating: 0, count: Int(size))
    input = made
    capacity = size
    return made
  }

  func payload(_ count: UInt32) -> Reader {
    Reader(UnsafeRawBufferPointer(start: input, count: input == nil ? 0 : Int(count)))
  }

  public mutating func create(_ count: UInt32) -> UInt32 {
    var parameters = payload(count)
    do throws(Refused) { try room.create(&parameters, context) } catch { return refused(error) }
    return 0
  }
  public mutating func join(_ slot: UInt32, _ count: UInt32) -> UInt32 {
    var parameters = payload(count)
    do throws(Refused) {
      let name = try parameters.text()
      try room.join(Member(slot: Slot(slot), name: name), &parameters, context)
    } catch { return refused(error) }
    return 0
  }
  public mutating func leave(_ slot: UInt32, _ reason: UInt32) {
    room.leave(Slot(slot), LeaveReason(rawValue: reason) ?? .left, context)
  }
  public mutating func suspended(_ slot: UInt32) { room.suspended(Slot(slot), context) }
  public mutating func returned(_ slot: UInt32) { room.returned(Slot(slot), context) }
  public mutating func message(_ slot: UInt32, _ stamp: UInt64, _ count: UInt32) -> UInt32 {
    var message = payload(count)
    do throws(Refused) {
      try room.message(&message, from: Sender(slot: Slot(slot), stamp: stamp), context)
    } catch { return refused(error) }
    return 0
  }
  public mutating func tick(_ number: UInt64, _ skipped: UInt32) { room.tick(skipped: skipped, context) }
  public mutating func timer(_ id: UInt32, _ count: UInt32) {
    var payload = payload(count)
    room.timer(TimerID(id), &payload, context)
  }
  /// `slot` -1: for everybody.
  public func describe(_ slot: Int32) {
    var state = Writer()
    room.describe(for: slot < 0 ? nil : Slot(UInt32(slot)), &state)
    context.state(state)
  }
  /// 1: something is wrong, and the state output says what.
  public func check() -> UInt32 {
    guard let complaint = room.check() else { return 0 }
    var text = Writer()
    text.raw(Array(complaint.utf8))
    context.state(text)
    return 1
  }
  /// The fixed structure of docs/room-abi.md, made anew at each call.
  public func settings() -> UnsafeMutableRawPointer {
    let settings = R.settings
    let words: [UInt32] = [24, settings.hz, settings.members, settings.ticksWhenEmpty ? 1 : 0, settings.memoryKiB, 0]
    let made = UnsafeMutableRawPointer.allocate(byteCount: 24, alignment: 4)
    for (index, word) in words.enumerated() {
      made.storeBytes(of: word.littleEndian, toByteOffset: index * 4, as: UInt32.self)
    }
    return made
  }

  func refused(_ refusal: Refused) -> UInt32 {
    context.refuse(refusal.reason)
    return 1
  }
}
