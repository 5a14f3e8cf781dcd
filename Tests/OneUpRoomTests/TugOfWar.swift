// The game that docs/rooms.md teaches with. Its code blocks are taken from here and from TugOfWarTests.swift.
import OneUpRoom

struct Pull: Message {
  static let id: UInt8 = 1
  var strength: Float = 0
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "strength", &strength) }
}

struct Shout: Message {
  static let id: UInt8 = 2
  var text = ""
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "text", &text) }
}

struct Pulled: Message {
  static let id: UInt8 = 10
  var rope: Float = 0
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "rope", &rope) }
}

struct Won: Message {
  static let id: UInt8 = 20
  var team = Team()
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "team", &team) }
}

struct NextRound: Message {
  static let id: UInt8 = 30
  mutating func fields<C: Coder>(_ c: inout C) {}
}

struct Wind: Message {
  static let id: UInt8 = 40
  var force: Float = 0
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "force", &force) }
}

enum Team: UInt8, Choice { case red, blue }
enum Round: UInt8, Choice { case pulling, over }

struct Puller: Fields {
  var name = ""
  var team = Team()
  var pulls: UInt32 = 0
  var tired: UInt64 = 0
  mutating func fields<C: Coder>(_ c: inout C) {
    c(1, "name", &name)
    c(2, "team", &team)
    c(3, "pulls", &pulls)
    c.hidden(4, "tired", &tired)
  }
}

struct TugOfWar: Room {
  static let settings = Settings(hz: 10, members: 20, keepEmptySeconds: 600)

  var pullers = Table<Puller>()
  var rope: Float = 0
  var phase = Round()
  var red = Group()
  var blue = Group()

  mutating func fields<C: Coder>(_ c: inout C) {
    c(1, "pullers", &pullers)
    c(2, "rope", &rope, scale: 100)
    c(3, "phase", &phase)
    c.hidden(4, "red", &red)
    c.hidden(5, "blue", &blue)
  }

  static func messages(_ m: inout Messages) {
    m("Pull", Pull.self)
    m("Shout", Shout.self)
    m("Pulled", Pulled.self)
    m("Won", Won.self)
    m("NextRound", NextRound.self)
    m("Wind", Wind.self)
  }

  mutating func join(_ member: Member, _ room: Context) throws(Refused) {
    guard !member.name.isEmpty else { throw Refused("who are you?") }
    let team = red.count <= blue.count ? Team.red : Team.blue
    if team == .red { red.add(member) } else { blue.add(member) }
    pullers.insert(Puller(name: member.name, team: team), at: member.slot)
    room.label("\(pullers.count) at the rope")
  }

  mutating func leave(_ member: Member, _ room: Context) { pullers.remove(member.slot) }

  mutating func message(_ message: Incoming, from member: Member, _ room: Context) throws(Refused) {
    if let pull = try message.read(Pull.self) {
      guard phase == .pulling else { throw Refused("the round is over") }
      guard room.tick >= pullers[member.slot].tired else { throw Refused("catch your breath") }
      let team = pullers[member.slot].team
      rope += max(0, min(1, pull.strength)) * (team == .red ? -1 : 1)
      pullers[member.slot].pulls += 1
      pullers[member.slot].tired = room.tick + 3
      room.reply(Pulled(rope: rope))
    } else if let shout = try message.read(Shout.self) {
      room.send(shout, to: red.contains(member) ? red : blue)
    } else {
      throw Refused("unknown message")
    }
  }

  mutating func tick(_ room: Context) {
    guard phase == .pulling, abs(rope) >= 10 else { return }
    phase = .over
    room.send(Won(team: rope < 0 ? .red : .blue))
    room.count("rounds")
    room.signal("league/tug", Won(team: rope < 0 ? .red : .blue))
    room.after(.seconds(5), NextRound())
  }

  mutating func timer(_ message: Incoming, _ room: Context) {
    rope = room.random(in: -1...1)
    phase = .pulling
  }

  mutating func answered(_ answer: Answer, _ room: Context) {
    switch answer.outcome {
    case .done: room.count("reported")
    case .refused(let why), .failed(let why): room.log("the league was not told: \(why)", .warning)
    }
  }

  mutating func signal(_ message: Incoming, _ room: Context) throws(Refused) {
    guard let wind = try message.read(Wind.self) else { throw Refused("unknown signal") }
    guard phase == .pulling else { throw Refused("the round is over") }
    rope += wind.force
  }

  func check() -> String? {
    red.count + blue.count == pullers.count ? nil : "somebody is in no team"
  }
}
