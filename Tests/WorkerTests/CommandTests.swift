// Commands of the game's own backend, and rooms that are locked, dressed, ended and dropped.
import Core
import Simulation
import Testing
import Wire
import WorkerCore

extension WorkerScript {
  func command(_ request: UInt32, to other: Int? = nil, _ body: () -> RoomCommand) {
    say(.command(request: request, body()), to: other)
  }
  /// With the buffers of these texts.
  func signal(
    _ request: UInt32, _ operation: UInt64, key: String, _ command: ScriptedCommand = .append, to other: Int? = nil,
    room: String = "a"
  ) {
    var payload = [command.rawValue]
    payload.put(operation)
    borrow(["tally", room, key]) { texts in
      payload.withUnsafeBytes { payload in
        self.command(request, to: other) {
          .signal(module: texts[0], key: texts[1], idempotencyKey: texts[2], payload: payload)
        }
      }
    }
  }
  func create(_ request: UInt32, room: String = "a", module: String = "tally", parameters: [UInt8] = []) {
    borrow([module, room]) { texts in
      parameters.withUnsafeBytes { parameters in
        self.command(request) { .create(module: texts[0], key: texts[1], parameters: parameters) }
      }
    }
  }
  func end(_ request: UInt32, _ room: RoomID, _ reason: String = "closed") {
    borrow([reason]) { texts in self.command(request) { .end(room, reason: texts[0]) } }
  }
  func kick(_ request: UInt32, _ slot: UInt32, _ reason: String) {
    borrow([reason]) { texts in self.command(request) { .kick(self.room(), Slot(slot), reason: texts[0]) } }
  }
  private func borrow(_ texts: [String], _ body: ([UnsafeRawBufferPointer]) -> Void) {
    let bytes = texts.map { Array($0.utf8) }
    func next(_ i: Int, _ given: [UnsafeRawBufferPointer]) {
      if i == bytes.count { return body(given) }
      bytes[i].withUnsafeBytes { next(i + 1, given + [$0]) }
    }
    next(0, [])
  }
  func answers() -> [String] { heard().filter { $0.hasPrefix("commanded") } }
  func done(_ request: UInt32, _ reply: [UInt8] = [], room: String = "a") -> String {
    "commanded \(request) \(CommandAnswer.done(self.room(room), reply: reply))"
  }
}

struct CommandTests {
  private static func reply(_ operation: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.put(operation)
    return bytes
  }

  @Test func aRoomIsMadeOnce() throws {
    let script = try WorkerScript()
    script.create(1)
    #expect(script.answers() == [], "not before it is durable")
    try script.turn()
    #expect(script.answers() == [script.done(1)])
    script.create(2)
    #expect(script.answers() == [script.done(2)])
    script.create(3, room: "b", module: "nothing")
    #expect(script.answers() == ["commanded 3 \(CommandAnswer.refused("no module 'nothing' is loaded"))"])
    script.create(4, room: "c", parameters: [ScriptedCommand.trap.rawValue])
    for _ in 0..<3 { try script.turn() }
    #expect(script.answers() == ["commanded 4 failed(\"creating the room made its code fail\")"])
  }

  @Test func aSignalRunsOnceForItsKey() throws {
    let script = try WorkerScript()
    script.signal(1, 5, key: "k")
    #expect(script.answers() == ["commanded 1 notFound"])
    script.create(2)
    try script.turn()
    script.signal(3, 5, key: "k")
    // While the first is on its way.
    script.signal(4, 5, key: "k")
    try script.turn()
    #expect(script.answers() == [script.done(2), script.done(3, Self.reply(5)), script.done(4, Self.reply(5))])
    script.signal(5, 5, key: "k")
    #expect(script.answers() == [script.done(5, Self.reply(5))])
    script.signal(6, 6, key: "l", .refuse)
    try script.turn()
    script.signal(7, 6, key: "l", .refuse)
    #expect(script.answers() == ["commanded 6 refused(\"no\")", "commanded 7 refused(\"no\")"])
    script.signal(8, 7, key: "m", .flood)
    for _ in 0..<3 { try script.turn() }
    #expect(script.answers() == ["commanded 8 \(CommandAnswer.failed("it made the room's code fail and was undone"))"])
    script.signal(9, 1, key: "")
    #expect(script.answers().first?.hasPrefix("commanded 9 refused") == true)
    try script.nextOwner()
    try script.turn()
    script.signal(10, 5, key: "k")
    #expect(script.answers() == [script.done(10, Self.reply(5))])
  }

  @Test func answersAreForgottenTheOldestFirst() throws {
    let script = try WorkerScript()
    script.create(1)
    try script.turn()
    for i in 0..<UInt64(Limits.signalAnswersMax + 1) {
      script.signal(2, i, key: "k\(i)")
      try script.turn()
    }
    _ = script.answers()
    script.signal(3, 1, key: "k1")
    #expect(script.answers() == [script.done(3, Self.reply(1))])
    script.signal(4, 0, key: "k0")
    #expect(script.answers() == [], "it runs again")
    try script.turn()
    #expect(script.worker.room(script.room())?.host?.signals.count == Limits.signalAnswersMax)
  }

  @Test func whoHangsUpIsNotAnswered() throws {
    let script = try WorkerScript()
    script.create(1)
    try script.turn()
    _ = script.answers()
    let control = script.worker.openLink()
    script.signal(7, 5, key: "k", to: control)
    script.worker.closeLink(control)
    // Its place is used again.
    #expect(script.worker.openLink() == control)
    try script.turn()
    #expect(!script.heard(control).contains { $0.hasPrefix("commanded") })
    #expect(script.worker.room(script.room())?.host?.signals.count == 1)
  }

  @Test func kicksAndLocks() throws {
    let script = try WorkerScript()
    script.join(1)
    try script.turn()
    _ = script.heard()
    script.kick(1, 9, "who?")
    #expect(script.answers() == ["commanded 1 notFound"])
    script.kick(2, 0, "be kind")
    try script.turn()
    #expect(script.heard() == ["ack 0", "gone 0 true kicked: be kind", script.done(2)])
    script.command(3) { .lock(script.room(), true) }
    try script.turn()
    #expect(script.answers() == [script.done(3)])
    script.join(2)
    #expect(script.heard() == ["refused locked: the room is locked: it takes no new members"])
    try script.nextOwner()
    script.join(2)
    #expect(script.heard().last == "refused locked: the room is locked: it takes no new members")
    script.command(4) { .lock(script.room(), false) }
    try script.turn()
    script.join(2)
    try script.turn()
    #expect(script.heard().contains("attached next 1"))
  }

  @Test func anEndedRoomAnswersForItselfAndIsDropped() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    script.send(route, 1, .end)
    try script.turn()
    // Not before it is over.
    script.join(2)
    #expect(script.heard().contains { $0.hasPrefix("refused busy") })
    try script.turn()
    #expect(script.heard() == ["ack 1", "gone 1 true ended: ended: the game is over"])
    script.join(2)
    #expect(script.heard() == ["refused ended: ended: the game is over"])
    script.attach(1, generation: 2)
    try script.turn()
    #expect(script.heard() == ["gone 1 true ended: ended: the game is over"])
    script.signal(1, 1, key: "k")
    #expect(script.answers() == ["commanded 1 refused(\"ended: the game is over\")"])
    script.create(2)
    #expect(script.answers() == ["commanded 2 refused(\"ended: the game is over\")"])
    // It sleeps, and is known to the next owner.
    for _ in 0..<100 { try script.turn(after: 1_000) }
    #expect(script.worker.room(script.room())?.phase == .asleep)
    try script.nextOwner()
    try script.turn()
    script.join(3)
    #expect(script.heard().contains("refused ended: ended: the game is over"))
    for _ in 0..<600 { try script.turn(after: 1_000) }
    #expect(script.worker.room(script.room()) == nil)
    try script.nextOwner()
    try script.turn()
    #expect(script.worker.room(script.room()) == nil)
    _ = script.heard()
    script.join(3)
    try script.turn()
    #expect(script.heard() == ["attached next 1"])
    #expect(script.operations() == 0)
    try script.nextOwner()
    try script.turn()
    #expect(script.operations() == 0)
  }

  @Test func aCommandEndsARoom() throws {
    let script = try WorkerScript()
    script.join(1)
    try script.turn()
    _ = script.heard()
    script.end(1, script.room())
    try script.turn()
    #expect(script.heard() == ["ack 0", "gone 0 true ended: ended: closed", script.done(1)])
    script.end(2, script.room())
    #expect(script.answers() == [script.done(2)])
    script.end(3, RoomID(77))
    #expect(script.answers() == ["commanded 3 notFound"])
  }

  @Test func whatARoomSaysOfItselfIsSeen() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    script.send(route, 1, .dress)
    script.send(route, 2, .trap)
    for _ in 0..<3 { try script.turn() }
    let rooms = String(decoding: script.worker.inspect("rooms"), as: UTF8.self)
    #expect(rooms.contains(#""label":"the arena","locked":false,"properties":{"mode":"duel"},"ended":null"#))
    let room = String(decoding: script.worker.inspect("room \(script.room())"), as: UTF8.self)
    #expect(room.contains(#""membersList":[{"slot":0,"name":"ann","session":"000001","attached":true"#))
    #expect(room.contains(#""kind":"input","slot":0"#))
    #expect(room.contains(#""fault":"trap""#))
    #expect(room.hasSuffix(#""state":null}"#))
    #expect(
      String(decoding: script.worker.inspect("counters"), as: UTF8.self).contains(#""modules":{"tally":{"dresses":2}}"#)
    )
    #expect(script.worker.inspect("room 77") == Array("null".utf8))
    try script.nextOwner()
    try script.turn()
    let again = String(decoding: script.worker.inspect("rooms"), as: UTF8.self)
    #expect(again.contains(#""label":"the arena""#))
    #expect(
      String(decoding: script.worker.inspect("counters"), as: UTF8.self).contains(#""modules":{}"#),
      "a replay counts nothing")
  }

  @Test func aShardOfSomebodyElse() throws {
    let worker = Worker(engine: TestEngine(Faults()), map: WorkerScript.map)
    var owner = worker
    owner.beginTurn(Now(wall: 1, monotonic: 1))
    let link = owner.openLink()
    var bytes: [UInt8] = []
    LinkToWorker.command(request: 4, .lock(RoomID(8), true)).encode(ShardID(0), ShardEpoch(0), into: &bytes)
    _ = try bytes.withUnsafeBytes { try owner.receive(link, $0) }
    var heard: CommandAnswer?
    owner.takeOutput(link) { bytes in
      var reader = LinkReader(bytes)
      while let (header, body) = (try? reader.next()) ?? nil {
        if case .commanded(4, let answer)? = try? LinkToGateway(header, body) { heard = answer }
      }
      return bytes.count
    }
    #expect(heard == .notMine(ShardID(0)))
  }
}
