// A full disk: what must be written goes into the reserve within a bound, the rest is told to wait, and nothing exits.
import Core
import Journal
import SimulatedFiles
import Simulation
import Testing
import Wire
import WorkerCore
import WorkerStore

struct SpaceTests {
  /// Two members, and a disk on which no next segment can be made. Returns their routes.
  private func full(_ script: WorkerScript) throws -> [Route] {
    let routes = [script.join(1), script.join(2)]
    try script.turn()
    #expect(script.heard() == ["serving", "attached next 1", "attached next 1"])
    try fill(script, routes[0])
    return routes
  }
  private func fill(_ script: WorkerScript, _ route: Route) throws {
    script.disk.capacity = 0
    // The segment that was made ahead takes what it can.
    var seq: UInt64 = 0
    var isBusy = false
    while !isBusy, seq < 10_000 {
      seq += 1
      script.send(route, seq, padding: 4_000)
      try script.turn()
      try script.store.prepareAndRemove()
      isBusy = script.heard().contains("busy \(seq) noSpace")
      script.say(.confirm(records: script.outputs))
    }
    #expect(isBusy, "inputs are busy in the end")
  }

  @Test func aReconnectLoopEndsInBusyAndNotInAnExit() throws {
    let script = try WorkerScript()
    _ = try full(script)
    var refusals = 0
    for generation: UInt32 in 2..<20_000 where refusals < 100 {
      script.attach(1, generation: generation)
      try script.turn()
      refusals += script.heard().count { $0.hasPrefix("refused busy") }
    }
    #expect(refusals == 100)
    #expect(
      script.store.hasRoom(bytes: Limits.verdictSpaceBytes, reserve: true), "verdicts still have their part")
    #expect(!script.isUrgent, "nothing turns without a reason")
    script.disk.capacity = .max
    try script.store.prepareAndRemove()
    script.attach(1, generation: 30_000)
    try script.turn()
    try script.turn()
    #expect(script.heard().contains { $0.hasPrefix("attached") })
  }

  @Test func leavesSuspensionsAndExpiriesGoIntoTheReserveAndThenWait() throws {
    let script = try WorkerScript()
    let routes = try full(script)
    script.say(.leave(routes[1], InputSeq(1)))
    try script.turn()
    #expect(script.heard().contains("gone 1 true left"))
    // The other one's connection goes, and the reserve with it.
    var isRefused = false
    for generation: UInt32 in 2..<20_000 where !isRefused {
      script.attach(1, generation: generation)
      try script.turn()
      isRefused = script.heard().contains { $0.hasPrefix("refused busy") }
    }
    #expect(isRefused)
    script.worker.closeLink(script.link)
    for _ in 0..<200 { try script.turn(after: 1_000) }
    #expect(script.worker.room(script.room())?.host?.memberCount == 1, "its end waits")
    script.disk.capacity = .max
    try script.store.prepareAndRemove()
    for _ in 0..<50 { try script.turn(after: 1_000) }
    #expect(script.worker.room(script.room())?.host?.memberCount == 0)
  }

  @Test func verdictsThatFindNoSpaceWait() throws {
    let script = try WorkerScript()
    let route = script.join(1)
    let other = script.join(7, room: "b")
    try script.turn()
    try fill(script, other)
    script.disk.capacity = .max
    try script.store.prepareAndRemove()
    try script.turn()
    script.send(route, 1, .trap)
    // It is executed and fails; its verdict is not written yet. Now the log fills up to its last byte.
    try script.turn()
    script.disk.capacity = 0
    while script.store.hasRoom(bytes: 120_000, reserve: true) {
      _ = try [UInt8](repeating: 0, count: 100_000).withUnsafeBytes { try script.store.append(40, $0) }
      try script.store.write()
      try script.store.prepareAndRemove()
    }
    while script.store.hasRoom(bytes: Annotation.bytes, reserve: true) {
      _ = try [UInt8](repeating: 0, count: 1).withUnsafeBytes { try script.store.append(40, $0) }
      try script.store.write()
    }
    for _ in 0..<50 { try script.turn(after: 100) }
    #expect(script.worker.room(script.room())?.phase == .repairing, "the room waits for its verdict")
    #expect(!script.isUrgent)
    script.disk.capacity = .max
    try script.store.prepareAndRemove()
    for _ in 0..<2 { try script.turn() }
    #expect(script.operations() == 0)
    #expect(script.heard().contains("ack 1"))
  }

  @Test func newRoomsAndMembersWaitForSpace() throws {
    let script = try WorkerScript()
    _ = try full(script)
    script.join(3)
    script.join(4, room: "new")
    try script.turn()
    let heard = script.heard()
    #expect(heard.count { $0.hasPrefix("refused busy: the journal has no disk space") } == 2)
    #expect(script.worker.room(script.room("new")) == nil)
  }
}
