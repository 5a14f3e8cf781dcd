// Rooms that are brought back by a new owner.
import Core
import Journal
import SimulatedFiles
import Simulation
import Testing
import Wire
import WorkerCore
import WorkerStore

struct WakingTests {
  @Test func aRoomWithoutAPlaceIsTriedAgain() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    try script.play(route, 1...3)
    script.faults.placesMissing = 3
    try script.nextOwner()
    try script.turn()
    #expect(script.worker.room(script.room())?.phase == .asleep)
    script.attach(1, generation: 2)
    try script.turn()
    #expect(script.heard().contains { $0.hasPrefix("refused busy") })
    // By itself, too.
    for _ in 0..<4 { try script.turn(after: 1_000) }
    #expect(script.operations() == 3)
    #expect(script.worker.counters.divergences == 0)
  }

  @Test func aJoinIsNotToldOfACreationThatFailed() throws {
    let script = try WorkerScript()
    script.join(1, parameters: [ScriptedCommand.trap.rawValue])
    // The creation fails, and the verdict on it is written, but not carried out.
    try script.turn()
    try script.write()
    try script.nextOwner()
    script.join(2)
    try script.turn()
    try script.turn()
    #expect(script.heard().contains("attached next 1"), "the room is made anew")
  }

  @Test func anAttachToACreationThatFailedFindsNothing() throws {
    let script = try WorkerScript()
    script.join(1, parameters: [ScriptedCommand.trap.rawValue])
    try script.turn()
    try script.write()
    try script.nextOwner()
    script.attach(1, generation: 2)
    #expect(script.heard().contains("gone 0 false unknown"))
  }

  /// In recovery a trip of the watchdog counts as a death at the event.
  @Test func aDeathAndATripAreTwoDeaths() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    script.send(route, 1)
    try script.turn()
    script.send(route, 2, .slow)
    try script.write()
    // It dies in the middle of the event.
    script.store.enter(script.room(), EventSeq(4))
    script.faults.trips = 1
    try script.nextOwner()
    for _ in 0..<3 { try script.turn() }
    #expect(script.operations() == 1, "it is undone")
    #expect(script.worker.room(script.room())?.host?.ownTimeline == 2)
  }

  @Test func oneTripInRecoveryIsTriedAgain() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    script.send(route, 1)
    try script.turn()
    script.send(route, 2, .slow)
    try script.write()
    script.faults.trips = 1
    try script.nextOwner()
    for _ in 0..<3 { try script.turn() }
    #expect(script.operations() == 2)
    #expect(script.worker.room(script.room())?.host?.ownTimeline == 1)
  }

  @Test func aTripAndADeathAreTwoDeaths() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    script.send(route, 1, .slow)
    try script.write()
    script.faults.trips = 1
    try script.nextOwner()
    // The trip comes first, then the room is rebuilt by two calls: it dies in the middle of the second try.
    var calls = 0
    script.faults.atCall = { [box = script.box, faults = script.faults] in
      if faults.trips == 0 { calls += 1 }
      if calls == 3 { box.isFrozen = true }
    }
    for _ in 0..<2 { try script.turn() }
    script.faults.atCall = {}
    try script.nextOwner()
    for _ in 0..<3 { try script.turn() }
    #expect(script.operations() == 0)
    #expect(script.worker.counters.quarantines == 1)
  }

  @Test func aCreationThatTripsIsMadeOnce() throws {
    let script = try WorkerScript()
    script.faults.trips = 1
    script.join(1, parameters: [])
    for _ in 0..<3 { try script.turn() }
    #expect(script.heard().contains("attached next 1"))
    #expect(script.faults.instances == 1)
  }

  /// Decided events are followed with a larger stack where the usual one is too small for them (protocol §4.3).
  @Test func aDecidedEventThatGoesTooDeepIsFollowed() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    try script.play(route, 1...5)
    script.send(route, 6, .draw)
    try script.turn()
    script.faults.isDeep = true
    try script.nextOwner()
    try script.turn()
    #expect(script.operations() == 6 && script.faults.largerStacks == 1 && script.faults.instances == 1)
    #expect(script.worker.counters.divergences == 0 && script.worker.counters.snapshots == 1)
    // What is decided from here on has the stack that is on record.
    let again = script.attach(1, generation: 2)
    try script.turn()
    script.send(again, 7)
    for _ in 0..<3 { try script.turn() }
    #expect(script.operations() == 6 && script.worker.counters.quarantines == 1)
    // The snapshot has taken the place of what went deep.
    try script.nextOwner()
    try script.turn()
    #expect(script.operations() == 6 && script.faults.largerStacks == 1)
  }

  @Test func bothVersionsAreFollowedWithALargerStack() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    try script.upgraded(to: .same)
    try script.play(route, 1...5)
    script.send(route, 6, .draw)
    try script.turn()
    script.faults.isDeep = true
    try script.nextOwner()
    try script.turn()
    #expect(script.operations() == 6 && script.silentOperations?.count == 6)
    #expect(script.faults.largerStacks == 2 && script.faults.instances == 2)
  }

  @Test func anEventThatIsNotDecidedHasTheUsualStack() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    script.send(route, 1, .draw)
    try script.turn()
    script.send(route, 2)
    try script.write()
    script.faults.isDeep = true
    try script.nextOwner()
    for _ in 0..<3 { try script.turn() }
    #expect(script.operations() == 1 && script.faults.largerStacks == 0)
    #expect(script.worker.counters.quarantines == 1 && script.worker.counters.divergences == 0)
  }
}
