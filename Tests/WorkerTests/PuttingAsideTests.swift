import Core
import Testing
import Wire
import WorkerCore
import WorkerStore

/// Calls that are no events, of code that may kill its worker.
@Suite struct PuttingAsideTests {
  /// A room with three events and a member.
  private func room() throws -> WorkerScript {
    let script = try WorkerScript()
    script.faults.isNative = true
    let route = script.join(1)
    try script.turn()
    script.send(route, 1)
    try script.turn()
    return script
  }
  private func build(_ script: WorkerScript) throws -> ModuleHash {
    try #require(script.worker.room(script.room())?.host?.module)
  }

  /// Two owners die in it, the second one as the first thing that it does; then a third one comes.
  private func die(_ script: WorkerScript, at suspect: Suspect, _ call: NotedCall) throws {
    BlackBoxView(script.box).enter(suspect, to: nil)
    script.box.isFrozen = true
    let box = script.box
    script.faults.atOther = { if $0 == call { box.isFrozen = true } }
    try script.nextOwner()
    #expect(box.isFrozen, "the second owner tries it")
    script.faults.atOther = { #expect($0 != call, "nobody tries it again") }
    try script.nextOwner()
  }
  private func putAside(_ script: WorkerScript) -> (call: NotedCall, bundle: CrashBundle)? {
    for case .putAside(_, let call, _, let bundle) in script.worker.reports { return (call, bundle) }
    return nil
  }

  @Test func aFullStateThatKillsFreezesTheRoom() throws {
    let script = try room()
    try die(script, at: Suspect(room: script.room(), .describe, of: try build(script)), .describe)
    try script.turn()
    #expect(script.worker.room(script.room())?.host?.frozen == .kills)
    let (call, bundle) = try #require(putAside(script))
    let module = try build(script)
    #expect(call == .describe && bundle.fault.kind == .death && bundle.module == module)
    let read = try bundle.encode().withUnsafeBytes { try CrashBundle($0) }
    #expect(read == bundle && read.call == .describe && !read.tail.isEmpty)
    _ = script.heard()
    script.attach(1, generation: 2)
    try script.turn()
    let heard = script.heard().joined(separator: "; ")
    #expect(heard.contains("attached") && !heard.contains("state"), "\(heard)")
    try script.nextOwner()
    script.attach(1, generation: 3)
    try script.turn()
    #expect(script.worker.room(script.room())?.phase == .ready && script.operations() == 1)
  }

  @Test func aSaveThatKillsStopsTheRoomForLaterOwnersToo() throws {
    let script = try room()
    try die(script, at: Suspect(room: script.room(), .save, of: try build(script)), .save)
    #expect(script.worker.room(script.room())?.phase == .stopped)
    #expect(putAside(script)?.call == .save)
    try script.turn()
    try script.nextOwner()
    try script.turn()
    #expect(script.worker.room(script.room())?.phase == .stopped, "and nothing of it is called")
    #expect(String(decoding: script.worker.inspect("rooms"), as: UTF8.self).contains(#""frozen":"kills""#))
    #expect(putAside(script) == nil, "it was told before")
    script.join(2, room: "b")
    try script.turn()
    #expect(script.heard().contains { $0.hasPrefix("attached") }, "the others are served")
  }

  @Test func aCheckThatKillsIsNotAskedForAnyMore() throws {
    let script = try room()
    try die(script, at: Suspect(room: script.room(), .check, of: try build(script)), .check)
    let text = String(decoding: script.worker.inspect("room \(script.room())"), as: UTF8.self)
    #expect(text.contains("it killed the worker"), "\(text)")
    #expect(script.worker.room(script.room())?.phase == .ready && script.operations() == 1)
  }

  @Test func aDecidedEventThatKillsStopsTheRoom() throws {
    let script = try room()
    // The last one is undecided, those before it are not.
    try die(script, at: Suspect(room: script.room(), replaying: EventSeq(1)), .replay)
    #expect(script.worker.room(script.room())?.phase == .stopped)
    let bundle = try #require(putAside(script)?.bundle)
    #expect(bundle.moduleName == "tally" && bundle.key == "a" && !bundle.tail.isEmpty)
  }

  @Test func whatIsConfinedIsNotNoted() throws {
    let script = try room()
    script.faults.isNative = false
    let box = script.box
    var noted = 0
    script.faults.atOther = { _ in noted += box[4] >> 63 == 1 ? 1 : 0 }
    _ = script.worker.inspect("room \(script.room())")
    _ = script.operations()
    #expect(noted == 0)
    script.faults.isNative = true
    _ = script.worker.inspect("room \(script.room())")
    _ = script.operations()
    #expect(noted == 3 && box[4] == 0, "the readable state, the check, the save")
  }

  @Test func aBundleOfTheFormatBeforeIsRead() throws {
    var bundle = CrashBundle(
      room: RoomID(1), shard: ShardID(2), module: ModuleHash(Array(repeating: 3, count: 32)), moduleName: "tally",
      key: "a", event: EventSeq(4), time: 5, tick: 6, fault: RoomFault(kind: .trap, text: "unreachable"), engine: "e",
      snapshot: [1], tail: [2], culprit: [3])
    var second = bundle.encode()
    second.removeLast()
    second[8] = 2
    #expect(try second.withUnsafeBytes { try CrashBundle($0) } == bundle)
    bundle.call = .carry
    bundle.target = ModuleHash(Array(repeating: 9, count: 32))
    let third = bundle.encode()
    #expect(third[8] == 3)
    #expect(try third.withUnsafeBytes { try CrashBundle($0) } == bundle)
    #expect(throws: DecodingError.self) { try third.dropLast().withUnsafeBytes { try CrashBundle($0) } }
  }

  // MARK: The box

  private let boot = BootID(high: 1, low: 2)
  private func call(_ room: UInt64, _ call: NotedCall = .save) -> Suspect {
    Suspect(room: RoomID(room), call, of: ModuleHash((0..<32).map { $0 + 200 }))
  }

  @Test func theBoxHoldsACallAndWhereTheRoomWasCarried() {
    let box = Box()
    let view = BlackBoxView(box)
    _ = view.takeOver(boot)
    let target = ModuleHash((0..<32).map { $0 * 7 })
    view.enter(Suspect(room: RoomID(9), .carry, of: target), to: target)
    let left = view.takeOver(boot)
    #expect(left.suspect?.call == .carry && left.target == target && left.previous == nil)
    #expect(left.suspect?.isOf(target) == true && left.suspect?.isEvent == false)
    view.enter(RoomID(9), EventSeq(4))
    let next = view.takeOver(boot)
    #expect(next.previous == left.suspect && next.suspect == Suspect(room: RoomID(9), event: EventSeq(4)))
    #expect(next.target == nil)
  }

  @Test func aCallThatReturnsIsNoSecondDeath() {
    let view = BlackBoxView(Box())
    _ = view.takeOver(boot)
    view.enter(call(1), to: nil)
    _ = view.takeOver(boot)
    view.enter(call(1), to: nil)
    view.leave()
    view.enter(call(1), to: nil)
    let left = view.takeOver(boot)
    #expect(left.suspect == call(1) && left.previous == nil)
  }

  @Test func whatIsPutAsideOutlivesProcessesAndNotThePower() {
    let view = BlackBoxView(Box())
    _ = view.takeOver(boot)
    let most = UInt64(Limits.callsPutAsideMax)
    for room in 1...most + 1 { view.putAside(call(room)) }
    view.putAside(call(most))
    #expect(Set(view.takeOver(boot).aside) == Set((2...most + 1).map { call($0) }), "the oldest made place")
    view.forget(RoomID(5))
    #expect(view.takeOver(boot).aside.count == Int(most) - 1)
    #expect(view.takeOver(BootID(high: 1, low: 3)).aside.isEmpty)
    #expect(view.takeOver(BootID(high: 1, low: 3)).aside.isEmpty)
  }

  @Test func aBoxOfTheFormatBeforeIsRead() {
    let box = Box()
    (box[0], box[1], box[2]) = (1, boot.high, boot.low)
    (box[3], box[4], box[5], box[6]) = (7, 12, 7, 12)
    let left = BlackBoxView(box).takeOver(boot)
    #expect(left.suspect == Suspect(room: RoomID(7), event: EventSeq(12)) && left.previous == left.suspect)
    #expect(left.aside.isEmpty && box[0] == 2)
  }
}
