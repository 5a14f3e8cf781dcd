import OneUpRoom
import Testing

/// A small source of chance for models.
struct Dice {
  var state: UInt64
  mutating func roll(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }
  mutating func real(_ range: ClosedRange<Float>) -> Float {
    range.lowerBound + (range.upperBound - range.lowerBound) * Float(roll(1 << 20)) / Float(1 << 20)
  }
}

@Suite("Tools") struct ToolsTests {
  @Test("A table does what a sorted dictionary would", arguments: 1...10 as ClosedRange<UInt64>) func table(
    seed: UInt64
  ) {
    var dice = Dice(state: seed)
    var table = Table<Wake>()
    var model: [UInt32: UInt32] = [:]
    for step in 0..<500 as Range<UInt32> {
      let key = UInt32(dice.roll(40))
      switch dice.roll(6) {
      case 0, 1:
        table.insert(Wake(piece: step), at: key)
        model[key] = step
      case 2: #expect(table.remove(key)?.piece == model.removeValue(forKey: key))
      case 3:
        let free = table.add(Wake(piece: step), from: key)
        #expect(free == (key...).first { model[$0] == nil })
        model[free] = step
      case 4:
        let last = table.append(Wake(piece: step))
        #expect(last == (model.keys.max().map { $0 + 1 } ?? 0))
        model[last] = step
      default:
        if model[key] != nil {
          table[key].piece += 1
          model[key]! += 1
        }
      }
      #expect(table.find(key)?.piece == model[key] && table.has(key) == (model[key] != nil))
      #expect(table.keys == model.keys.sorted() && table.count == model.count)
    }
    #expect(table.map(\.row.piece) == table.keys.map { model[$0]! })
    let best = table.lowest { $0.piece % 2 == 0 ? Float($0.piece) : nil }
    #expect(best == model.filter { $0.value % 2 == 0 }.min { ($0.value, $0.key) < ($1.value, $1.key) }?.key)
  }

  @Test("A row that is not there is the room's mistake") func missing() async {
    await #expect(processExitsWith: .failure) {
      var table = Table<Wake>()
      table.insert(Wake(), at: 3)
      table[4 as UInt32].piece = 1
    }
  }

  @Test("A grid finds whom asking everybody finds", arguments: 1...10 as ClosedRange<UInt64>) func grid(seed: UInt64) {
    var dice = Dice(state: seed)
    var pieces = Table<Piece>()
    for _ in 0..<dice.roll(200) { pieces.append(Piece(at: Vec2(dice.real(-500...900), dice.real(-30...30)))) }
    pieces.append(Piece(at: Vec2(.nan, 1)))
    let grid = Grid(over: pieces, cell: dice.real(0.1...80)) { $0.at }
    for _ in 0..<50 {
      let place = Vec2(dice.real(-600...1000), dice.real(-100...100))
      let distance = dice.real(0...200)
      #expect(grid.near(place, distance) == pieces.keys.filter { pieces[$0].at.isWithin(distance, of: place) })
    }
    #expect(grid.near(Vec2(.infinity, 0), 1).isEmpty && grid.near(Vec2(), -1).isEmpty)
    #expect(Grid(over: Table<Piece>(), cell: 1) { $0.at }.near(Vec2(), 10).isEmpty)
  }

  @Test("Vectors") func vectors() {
    #expect(
      Vec2(3, 4).length == 5 && Vec2(3, 4).limited(1) == Vec2(0.6, 0.8) && Vec2(0.1, 0).limited(1) == Vec2(0.1, 0))
    #expect(Vec2().direction == Vec2() && Vec2(0, -7).direction == Vec2(0, -1) && Vec2().limited(0) == Vec2())
    #expect(Vec2(-5, 20).clamped(.zero, Vec2(10, 10)) == Vec2(0, 10))
    #expect(Vec3(1, 0, 0).cross(Vec3(0, 1, 0)) == Vec3(0, 0, 1) && Vec3(2, 3, 6).length == 7)
    #expect(abs(sin(Float(1)) - 0.841471) < 1e-5 && abs(atan2(1, -1) - 2.356194) < 1e-5 && sqrt(9) == 3)
  }

  struct Chances: Room {
    static let settings = Settings(hz: 1)
    var drawn: [Int32] = []
    mutating func fields<C: Coder>(_ c: inout C) { c.hidden(1, "drawn", &drawn) }
    mutating func tick(_ room: Context) {
      for _ in 0..<1000 { drawn.append(Int32(room.random(in: -2...3))) }
      let real = room.random(in: 1...2 as ClosedRange<Float>)
      if real < 1 || real > 2 || room.random(in: Int.min...Int.max) == 0 { drawn = [] }
      if room.chance(0) { drawn = [] }
    }
  }
  @Test("Chance stays within its bounds, reaches them, and repeats") func chance() throws {
    let rooms = try [7, 7, 8].map { try RoomTest<Chances>(seed: $0) }
    for room in rooms { room.advance(ticks: 3) }
    let drawn = rooms[0].room.drawn
    #expect(drawn.count == 3000 && Set(drawn) == [-2, -1, 0, 1, 2, 3])
    #expect(drawn == rooms[1].room.drawn && drawn != rooms[2].room.drawn)
  }

  struct Ending: Room {
    static let settings = Settings()
    mutating func fields<C: Coder>(_ c: inout C) {}
    mutating func create(_ room: Context) {
      room.label("soon over")
      room.property("mode", "duel")
      room.property("level", "1=2")
      room.property("mode", "")
      room.lock()
      room.after(.seconds(2), Wake(piece: 1))
      room.cancel(room.after(.seconds(1), Wake(piece: 2)))
    }
    mutating func timer(_ message: Incoming, _ room: Context) {
      guard let wake = try? message.read(Wake.self), wake.piece == 1 else { return }
      room.lock(false)
      room.kick(Slot(3), "out")
      room.end("it is over")
    }
  }
  @Test("What a room asks of the server") func requests() throws {
    let room = try RoomTest<Ending>()
    #expect(room.label == "soon over" && room.properties == ["level": "1=2"] && room.isLocked && room.ended == nil)
    room.advance(milliseconds: 1999)
    #expect(room.isLocked)
    room.advance(milliseconds: 1)
    #expect(!room.isLocked && room.ended == "it is over" && room.kicked.map(\.slot) == [Slot(3)])
  }

  /// Ends a second after the last time that somebody was heard.
  struct Patient: Room {
    static let settings = Settings()
    var alarm = TimerID()
    mutating func fields<C: Coder>(_ c: inout C) { c.hidden(1, "alarm", &alarm) }
    static func messages(_ m: inout Messages) { m("Wake", Wake.self) }
    mutating func create(_ room: Context) { alarm = room.after(.seconds(1), Wake(piece: 1)) }
    mutating func message(_ message: Incoming, from member: Member, _ room: Context) {
      room.cancel(alarm)
      alarm = room.after(.seconds(1), Wake(piece: 1))
    }
    mutating func timer(_ message: Incoming, _ room: Context) { room.end("nobody said anything") }
  }
  @Test("A timer that is kept in a field is cancelled by it, also after the room was moved") func timers() throws {
    let room = try RoomTest<Patient>()
    let ann = try room.join("ann")
    for _ in 0..<3 {
      room.advance(milliseconds: 900)
      try room.send(Wake(piece: 2), from: ann)
    }
    #expect(room.ended == nil)
    try twinTest(Patient.self, seeds: 1...10) { twins in
      if twins.chance(below: 3) == 0 { twins.join() } else { twins.send(Wake(piece: 3)) }
      twins.advance(milliseconds: 100)
    }
    room.advance(milliseconds: 1000)
    #expect(room.ended != nil)
  }
}
