import Core
import Sandbox
import Testing

@Suite("Faults of game code") struct FaultTests {
  @Test(
    "Every way of breaking is caught, named and traced",
    arguments: [
      (0x01, RoomFault.Kind.trap, "readBeyondTheEnd"), (0x02, .trap, "overflow"), (0x03, .trap, "unwrapNothing"),
      (0x04, .fuel, "loopForEver"), (0x05, .memory, "allocateWithoutEnd"), (0x06, .stack, "recurseWithoutEnd"),
      (0x08, .output, "sendTooMuch"),
    ] as [(UInt8, RoomFault.Kind, String)])
  func breaks(command: UInt8, kind: RoomFault.Kind, function: String) throws {
    let room = try TestRoom(TestModules.faulty)
    #expect(room.join(0, "ann").isApplied)
    let fault = try #require(room.message([command]).fault)
    #expect(fault.kind == kind)
    #expect(fault.backtrace.contains { $0.contains(function) }, "\(fault)")
    #expect(!fault.backtrace.contains { $0.hasPrefix("$") }, "names are for people: \(fault)")
    #expect(room.engine.effects.commands.isEmpty)
  }

  @Test("Too much work is over the fuel limit, and done when decided before") func slowWork() throws {
    let slow: [UInt8] = [0x07, 40, 0, 0, 0]
    let live = try TestRoom(TestModules.faulty)
    #expect(live.message(slow).fault?.kind == .fuel)
    let decided = try TestRoom(TestModules.faulty)
    #expect(decided.message(slow, budget: .decided).isApplied)
    let quick = try TestRoom(TestModules.faulty)
    #expect(quick.message([0x07, 1, 0, 0, 0]).isApplied)
  }

  @Test("A trap comes in the next tick") func tick() throws {
    let room = try TestRoom(TestModules.faulty)
    #expect(room.call(.tick(number: 1, skipped: 0)).isApplied)
    #expect(room.message([0x0A]).isApplied)
    #expect(room.call(.tick(number: 2, skipped: 0)).fault?.kind == .trap)
  }

  @Test("A trap comes in a timer") func timer() throws {
    let room = try TestRoom(TestModules.faulty)
    #expect(room.message([0x0B]).isApplied)
    #expect(room.engine.effects.commands == [.after(TimerID(1), milliseconds: 100, payload: 0..<0)])
    #expect(room.engine.context.nextTimer == TimerID(2))
    #expect(room.call(.timer(TimerID(1))).fault?.kind == .trap)
  }

  @Test("The watchdog ends what fuel does not") func watchdog() throws {
    var options = EngineOptions(roomsMax: 2, watchdogTicks: 2)
    options.limits.fuel = UInt64.max
    let room = try TestRoom(TestModules.faulty, options)
    let fault = try #require(room.message([0x04]).fault)
    #expect(fault.kind == .watchdog)
    #expect(fault.backtrace.contains { $0.contains("loopForEver") })
  }

  @Test("A failed event leaves the context as it was, and the engine serves on") func goesOn() throws {
    let room = try TestRoom(TestModules.faulty)
    let image = room.image()
    let before = room.engine.context
    #expect(room.message([0x08]).fault?.kind == .output)
    #expect(room.engine.context == before)
    try room.restore(image)
    #expect(room.message([0x09, 5]).isApplied)
    #expect(room.sent == [[0x09, 5]])
  }

  @Test("The memory limit of the room counts, not the pool's") func memoryLimit() throws {
    let room = try TestRoom(TestModules.tally)
    var small = room.limits
    small.memoryBytes = 393_216
    let instance = try room.engine.make(room.settings.hash, limits: small)
    defer { room.engine.discard(instance) }
    var outcome = RoomOutcome.applied(fuelUsed: 0)
    for operation in 0..<100_000 where outcome.isApplied {
      outcome = add(UInt64(operation)).withUnsafeBytes {
        room.engine.call(instance, .message(Slot(0), stamp: 0), payload: $0, budget: .live)
      }
    }
    #expect(outcome.fault?.kind == .memory)
  }
}
