// The plain functions of docs/room-abi.md around a Swift room.

enum Exports {
  /// Swift source to be compiled with the module's. A WebAssembly instance has one thread: `hosted` is unsafe for that
  /// reason.
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
    @_expose(wasm, "oneup_answered") @_cdecl("oneup_answered")
    func exportedAnswered(_ id: UInt32, _ outcome: UInt32, _ count: UInt32) { hosted.answered(id, outcome, count) }
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

  /// The same for a native module: one library, many rooms, so each function is given the room first.
  static func nativeSource(room: String) -> String {
    """
    // Made by `oneup build --native`.
    import OneUpRoom

    private typealias Place = UnsafeMutablePointer<Hosted<\(room)>>
    private func place(_ room: UnsafeMutableRawPointer) -> Place { room.assumingMemoryBound(to: Hosted<\(room)>.self) }

    @_cdecl("oneup_abi") public func exportedABI() -> UInt32 { roomABIVersion }
    @_cdecl("oneup_make") public func exportedMake(_ host: UnsafeRawPointer) -> UnsafeMutableRawPointer {
      let made = Place.allocate(capacity: 1)
      made.initialize(to: Hosted<\(room)>(host: host))
      return UnsafeMutableRawPointer(made)
    }
    @_cdecl("oneup_free") public func exportedFree(_ room: UnsafeMutableRawPointer) {
      place(room).pointee.release()
      place(room).deinitialize(count: 1)
      place(room).deallocate()
    }

    """ + nativeCalls.map { $0.swift }.joined(separator: "\n") + "\n"
  }

  private struct Call {
    var name: String
    var parameters: [String] = []
    var result: String?
    var swift: String {
      let list = parameters.enumerated().map { ", _ p\($0): \($1)" }.joined()
      let arguments = parameters.indices.map { "p\($0)" }.joined(separator: ", ")
      return """
        @_cdecl("oneup_\(name)") public func exported_\(name)(_ room: UnsafeMutableRawPointer\(list))\
        \(result.map { " -> " + $0 } ?? "") { place(room).pointee.\(name)(\(arguments)) }
        """
    }
  }
  private static let nativeCalls = [
    Call(name: "settings", result: "UnsafeMutableRawPointer"),
    Call(name: "buffer", parameters: ["UInt32"], result: "UnsafeMutableRawPointer"),
    Call(name: "create", parameters: ["UInt32"], result: "UInt32"),
    Call(name: "join", parameters: ["UInt32", "UInt32"], result: "UInt32"),
    Call(name: "leave", parameters: ["UInt32", "UInt32"]), Call(name: "suspended", parameters: ["UInt32"]),
    Call(name: "returned", parameters: ["UInt32"]),
    Call(name: "message", parameters: ["UInt32", "UInt64", "UInt32"], result: "UInt32"),
    Call(name: "tick", parameters: ["UInt64", "UInt32"]), Call(name: "timer", parameters: ["UInt32", "UInt32"]),
    Call(name: "describe", parameters: ["Int32"]), Call(name: "check", result: "UInt32"),
    Call(name: "signal", parameters: ["UInt32"], result: "UInt32"),
    Call(name: "answered", parameters: ["UInt32", "UInt32", "UInt32"]), Call(name: "json"), Call(name: "schema"),
    Call(name: "save"), Call(name: "restore", parameters: ["UInt32"], result: "UInt32"),
  ]
}
