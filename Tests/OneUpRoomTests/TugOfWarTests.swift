import Foundation
import OneUpRoom
import Testing

@Suite("tug of war") struct TugOfWarTests {
  @Test("Ten good pulls win a round, and five seconds later there is another") func wins() throws {
    let room = try RoomTest<TugOfWar>(seed: 7)
    let ann = try room.join("ann")
    for _ in 0..<10 {
      try room.send(Pull(strength: 5), from: ann)
      #expect(throws: Refused.self) { try room.send(Pull(strength: 5), from: ann) }
      room.advance(ticks: 3)
    }
    #expect(room.outputs().compactMap { $0.read(Won.self)?.team } == [.red])
    #expect(throws: Refused.self) { try room.send(Pull(strength: 1), from: ann) }
    room.advance(ticks: 60)
    let reply = try room.send(Pull(strength: 0.5), from: ann)
    #expect(reply.read(Pulled.self)?.rope == room.room.rope)
    #expect(room.counts["rounds"] == 1 && room.check() == nil)
  }

  @Test("A room that is moved forgets nothing") func twins() throws {
    try twinTest(TugOfWar.self, seeds: 1...50) { twins in
      switch twins.chance(below: 6) {
      case 0: twins.join()
      case 1: twins.leave()
      case 2: twins.send(Pull(strength: twins.chance(in: -1...2)))
      case 3: twins.signal(Wind(force: twins.chance(in: -3...3)))
      case 4: twins.answer()
      default: twins.advance(ticks: 5)
      }
    }
  }

  @Test("A shout is for one's own team, and who left is in none") func groups() throws {
    let room = try RoomTest<TugOfWar>()
    let slots = try ["ann", "bob", "cem"].map { try room.join($0) }
    try room.send(Shout(text: "pull!"), from: slots[2])
    let heard = room.outputs().filter { $0.read(Shout.self) != nil }.map(\.target)
    #expect(heard == [.only(slots[0]), .only(slots[2])])
    room.leave(slots[0])
    #expect(room.room.red.slots == [slots[2]] && room.check() == nil)
    #expect(room.label == "3 at the rope")
    #expect(throws: Refused.self) { try room.join("") }
  }

  @Test("The league hears of the winner once, and a deaf league is logged") func league() throws {
    let room = try RoomTest<TugOfWar>()
    room.set { $0.rope = 10 }
    room.advance(ticks: 3)
    #expect(room.asked.map(\.room) == ["league/tug"])
    #expect(room.asked[0].read(Won.self)?.team == .blue)
    room.answer(room.asked[0].id, refused: "there is no such room")
    #expect(room.asked.isEmpty && room.logged == ["the league was not told: there is no such room"])
  }

  @Test("Every Swift block of docs/rooms.md stands in these files") func page() throws {
    let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    func lines(_ url: URL) throws -> [String] {
      try String(contentsOf: url, encoding: .utf8).split(separator: "\n").map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      .filter { !$0.isEmpty }
    }
    let sources = try ["TugOfWar.swift", "TugOfWarTests.swift"].map { try lines(here.appending(path: $0)) }
    let page = try String(
      contentsOf: here.deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/rooms.md"),
      encoding: .utf8)
    let blocks = page.components(separatedBy: "```swift\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    #expect(blocks.count >= 8)
    for block in blocks {
      let wanted = block.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
      let isThere = sources.contains { source in
        source.indices.contains { start in
          start + wanted.count <= source.count && Array(source[start..<start + wanted.count]) == wanted
        }
      }
      #expect(isThere, "not in the tested files:\n\(block)")
    }
  }
}
