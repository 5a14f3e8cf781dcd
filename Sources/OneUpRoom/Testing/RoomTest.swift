// The test kit: a room in the test's own process, with no server.
#if !arch(wasm32) && !ONEUP_NATIVE

  /// One output of a room under test.
  public struct RoomOutput: Sendable, Equatable {
    public var target: Target
    public var reliable: Bool
    public var bytes: [UInt8]
    /// The message, if it is one of that type.
    public func read<M: Message>(_ type: M.Type) -> M? { decoded(bytes, type) }
  }

  /// The answer to a message: what the room replied, if anything.
  public struct RoomReply: Sendable, Equatable {
    public var bytes: [UInt8]
    public func read<M: Message>(_ type: M.Type) -> M? { decoded(bytes, type) }
  }

  /// What a room asked of another one.
  public struct RoomRequest: Sendable, Equatable {
    public var id: RequestID
    /// To be there; else it is a signal.
    public var opens: Bool
    /// `module/key`.
    public var room: String
    public var bytes: [UInt8]
    /// The signal, or the parameters, if it is one of that type.
    public func read<M: Message>(_ type: M.Type) -> M? { decoded(bytes, type) }
  }

  /// A room with members, a clock and chance that the test holds in its hand.
  public final class RoomTest<R: Room> {
    var hosted: Hosted<R>
    let host: RecordingHost
    var members: Set<UInt32> = []
    private var stamps: UInt64 = 0

    /// Traps where the room's fields or messages cannot be: `oneup build` would say the same.
    public init(seed: UInt64 = 1, parameters: [UInt8] = []) throws(Refused) {
      if let problem = schemaProblem(R.self) { preconditionFailure(problem) }
      host = RecordingHost(seed: seed)
      hosted = Hosted(host: host)
      try decide(parameters) { $0.create($1) }
    }
    /// Nothing but the start state, in a world of its own that is now as the other's is.
    init(like other: RoomTest) {
      host = RecordingHost(like: other.host)
      hosted = Hosted(host: host)
      members = other.members
      stamps = other.stamps
    }
    deinit { hosted.release() }

    /// The room itself, to look at.
    public var room: R { hosted.room }
    /// Puts the room into a state that would take long to play to. In a game only events change it.
    public func set(_ change: (inout R) -> Void) { change(&hosted.room) }
    /// Everything sent since the last time this or `allOutputs` was read, but what the SDK itself says of the state.
    public func outputs() -> [RoomOutput] {
      defer { host.outputs = [] }
      guard hosted.isSynchronised else { return host.outputs }
      return host.outputs.filter { output in !(output.bytes.first.map(SDKMessage.ids.contains) ?? false) }
    }
    /// With the keyframes and changes for clients; a `ClientView` understands them.
    public func allOutputs() -> [RoomOutput] {
      defer { host.outputs = [] }
      return host.outputs
    }
    public var kicked: [(slot: Slot, reason: String)] { host.kicked }
    public var logged: [String] { host.logged }
    public var counts: [String: Int64] { host.counts }
    public var label: String { host.label }
    public var properties: [String: String] { host.properties }
    public var isLocked: Bool { host.isLocked }
    /// Why the room has ended.
    public var ended: String? { host.ended }

    public func join(_ name: String, parameters: [UInt8] = []) throws(Refused) -> Slot {
      var slot: UInt32 = 0
      while members.contains(slot) { slot += 1 }
      var payload = Writer()
      payload.text(name)
      payload.raw(parameters)
      try decide(payload.bytes) { $0.join(slot, $1) }
      members.insert(slot)
      return Slot(slot)
    }
    public func leave(_ slot: Slot, _ reason: LeaveReason = .left) {
      precondition(members.remove(slot.number) != nil, "slot \(slot.number) is not in the room")
      hosted.leave(slot.number, reason.rawValue)
    }
    public func suspend(_ slot: Slot) { hosted.suspended(slot.number) }
    public func `return`(_ slot: Slot) { hosted.returned(slot.number) }

    /// Hands a numbered message in. Throws what the room throws, after making sure that it changed nothing.
    @discardableResult
    public func send<M: Message>(_ message: M, from slot: Slot) throws(Refused) -> RoomReply {
      try send(encoded(message), from: slot)
    }
    /// Hands a fire-and-forget message in.
    public func stream<M: Message>(_ message: M, from slot: Slot) throws(Refused) {
      try stream(encoded(message), from: slot)
    }
    public func stream(_ message: [UInt8], from slot: Slot) throws(Refused) {
      stamps += 1
      try send(message, from: slot, stamp: stamps)
    }
    @discardableResult
    public func send(_ message: Writer, from slot: Slot, stamp: UInt64 = 0) throws(Refused) -> RoomReply {
      try send(message.bytes, from: slot, stamp: stamp)
    }
    @discardableResult
    public func send(_ message: [UInt8], from slot: Slot, stamp: UInt64 = 0) throws(Refused) -> RoomReply {
      try decide(message) { $0.message(slot.number, stamp, $1) }
      return RoomReply(bytes: host.reply ?? [])
    }
    /// What the server's side may say.
    @discardableResult
    public func signal<M: Message>(_ message: M) throws(Refused) -> RoomReply {
      try decide(encoded(message)) { $0.signal($1) }
      return RoomReply(bytes: host.reply ?? [])
    }

    @discardableResult
    public func signal(_ message: [UInt8]) throws(Refused) -> RoomReply {
      try decide(message) { $0.signal($1) }
      return RoomReply(bytes: host.reply ?? [])
    }

    /// What it asked of other rooms and has no answer to, the oldest first.
    public var asked: [RoomRequest] { host.requests }
    /// Tells the room that it was done. The request must be one of `asked`.
    public func answer(_ id: RequestID, _ reply: [UInt8] = []) { answer(id, 0, reply) }
    public func answer<M: Message>(_ id: RequestID, _ reply: M) { answer(id, encoded(reply)) }
    public func answer(_ id: RequestID, refused reason: String) { answer(id, 1, Array(reason.utf8)) }
    public func answer(_ id: RequestID, failed reason: String) { answer(id, 2, Array(reason.utf8)) }
    private func answer(_ id: RequestID, _ outcome: UInt32, _ payload: [UInt8]) {
      guard let at = host.requests.firstIndex(where: { $0.id == id }) else {
        preconditionFailure("request \(id.number) is none that the room waits for")
      }
      host.requests.remove(at: at)
      let count = give(payload)
      hosted.answered(id.number, outcome, count)
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
        let count = give(next.payload)
        hosted.timer(next.id, count)
      }
      host.time = end
    }

    /// What a client is given that comes in now.
    public func describe(for slot: Slot? = nil) -> [UInt8] {
      let before = stateHash
      host.state = []
      hosted.describe(slot.map { Int32($0.number) } ?? -1)
      precondition(stateHash == before, "describe changed the room")
      return host.state
    }
    /// The state in words, as the dashboard shows it.
    public var json: String {
      host.state = []
      hosted.json()
      return String(decoding: host.state, as: UTF8.self)
    }
    /// What `oneup build` puts into the manifest.
    public var schema: String {
      host.state = []
      hosted.schema()
      return String(decoding: host.state, as: UTF8.self)
    }
    /// What the room finds wrong with itself.
    public func check() -> String? { hosted.room.check() }
    /// Of all that is saved. Equal after the same events in the same build; never compare it between builds.
    public var stateHash: UInt64 { hosted.stateHash }

    /// All fields, for a copy or a later build.
    public func saved() -> [UInt8] {
      host.state = []
      hosted.save()
      return host.state
    }
    /// Takes the state of `save`, from whatever build; refused bytes change nothing.
    public func restore(_ saved: [UInt8]) throws(Refused) { try decide(saved) { $0.restore($1) } }

    func give(_ payload: [UInt8]) -> UInt32 {
      let count = UInt32(payload.count)
      let buffer = hosted.buffer(count)
      payload.withUnsafeBytes { bytes in
        if let start = bytes.baseAddress { buffer.copyMemory(from: start, byteCount: bytes.count) }
      }
      return count
    }
    private func decide(
      _ payload: [UInt8], _ event: (inout Hosted<R>, UInt32) -> UInt32
    ) throws(Refused) {
      let count = give(payload)
      host.reply = nil
      host.refusal = nil
      let before = hosted.stateHash
      let outputs = host.outputs.count
      let requests = host.requests
      if event(&hosted, count) == 0 { return }
      let reason = host.refusal ?? "refused without a reason"
      precondition(
        hosted.stateHash == before, "the room refused (\"\(reason)\") after it had changed its state: check first")
      host.outputs.removeSubrange(outputs...)
      host.requests = requests
      throw Refused(reason)
    }
  }

  /// Why the room's fields or messages cannot be, or nil. `oneup build` says the same.
  public func schemaProblem<R: Room>(_ room: R.Type) -> String? {
    let writer = SchemaWriter(path: "messages")
    R.schema(into: writer)
    return writer.problem
  }

  func encoded<M: Message>(_ message: M) -> [UInt8] {
    var message = message
    let out = Buffer()
    out.byte(M.id)
    var coder = Encoder(out, all: false)
    message.fields(&coder)
    return withExtendedLifetime(out) { Array(out.bytes) }
  }
  private func decoded<M: Message>(_ bytes: [UInt8], _ type: M.Type) -> M? {
    bytes.withUnsafeBytes { try? Incoming($0, from: .room).read(type) } ?? nil
  }
#endif
