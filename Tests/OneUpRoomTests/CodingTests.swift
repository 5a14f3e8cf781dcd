import OneUpRoom
import Testing

/// Only fields, to save and restore.
struct Holder<F: Fields>: Room {
  static var settings: Settings { Settings() }
  var value = F()
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "value", &value) }
}

struct Everything: Fields, Equatable {
  var flag = false
  var small: UInt8 = 0, word: UInt16 = 0, count: UInt32 = 0, long: UInt64 = 0
  var tiny: Int8 = 0, short: Int16 = 0, number: Int32 = 0, wide: Int64 = 0, natural = 0
  var real: Float = 0, precise: Double = 0
  var name = "", bytes: [UInt8] = [], list: [Int32] = [], words: [String] = [], nested: [[UInt64]] = []
  var flat = Vec2(), deep = Vec3(), slot = Slot(), phase = Phase(), group = Group(), crew = Crew(), crews: [Crew] = []
  var scaled: Float = 0
  mutating func fields<C: Coder>(_ c: inout C) {
    c(1, "flag", &flag)
    c(2, "small", &small)
    c(3, "word", &word)
    c(4, "count", &count)
    c(5, "long", &long)
    c(6, "tiny", &tiny)
    c(7, "short", &short)
    c(8, "number", &number)
    c(9, "wide", &wide)
    c(10, "natural", &natural)
    c(11, "real", &real)
    c(12, "precise", &precise)
    c(13, "name", &name)
    c(14, "bytes", &bytes)
    c(15, "list", &list)
    c(16, "words", &words)
    c(17, "nested", &nested)
    c(18, "flat", &flat)
    c(19, "deep", &deep)
    c.hidden(20, "slot", &slot)
    c.hidden(21, "phase", &phase)
    c.hidden(22, "group", &group)
    c.hidden(23, "crew", &crew)
    c.hidden(24, "crews", &crews)
    c(25, "scaled", &scaled, scale: 10)
  }
  static var full: Everything {
    var group = Group()
    group.add(Slot(3))
    group.add(Slot(1))
    return Everything(
      flag: true, small: 255, word: .max, count: .max, long: .max, tiny: -128, short: .min, number: .min, wide: .min,
      natural: -5, real: -0.1, precise: 1e300, name: "Zoë \"\\\n", bytes: Array(0...200), list: [1, -1, 70_000],
      words: ["", String(repeating: "long ", count: 300)], nested: [[], [1, .max]], flat: Vec2(1, -2),
      deep: Vec3(1, 2, .infinity), slot: Slot(7), phase: .over, group: group, crew: Crew(name: "a", seats: [1]),
      crews: [Crew(), Crew(name: "b", seats: [-1, 2])], scaled: 12.34)
  }
}

@Suite("Coding") struct CodingTests {
  /// What is saved of a value; the value is changed through a message-less room.
  func saved<F: Fields>(_ value: F) throws -> [UInt8] {
    let room = try RoomTest<Holder<F>>()
    room.set { $0.value = value }
    return room.saved()
  }
  func restored<F: Fields>(_ bytes: [UInt8], as type: F.Type) throws -> F {
    let room = try RoomTest<Holder<F>>()
    try room.restore(bytes)
    return room.room.value
  }

  @Test("Every kind of field survives") func everything() throws {
    #expect(try restored(try saved(Everything.full), as: Everything.self) == .full)
    #expect(try restored(try saved(Everything()), as: Everything.self) == Everything())
  }

  struct Old: Fields, Equatable {
    var name = "", gone: [Int32] = [], score: Int32 = 0
    mutating func fields<C: Coder>(_ c: inout C) {
      c(1, "name", &name)
      c(2, "gone", &gone)
      c(4, "score", &score)
    }
  }
  struct New: Fields, Equatable {
    var lives: UInt8 = 3, name = "", score: Int32 = 0, best: Int32 = -1
    mutating func fields<C: Coder>(_ c: inout C) {
      c(1, "name", &name)
      c(3, "lives", &lives)
      c(4, "score", &score)
      c(5, "best", &best)
    }
  }
  struct Other: Fields, Equatable {
    var name: Float = 0
    mutating func fields<C: Coder>(_ c: inout C) { c(1, "name", &name) }
  }
  @Test("Added fields take their defaults, unknown ones are stepped over, both ways") func versions() throws {
    let old = try saved(Old(name: "ann", gone: [1, 2], score: 9))
    #expect(try restored(old, as: New.self) == New(lives: 3, name: "ann", score: 9, best: -1))
    let new = try saved(New(lives: 1, name: "bob", score: 8, best: 7))
    #expect(try restored(new, as: Old.self) == Old(name: "bob", gone: [], score: 8))
  }
  @Test("A number that was given to another type is refused, and changes nothing") func reused() throws {
    let bytes = try saved(Old(name: "ann", gone: [], score: 1))
    #expect(throws: Refused.self) { try restored(bytes, as: Other.self) }
  }

  @Test("Damaged bytes are refused or read, never a trap", arguments: 1...20 as ClosedRange<UInt64>)
  func damage(seed: UInt64) throws {
    let good = try saved(Everything.full)
    let room = try RoomTest<Holder<Everything>>()
    var state = seed
    func draw(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    var refusals = 0
    for _ in 0..<500 {
      var bytes = good
      for _ in 0...draw(4) { bytes[draw(bytes.count)] = UInt8(draw(256)) }
      if draw(3) == 0 { bytes.removeLast(draw(bytes.count)) }
      do throws(Refused) { try room.restore(bytes) } catch { refusals += 1 }
    }
    #expect(refusals > 100)
    for length in 0..<good.count { #expect(throws: Refused.self) { try room.restore(Array(good[..<length])) } }
  }

  @Test("Messages have the bytes that clients expect") func bytes() throws {
    let board = try RoomTest<Board>()
    let ann = try board.join("ann")
    // id 1; field 1, a varint: 300; field 2, 8 bytes: two floats.
    let nudge: [UInt8] = [1, 1 << 2 | 0, 0, 2 << 2 | 2, 8, 0, 0, 128, 63, 0, 0, 0, 0]
    let reply = try board.send(nudge, from: ann)
    #expect(reply.bytes == [2, 1 << 2 | 0, 0, 2 << 2 | 0, 0])
    #expect(reply.read(Nudged.self) == Nudged(piece: 0, who: ann))
    #expect(reply.read(Nudge.self) == nil)
    // In whatever order, and with a field from the future.
    try board.send([1, 9 << 2 | 2, 2, 5, 5, 2 << 2 | 2, 8, 0, 0, 128, 63, 0, 0, 0, 0, 1 << 2 | 0, 0], from: ann)
  }

  @Test(
    "A client's bytes that are no message are refused",
    arguments: [
      [], [1, 4], [1, 4, 128], [1, 5, 0, 0, 0, 0], [1, 10, 7, 0, 0, 0, 0, 0, 0, 0], [1, 10, 200, 1, 0],
      [1, 4, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], [1, 4, 0, 255], [1, 10, 8, 0, 0, 192, 127, 0, 0, 0, 0],
      [1, 10, 8, 0, 0, 128, 127, 0, 0, 0, 0], [77],
    ] as [[UInt8]])
  func malformed(bytes: [UInt8]) throws {
    let board = try RoomTest<Board>()
    let ann = try board.join("ann")
    #expect(throws: Refused.self) { try board.send(bytes, from: ann) }
  }

  @Test("The readable form is JSON with every field") func json() throws {
    let room = try RoomTest<Holder<Everything>>()
    room.set { $0.value = .full }
    let json = room.json
    #expect(json.hasPrefix(#"{"value":{"flag":true,"small":255,"word":65535,"count":4294967295,"#))
    #expect(
      json.contains(#""number":-2147483648,"wide":-9223372036854775808,"natural":-5,"real":-0.1,"precise":"#))
    #expect(json.contains(#""name":"Zoë \"\\\u000a""#))
    #expect(json.contains(#""deep":{"x":1,"y":2,"z":null},"slot":7,"phase":2,"group":[1,3],"crew":{"name":"a","#))
    #expect(json.hasSuffix(#""scaled":12.34}}"#))
  }
}
