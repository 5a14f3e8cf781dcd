// The plain functions of docs/room-abi.md around a Swift room.

enum Exports {
  /// Swift source to be compiled with the module's.
  static func source(room: String) -> String {
    """
    // Made by `oneup build`.
    import OneUpRoom

    nonisolated(unsafe) private var hosted = Hosted<\(room)>()

    @_expose(wasm, "oneup_abi") @_cdecl("oneup_abi")
    func exportedABI() -> UInt32 { roomABIVersion }
    @_expose(wasm, "oneup_settings") @_cdecl("oneup_settings")
    func exportedSettings() -> UnsafeMutableRawPointer { hosted.settings() }
    @_expose(wasm, "oneup_buffer") @_cdecl("oneup_buffer")
    func exportedBuffer(_ count: UInt32) -> UnsafeMutableRawPointer { hosted.buffer(count) }
    @_expose(wasm, "oneup_create") @_cdecl("oneup_create")
    func exportedCreate(_ count: UInt32) -> UInt32 { hosted.create(count) }
    @_expose(wasm, "oneup_join") @_cdecl("oneup_join")
    func exportedJoin(_ slot: UInt32, _ count: UInt32) -> UInt32 { hosted.join(slot, count) }
    @_expose(wasm, "oneup_leave") @_cdecl("oneup_leave")
    func exportedLeave(_ slot: UInt32, _ reason: UInt32) { hosted.leave(slot, reason) }
    @_expose(wasm, "oneup_suspended") @_cdecl("oneup_suspended")
    func exportedSuspended(_ slot: UInt32) { hosted.suspended(slot) }
    @_expose(wasm, "oneup_returned") @_cdecl("oneup_returned")
    func exportedReturned(_ slot: UInt32) { hosted.returned(slot) }
    @_expose(wasm, "oneup_message") @_cdecl("oneup_message")
    func exportedMessage(_ slot: UInt32, _ stamp: UInt64, _ count: UInt32) -> UInt32 { hosted.message(slot, stamp, count) }
    @_expose(wasm, "oneup_tick") @_cdecl("oneup_tick")
    func exportedTick(_ number: UInt64, _ skipped: UInt32) { hosted.tick(number, skipped) }
    @_expose(wasm, "oneup_timer") @_cdecl("oneup_timer")
    func exportedTimer(_ id: UInt32, _ count: UInt32) { hosted.timer(id, count) }
    @_expose(wasm, "oneup_describe") @_cdecl("oneup_describe")
    func exportedDescribe(_ slot: Int32) { hosted.describe(slot) }
    @_expose(wasm, "oneup_check") @_cdecl("oneup_check")
    func exportedCheck() -> UInt32 { hosted.check() }
    @_expose(wasm, "oneup_signal") @_cdecl("oneup_signal")
    func exportedSignal(_ count: UInt32) -> UInt32 { hosted.signal(count) }
    @_expose(wasm, "oneup_json") @_cdecl("oneup_json")
    func exportedJSON() { hosted.json() }
    @_expose(wasm, "oneup_schema") @_cdecl("oneup_schema")
    func exportedSchema() { hosted.schema() }
    @_expose(wasm, "oneup_save") @_cdecl("oneup_save")
    func exportedSave() { hosted.save() }
    @_expose(wasm, "oneup_restore") @_cdecl("oneup_restore")
    func exportedRestore(_ count: UInt32) -> UInt32 { hosted.restore(count) }

    """
  }
}
