// The server's side of a room inside the sandbox: docs/room-abi.md names each of these.
#if arch(wasm32)
  @_extern(wasm, module: "oneup", name: "send") @_extern(c)
  func oneup_send(_ kind: UInt32, _ slot: UInt32, _ reliable: UInt32, _ at: UnsafeRawPointer?, _ count: UInt32)
  @_extern(wasm, module: "oneup", name: "send_to") @_extern(c)
  func oneup_send_to(
    _ slots: UnsafeRawPointer?, _ slotCount: UInt32, _ reliable: UInt32, _ at: UnsafeRawPointer?, _ count: UInt32)
  @_extern(wasm, module: "oneup", name: "count") @_extern(c)
  func oneup_count(_ at: UnsafeRawPointer?, _ count: UInt32, _ amount: Int64)
  @_extern(wasm, module: "oneup", name: "label") @_extern(c)
  func oneup_label(_ at: UnsafeRawPointer?, _ count: UInt32)
  @_extern(wasm, module: "oneup", name: "property") @_extern(c)
  func oneup_property(_ at: UnsafeRawPointer?, _ count: UInt32)
  @_extern(wasm, module: "oneup", name: "lock") @_extern(c)
  func oneup_lock(_ locked: UInt32)
  @_extern(wasm, module: "oneup", name: "end") @_extern(c)
  func oneup_end(_ at: UnsafeRawPointer?, _ count: UInt32)
  @_extern(wasm, module: "oneup", name: "ask") @_extern(c)
  func oneup_ask(
    _ kind: UInt32, _ room: UnsafeRawPointer?, _ roomCount: UInt32, _ at: UnsafeRawPointer?, _ count: UInt32
  ) -> UInt32
  @_extern(wasm, module: "oneup", name: "reply") @_extern(c)
  func oneup_reply(_ at: UnsafeRawPointer?, _ count: UInt32)
  @_extern(wasm, module: "oneup", name: "refuse") @_extern(c)
  func oneup_refuse(_ at: UnsafeRawPointer?, _ count: UInt32)
  @_extern(wasm, module: "oneup", name: "random") @_extern(c)
  func oneup_random() -> UInt64
  @_extern(wasm, module: "oneup", name: "after") @_extern(c)
  func oneup_after(_ milliseconds: UInt64, _ at: UnsafeRawPointer?, _ count: UInt32) -> UInt32
  @_extern(wasm, module: "oneup", name: "cancel") @_extern(c)
  func oneup_cancel(_ timer: UInt32)
  @_extern(wasm, module: "oneup", name: "kick") @_extern(c)
  func oneup_kick(_ slot: UInt32, _ at: UnsafeRawPointer?, _ count: UInt32)
  @_extern(wasm, module: "oneup", name: "log") @_extern(c)
  func oneup_log(_ level: UInt32, _ at: UnsafeRawPointer?, _ count: UInt32)
  @_extern(wasm, module: "oneup", name: "time") @_extern(c)
  func oneup_time() -> Int64
  @_extern(wasm, module: "oneup", name: "tick") @_extern(c)
  func oneup_now_tick() -> UInt64
  @_extern(wasm, module: "oneup", name: "state") @_extern(c)
  func oneup_state(_ at: UnsafeRawPointer?, _ count: UInt32)

  @_extern(c, "oneup_wipe")
  func oneup_wipe(_ at: UnsafeMutableRawPointer, _ count: Int)

  extension Context {
    func hostSend(_ kind: UInt32, _ slot: UInt32, _ reliable: Bool, _ bytes: UnsafeRawBufferPointer) {
      oneup_send(kind, slot, reliable ? 1 : 0, bytes.baseAddress, UInt32(bytes.count))
    }
    /// `slots`: 32-bit numbers.
    func hostSendTo(_ slots: UnsafeRawBufferPointer, _ reliable: Bool, _ bytes: UnsafeRawBufferPointer) {
      oneup_send_to(
        slots.baseAddress, UInt32(slots.count / 4), reliable ? 1 : 0, bytes.baseAddress, UInt32(bytes.count))
    }
    func hostCount(_ name: UnsafeRawBufferPointer, _ amount: Int64) {
      oneup_count(name.baseAddress, UInt32(name.count), amount)
    }
    func hostLabel(_ text: UnsafeRawBufferPointer) { oneup_label(text.baseAddress, UInt32(text.count)) }
    func hostProperty(_ text: UnsafeRawBufferPointer) { oneup_property(text.baseAddress, UInt32(text.count)) }
    func hostLock(_ locked: Bool) { oneup_lock(locked ? 1 : 0) }
    func hostEnd(_ reason: UnsafeRawBufferPointer) { oneup_end(reason.baseAddress, UInt32(reason.count)) }
    func hostReply(_ bytes: UnsafeRawBufferPointer) { oneup_reply(bytes.baseAddress, UInt32(bytes.count)) }
    func hostRefuse(_ bytes: UnsafeRawBufferPointer) { oneup_refuse(bytes.baseAddress, UInt32(bytes.count)) }
    func hostRandom() -> UInt64 { oneup_random() }
    func hostAfter(_ milliseconds: UInt64, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
      oneup_after(milliseconds, bytes.baseAddress, UInt32(bytes.count))
    }
    func hostCancel(_ timer: UInt32) { oneup_cancel(timer) }
    func hostKick(_ slot: UInt32, _ bytes: UnsafeRawBufferPointer) {
      oneup_kick(slot, bytes.baseAddress, UInt32(bytes.count))
    }
    func hostLog(_ level: UInt32, _ bytes: UnsafeRawBufferPointer) {
      oneup_log(level, bytes.baseAddress, UInt32(bytes.count))
    }
    func hostAsk(_ kind: UInt32, _ room: UnsafeRawBufferPointer, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
      oneup_ask(kind, room.baseAddress, UInt32(room.count), bytes.baseAddress, UInt32(bytes.count))
    }
    func hostTime() -> Int64 { oneup_time() }
    func hostTick() -> UInt64 { oneup_now_tick() }
    func hostState(_ bytes: UnsafeRawBufferPointer) { oneup_state(bytes.baseAddress, UInt32(bytes.count)) }
  }
#endif
