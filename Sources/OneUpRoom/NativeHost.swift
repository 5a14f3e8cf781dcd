// The server's side of a room that is machine code in the server's own process: docs/room-abi.md, "Native".
#if ONEUP_NATIVE
  /// `struct oneup_host`: each function is given `context` first.
  struct HostTable {
    typealias Bytes = UnsafeRawPointer?
    typealias Engine = UnsafeMutableRawPointer?
    var context: Engine
    var send: @convention(c) (Engine, UInt32, UInt32, UInt32, Bytes, UInt32) -> Void
    var sendTo: @convention(c) (Engine, Bytes, UInt32, UInt32, Bytes, UInt32) -> Void
    var reply: @convention(c) (Engine, Bytes, UInt32) -> Void
    var refuse: @convention(c) (Engine, Bytes, UInt32) -> Void
    var random: @convention(c) (Engine) -> UInt64
    var after: @convention(c) (Engine, UInt64, Bytes, UInt32) -> UInt32
    var cancel: @convention(c) (Engine, UInt32) -> Void
    var kick: @convention(c) (Engine, UInt32, Bytes, UInt32) -> Void
    var count: @convention(c) (Engine, Bytes, UInt32, Int64) -> Void
    var label: @convention(c) (Engine, Bytes, UInt32) -> Void
    var property: @convention(c) (Engine, Bytes, UInt32) -> Void
    var lock: @convention(c) (Engine, UInt32) -> Void
    var end: @convention(c) (Engine, Bytes, UInt32) -> Void
    var log: @convention(c) (Engine, UInt32, Bytes, UInt32) -> Void
    var time: @convention(c) (Engine) -> Int64
    var tick: @convention(c) (Engine) -> UInt64
    var state: @convention(c) (Engine, Bytes, UInt32) -> Void
    var ask: @convention(c) (Engine, UInt32, Bytes, UInt32, Bytes, UInt32) -> UInt32
  }

  extension Context {
    private var host: HostTable {
      @inline(__always) unsafeAddress { desk.host }
    }
    func hostSend(_ kind: UInt32, _ slot: UInt32, _ reliable: Bool, _ bytes: UnsafeRawBufferPointer) {
      host.send(host.context, kind, slot, reliable ? 1 : 0, bytes.baseAddress, UInt32(bytes.count))
    }
    /// `slots`: 32-bit numbers.
    func hostSendTo(_ slots: UnsafeRawBufferPointer, _ reliable: Bool, _ bytes: UnsafeRawBufferPointer) {
      host.sendTo(
        host.context, slots.baseAddress, UInt32(slots.count / 4), reliable ? 1 : 0, bytes.baseAddress,
        UInt32(bytes.count))
    }
    func hostCount(_ name: UnsafeRawBufferPointer, _ amount: Int64) {
      host.count(host.context, name.baseAddress, UInt32(name.count), amount)
    }
    func hostLabel(_ text: UnsafeRawBufferPointer) { host.label(host.context, text.baseAddress, UInt32(text.count)) }
    func hostProperty(_ text: UnsafeRawBufferPointer) {
      host.property(host.context, text.baseAddress, UInt32(text.count))
    }
    func hostLock(_ locked: Bool) { host.lock(host.context, locked ? 1 : 0) }
    func hostEnd(_ reason: UnsafeRawBufferPointer) { host.end(host.context, reason.baseAddress, UInt32(reason.count)) }
    func hostReply(_ bytes: UnsafeRawBufferPointer) { host.reply(host.context, bytes.baseAddress, UInt32(bytes.count)) }
    func hostRefuse(_ bytes: UnsafeRawBufferPointer) {
      host.refuse(host.context, bytes.baseAddress, UInt32(bytes.count))
    }
    func hostRandom() -> UInt64 { host.random(host.context) }
    func hostAfter(_ milliseconds: UInt64, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
      host.after(host.context, milliseconds, bytes.baseAddress, UInt32(bytes.count))
    }
    func hostCancel(_ timer: UInt32) { host.cancel(host.context, timer) }
    func hostKick(_ slot: UInt32, _ bytes: UnsafeRawBufferPointer) {
      host.kick(host.context, slot, bytes.baseAddress, UInt32(bytes.count))
    }
    func hostLog(_ level: UInt32, _ bytes: UnsafeRawBufferPointer) {
      host.log(host.context, level, bytes.baseAddress, UInt32(bytes.count))
    }
    func hostAsk(_ kind: UInt32, _ room: UnsafeRawBufferPointer, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
      host.ask(
        host.context, kind, room.baseAddress, UInt32(room.count), bytes.baseAddress, UInt32(bytes.count))
    }
    func hostTime() -> Int64 { host.time(host.context) }
    func hostTick() -> UInt64 { host.tick(host.context) }
    func hostState(_ bytes: UnsafeRawBufferPointer) { host.state(host.context, bytes.baseAddress, UInt32(bytes.count)) }
  }
#endif
