// What a room remembers of the signals that it took, for whoever asks again: other rooms, and the game's own backend.
import Core
import Simulation
import Testing
import Wire
import WorkerCore

struct SignalMemoryTests {
  private func room() throws -> WorkerScript {
    let script = try WorkerScript()
    script.create(1)
    try script.turn()
    _ = script.answers()
    return script
  }
  /// The key of a request of another room, whose first one without an answer was asked so many events before.
  private func key(_ event: UInt64, of room: UInt64 = 0xab, before: UInt64 = 0) -> String {
    SignalName.text(
      RequestKey(event: EventSeq(event), digest: event), from: RoomID(room), oldest: EventSeq(event - before))
  }
  private func reply(_ operation: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.put(operation)
    return bytes
  }
  /// How many signals it ran.
  private func taken(_ script: WorkerScript) -> Int {
    guard let room = script.worker.room(script.room()), room.host != nil else { return -1 }
    return script.worker.encodeSnapshot(room).withUnsafeBytes { bytes in
      (try? RoomSnapshot(bytes)).flatMap { try? ScriptedRoom($0.image) }?.signals.count ?? -1
    }
  }
  private func remembered(_ script: WorkerScript) -> Int { script.host()?.signals.count ?? 0 }

  @Test func whateverElseItSaysItIsTheSameSignal() throws {
    let script = try room()
    script.signal(2, 5, key: key(900))
    script.signal(3, 5, key: key(900, before: 8))
    try script.turn()
    script.signal(4, 5, key: key(900, before: 700))
    #expect(script.answers() == [2, 3, 4].map { script.done($0, reply(5)) })
    #expect(remembered(script) == 1 && taken(script) == 1)
    try script.nextOwner()
    try script.turn()
    script.signal(5, 5, key: key(900, before: 1))
    #expect(script.answers() == [script.done(5, reply(5))])
  }

  @Test func whatARoomHasItsAnswerToIsForgotten() throws {
    let script = try room()
    for (event, before, count) in [(10, 0, 1), (12, 2, 2), (15, 5, 3), (20, 5, 2), (21, 0, 1)]
      as [(UInt64, UInt64, Int)]
    {
      script.signal(2, event, key: key(event, before: before))
      script.signal(3, event, key: key(event, of: 0xcd, before: event))
      try script.turn()
      #expect(script.host()?.signals.count { $0.idempotencyKey.starts(with: "00000000000000ab".utf8) } == count)
    }
    // The other room has no answer to anything.
    #expect(remembered(script) == 1 + 5)
    let before = taken(script)
    script.signal(4, 21, key: key(21))
    script.signal(5, 10, key: key(10, of: 0xcd))
    try script.turn()
    #expect(taken(script) == before)
  }

  @Test func aFloodOfOthersPushesOutNoRooms() throws {
    let script = try room()
    script.signal(2, 5, key: key(900))
    try script.turn()
    for i in 0..<UInt64(Limits.signalAnswersMax + 1) {
      script.signal(3, 1_000 + i, key: "k\(i)")
      try script.turn()
    }
    #expect(remembered(script) == Limits.signalAnswersMax + 1)
    for i in 1...UInt64(Limits.signalAnswersMax) {
      script.signal(4, 2_000 + i, key: key(900, of: i))
      try script.turn()
      guard i == UInt64(Limits.signalAnswersMax) - 1 else { continue }
      _ = script.answers()
      script.signal(5, 5, key: key(900))
      #expect(script.answers() == [script.done(5, reply(5))])
    }
    #expect(remembered(script) == 2 * Limits.signalAnswersMax)
    try script.worker.close()
    try script.nextOwner()
    try script.turn()
    script.signal(6, 1_001, key: "k1")
    #expect(script.answers() == [script.done(6, reply(1_001))])
  }

  /// What a room is asked by may not be taken for it.
  @Test func roomsKeysAreNotForControl() throws {
    let script = try room()
    let control = script.worker.openLink()
    for key in [key(9), String(key(9).dropLast(2))] {
      script.signal(2, 5, key: key, to: control)
      #expect(script.heard(control).last?.hasPrefix("commanded 2 refused") == true)
    }
    script.signal(3, 5, key: key(9) + "-", to: control)
    try script.turn()
    #expect(script.heard(control).last == script.done(3, reply(5)))
  }

  /// Whether it took the signal is in a record that cannot be read.
  @Test func aRoomThatCannotBePlayedIsBusyForRooms() throws {
    let script = try room()
    script.signal(2, 5, key: key(9))
    try script.turn()
    script.faults.missing = [WorkerScript.hash(.first)]
    try script.nextOwner()
    try script.turn()
    #expect(script.worker.room(script.room())?.phase == .stopped)
    let control = script.worker.openLink()
    script.signal(3, 5, key: key(9))
    script.signal(4, 6, key: "k", to: control)
    #expect(script.answers() == ["commanded 3 \(CommandAnswer.busy(retryMilliseconds: 1_000))"])
    #expect(script.heard(control).last?.hasPrefix("commanded 4 refused") == true)
    script.faults.missing = []
    try script.nextOwner()
    try script.turn()
    script.signal(5, 5, key: key(9))
    #expect(script.answers() == [script.done(5, reply(5))])
  }
}
