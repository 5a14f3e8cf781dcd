// Rooms that use everything.
import OneUpRoom

enum Phase: UInt8, Choice { case lobby, playing, over }

struct Crew: Fields, Equatable {
  var name = ""
  var seats: [Int16] = []
  mutating func fields<C: Coder>(_ c: inout C) {
    c(1, "name", &name)
    c(2, "seats", &seats)
  }
}

struct Piece: Fields, Equatable {
  var at = Vec2()
  var turn: Float = 0
  var health: Int32 = 100
  var tags: [UInt8] = []
  var crew = Crew()
  var mood: UInt64 = 0
  mutating func fields<C: Coder>(_ c: inout C) {
    c(1, "at", &at)
    c(2, "turn", &turn, scale: 100)
    c(3, "health", &health)
    c(7, "tags", &tags)
    c(8, "crew", &crew)
    c.hidden(9, "mood", &mood)
  }
}

struct Nudge: Message {
  static let id: UInt8 = 1
  var piece: UInt32 = 0
  var by = Vec2()
  mutating func fields<C: Coder>(_ c: inout C) {
    c(1, "piece", &piece)
    c(2, "by", &by)
  }
}
struct Nudged: Message, Equatable {
  static let id: UInt8 = 2
  var piece: UInt32 = 0
  var who = Slot()
  mutating func fields<C: Coder>(_ c: inout C) {
    c(1, "piece", &piece)
    c(2, "who", &who)
  }
}
struct Wake: Message {
  static let id: UInt8 = 3
  var piece: UInt32 = 0
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "piece", &piece) }
}

/// Changes everything at random in every tick.
struct Board: Room {
  static let settings = Settings(hz: 20, members: 8)
  var pieces = Table<Piece>()
  var phase = Phase()
  var title = ""
  var clock: Double = 0
  var place = Vec3()
  var crews: [Crew] = []
  var watchers = Group()
  var isLoud = false
  var secret: Int64 = 0

  mutating func fields<C: Coder>(_ c: inout C) {
    c(1, "pieces", &pieces)
    c(2, "phase", &phase)
    c(3, "title", &title)
    c(4, "clock", &clock)
    c(5, "place", &place)
    c(6, "crews", &crews)
    c(7, "watchers", &watchers)
    c(8, "isLoud", &isLoud)
    c.hidden(9, "secret", &secret)
  }
  static func messages(_ m: inout Messages) {
    m("Nudge", Nudge.self)
    m("Nudged", Nudged.self)
    m("Wake", Wake.self)
  }

  mutating func create(_ room: Context) { for _ in 0..<6 { grow(room) } }
  mutating func join(_ member: Member, _ room: Context) throws(Refused) {
    guard member.name != "mallory" else { throw Refused("not you") }
    watchers.add(member)
  }
  mutating func message(_ message: Incoming, from member: Member, _ room: Context) throws(Refused) {
    guard let nudge = try message.read(Nudge.self) else { throw Refused("unknown message") }
    guard pieces.has(nudge.piece) else { throw Refused("no such piece") }
    pieces[nudge.piece].at += nudge.by
    room.send(Nudged(piece: nudge.piece, who: member.slot), to: watchers)
    room.reply(Nudged(piece: nudge.piece, who: member.slot))
    room.after(.milliseconds(120), Wake(piece: nudge.piece))
  }
  mutating func timer(_ message: Incoming, _ room: Context) {
    guard let wake = try? message.read(Wake.self), pieces.has(wake.piece) else { return }
    pieces[wake.piece].mood += 1
  }
  mutating func tick(_ room: Context) {
    clock += Double(room.dt)
    secret += 1
    for _ in 0..<room.random(below: 4) { change(room) }
  }
  func check() -> String? { pieces.count < 100 ? nil : "too many pieces" }

  mutating func grow(_ room: Context) { pieces.add(Piece(at: room.random(in: (Vec2(0, 0), Vec2(100, 100))))) }
  private mutating func change(_ room: Context) {
    let key = pieces.keys.isEmpty ? nil : pieces.keys[Int(room.random(below: UInt64(pieces.count)))]
    switch room.random(below: 12) {
    case 0: grow(room)
    case 1: if let key { pieces.remove(key) }
    case 2: phase = phase == .lobby ? .playing : .over
    case 3: title = "round \(room.random(below: 1000))"
    case 4: place.z = room.random(in: -5...5)
    case 5: crews.append(Crew(name: "crew", seats: [Int16(room.random(in: -300...300))]))
    case 6: if !crews.isEmpty { crews.removeLast() }
    case 7: isLoud.toggle()
    case 8: if let key { pieces[key].crew.seats.append(-7) }
    case 9: if let key { pieces[key].tags.append(UInt8(room.random(below: 256))) }
    case 10: if let key { pieces[key].turn += 0.37 }
    default: if let key { pieces[key].health -= Int32(room.random(below: 50)) }
    }
  }
}

/// Turn by turn: does not tick.
struct Turns: Room {
  static let settings = Settings(members: 4)
  var board: [UInt8] = [0, 0, 0, 0]
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "board", &board) }
  mutating func message(_ message: Incoming, from member: Member, _ room: Context) throws(Refused) {
    var reader = message.reader
    let place = try reader.u8()
    guard place < 4 else { throw Refused("no such place") }
    board[Int(place)] = UInt8(member.slot.number + 1)
  }
}
