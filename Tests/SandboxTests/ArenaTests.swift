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

  @Test("It can be looked at: as JSON, and as a joiner is given it") func looks() throws {
    let room = try Self.arena(players: 2)
    room.engine.context.tick = 1
    #expect(room.call(.tick(number: 1, skipped: 0)).isApplied)
    var bytes: [UInt8] = []
    try room.engine.describe(room.instance, as: .json, into: &bytes)
    let json = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
    let ships = json?["ships"] as? [String: [String: Any]] ?? [:]
    #expect(ships.keys.sorted() == ["0", "1", "1000", "1001", "1002", "1003"])
    #expect(ships["1"]?["name"] as? String == "player 1" && ships["1"]?["readyAt"] as? Int == 0)
    #expect((json?["gems"] as? [String: Any])?.count == 40)
    // Described, keyframe 1.
    #expect(Array(try room.describe().prefix(2)) == [252, 1])
    #expect(room.settings.membersMax == 64 && room.settings.keepEmptySeconds == 3600 && room.settings.clientsMayCreate)
  }

  @Test("Taking a cursed gem is a trap that names its place") func cursed() throws {
    let room = try Self.arena(players: 1)
    room.engine.context.tick = 1
    var fault: RoomFault?
    // Flies to the first gem, which is cursed.
    while fault == nil, room.engine.context.tick < 290 {
      let (x, y) = try distance(room)
      if x * x + y * y < 100 * 100 {
        let before = room.image()
        fault = room.message([3, 1 << 2 | 0, 0]).fault
        try room.restore(before)
      } else {
        #expect(room.message(Self.steer(x, y)).isApplied)
        room.engine.context.tick += 1
        room.engine.context.time += 50_000
        #expect(room.call(.tick(number: room.engine.context.tick, skipped: 0)).isApplied)
      }
    }
    #expect(fault?.kind == .trap && fault?.backtrace.contains { $0.contains("collect") } == true, "\(fault as Any)")
    #expect(try room.check() == "")
    #expect(room.call(.message(Slot(0), stamp: 0), [2]).isApplied, "it goes on")
  }
  /// From the first player to the gem 0.
  private func distance(_ room: TestRoom) throws -> (Float, Float) {
    var bytes: [UInt8] = []
    try room.engine.describe(room.instance, as: .json, into: &bytes)
    let json = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
    func place(_ table: String) throws -> (Float, Float) {
      let pos = try #require(((json?[table] as? [String: Any])?["0"] as? [String: Any])?["pos"] as? [String: NSNumber])
      return (pos["x"]?.floatValue ?? 0, pos["y"]?.floatValue ?? 0)
    }
    let (ship, gem) = (try place("ships"), try place("gems"))
    return (gem.0 - ship.0, gem.1 - ship.1)
  }

  @Test("The server's side can speak to a room") func signals() throws {
    let room = try Self.arena(players: 1)
    #expect(room.call(.signal, [9]).isRefused)
  }
}
