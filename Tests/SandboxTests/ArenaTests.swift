import Core
import Foundation
import ModuleBuilder
import Sandbox
import Testing

/// The example game as WebAssembly.
@Suite("The arena in the sandbox") struct SandboxedArenaTests {
  static func arena(players: UInt32) throws -> TestRoom {
    let room = try TestRoom(TestModules.arena)
    for slot in 0..<players { #expect(room.join(slot, "player \(slot)").isApplied) }
    return room
  }
  /// Steer{to: (x, y)}
  static func steer(_ x: Float, _ y: Float) -> [UInt8] {
    var bytes: [UInt8] = [1, 1 << 2 | 2, 8]
    bytes.put(x.bitPattern)
    bytes.put(y.bitPattern)
    return bytes
  }

  @Test("A tick of 14 ships and 40 gems costs what it may") func fuel() throws {
    let room = try Self.arena(players: 10)
    var fuel: [UInt64] = []
    var bytes: [Int] = []
    for tick in 1...200 as ClosedRange<UInt64> {
      for slot in 0..<10 as Range<UInt32> {
        let angle = Float(tick) * 0.1 + Float(slot)
        #expect(
          room.call(.message(Slot(slot), stamp: tick), Self.steer(angle.truncatingRemainder(dividingBy: 2) - 1, 0.5))
            .isApplied)
      }
      room.engine.context.tick = tick
      room.engine.context.time += 50_000
      fuel.append(try #require(room.call(.tick(number: tick, skipped: 0)).fuel))
      bytes.append(room.sent.map(\.count).reduce(0, +))
    }
    fuel.sort()
    bytes.sort()
    #expect(fuel[100] < 120_000, "median \(fuel[100]), most \(fuel[199])")
    #expect(bytes[100] < 1000, "median \(bytes[100]), most \(bytes[199])")
    #expect(try room.check() == "")
  }
}
