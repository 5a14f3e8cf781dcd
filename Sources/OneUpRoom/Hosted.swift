// Between the plain calls of the room interface and a `Room`.

/// The version of the interface in docs/room-abi.md that this SDK speaks.
public let roomABIVersion: UInt32 = 1

/// A room, its desk and its input buffer. The exports that the builder generates call these functions; so does the test
/// kit. A return value of 1 says refused, 0 done.
public struct Hosted<R: Room> {
  public var room = R()
  let desk: Desk
  /// Whether clients see any of the room's fields; else the room describes itself.
  let isSynchronised: Bool
  private let hz: UInt32
  private var input: UnsafeMutableRawPointer?
  private var capacity: UInt32 = 0

  #if arch(wasm32)
    public init() { self.init(desk: Desk()) }
  #elseif ONEUP_NATIVE
    /// `host`: the server's table of functions, which outlives the room.
    public init(host: UnsafeRawPointer) { self.init(desk: Desk(host: host.assumingMemoryBound(to: HostTable.self))) }
  #else
    init(host: RecordingHost) { self.init(desk: Desk(host: host)) }
  #endif
  private init(desk: Desk) {
    self.desk = desk
    hz = R.settings.hz
    var counting = CountingCoder()
    room.fields(&counting)
    isSynchronised = counting.count > 0
  }
  var context: Context { Context(desk: desk, hz: hz, tickNumber: nil) }
  var ticks: Bool { hz > 0 }

  /// Where the host writes the next payload, up to `count` bytes. Asking again for no more than before changes nothing.
  public mutating func buffer(_ count: UInt32) -> UnsafeMutableRawPointer {
    if let input, count <= capacity { return input }
    // Payloads of all sizes come and go; a saved state comes once, and its place is given back.
    var size: UInt32 = 1024
    while size < count, size < 65_536 { size = size << 1 }
    if size < count { size = (count + 65_535) & ~65_535 }
    input?.deallocate()
    let made = UnsafeMutableRawPointer.allocate(byteCount: Int(size), alignment: 16)
    made.initializeMemory(as: UInt8.self, repeating: 0, count: Int(size))
    input = made
    capacity = size
    return made
  }
  /// Gives the buffer back, and leaves nothing of what was in it: a page of zeros is no part of a room's image.
  public mutating func release() {
    guard let input else { return }
    #if arch(wasm32)
      oneup_wipe(input, Int(capacity))
    #endif
    input.deallocate()
    self.input = nil
    capacity = 0
  }

  private func payload(_ count: UInt32) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: input, count: input == nil ? 0 : Int(count))
  }

  public mutating func create(_ count: UInt32) -> UInt32 {
    desk.parameters = payload(count)
    do throws(Refused) { try room.create(context) } catch { return refused(error) }
    afterEvent()
    return 0
  }
  public mutating func join(_ slot: UInt32, _ count: UInt32) -> UInt32 {
    var payload = Reader(payload(count))
    do throws(Refused) {
      let member = Member(slot: Slot(slot), name: try payload.text())
      desk.parameters = payload.rest()
      try room.join(member, context)
      desk.sit(member)
    } catch { return refused(error) }
    afterEvent()
    return 0
  }
  public mutating func leave(_ slot: UInt32, _ reason: UInt32) {
    let member = desk.member(Slot(slot))
    desk.rise(member.slot)
    desk.reason = LeaveReason(rawValue: reason) ?? .left
    room.forget(member.slot)
    room.leave(member, context)
    afterEvent()
  }
  public mutating func suspended(_ slot: UInt32) {
    room.suspended(desk.member(Slot(slot)), context)
    afterEvent()
  }
  public mutating func returned(_ slot: UInt32) {
    room.returned(desk.member(Slot(slot)), context)
    afterEvent()
  }
  public mutating func message(_ slot: UInt32, _ stamp: UInt64, _ count: UInt32) -> UInt32 {
    let slot = Slot(slot)
    do throws(Refused) {
      try room.message(Incoming(payload(count), stamp: stamp), from: desk.member(slot), context)
    } catch { return refused(error) }
    desk.stamped(slot, stamp)
    afterEvent()
    return 0
  }
  public mutating func signal(_ count: UInt32) -> UInt32 {
    do throws(Refused) { try room.signal(Incoming(payload(count)), context) } catch { return refused(error) }
    afterEvent()
    return 0
  }
  public mutating func tick(_ number: UInt64, _ skipped: UInt32) {
    desk.skipped = skipped
    let context = Context(desk: desk, hz: hz, tickNumber: number)
    room.tick(context)
    afterTick(context)
  }
  public mutating func timer(_ id: UInt32, _ count: UInt32) {
    room.timer(Incoming(payload(count), from: .room, timer: id), context)
    afterEvent()
  }

  public mutating func answered(_ id: UInt32, _ outcome: UInt32, _ count: UInt32) {
    room.answered(Answer(id, outcome, payload(count)), context)
    afterEvent()
  }

  /// 1: something is wrong, and the state output says what.
  public func check() -> UInt32 {
    guard var complaint = room.check() else { return 0 }
    complaint.withUTF8 { context.hostState(UnsafeRawBufferPointer($0)) }
    return 1
  }
  /// The fixed structure of docs/room-abi.md, made anew at each call.
  public func settings() -> UnsafeMutableRawPointer {
    let words = R.settings.words
    let made = UnsafeMutableRawPointer.allocate(byteCount: words.count * 4, alignment: 4)
    for (index, word) in words.enumerated() {
      made.storeBytes(of: word.littleEndian, toByteOffset: index * 4, as: UInt32.self)
    }
    return made
  }

  private func refused(_ refusal: Refused) -> UInt32 {
    context.refuse(refusal.reason)
    return 1
  }
  mutating func input(_ count: UInt32) -> UnsafeRawBufferPointer { payload(count) }
}
