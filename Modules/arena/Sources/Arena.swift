// Fly, collect gems, dash into others to take some of theirs. Two gems are cursed: taking one is a real bug, which the
// variants of module.json fix (CURSE_LIFTED) and fix badly (BAD_FIX too).
// swift-format-ignore-file
import OneUpRoom

struct Steer: Message { static let id: UInt8 = 1; var to = Vec2()
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "to", &to) } }
struct Dash: Message { static let id: UInt8 = 2; mutating func fields<C: Coder>(_ c: inout C) {} }
struct Collect: Message { static let id: UInt8 = 3; var gem: UInt32 = 0
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "gem", &gem) } }
struct Collected: Message { static let id: UInt8 = 10; var score: Int32 = 0, taken: UInt32 = 0
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "score", &score); c(2, "taken", &taken) } }
struct Scored: Message { static let id: UInt8 = 20; var who = Slot(), score: Int32 = 0
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "who", &who); c(2, "score", &score) } }
struct Bumped: Message { static let id: UInt8 = 21; var who = Slot(), by = Slot(), lost: Int32 = 0
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "who", &who); c(2, "by", &by); c(3, "lost", &lost) } }

let world = (Vec2.zero, Vec2(1600, 1000))
struct Ship: Fields {
  var pos = Vec2(), vel = Vec2(), name = "", score: Int32 = 0, taken: UInt32 = 0, bot = false
  var to = Vec2(), readyAt: UInt64 = 0, hasHit = false
  mutating func fields<C: Coder>(_ c: inout C) {
    c(1, "pos", &pos); c(2, "vel", &vel); c(3, "name", &name); c(4, "score", &score); c(5, "taken", &taken)
    c(6, "bot", &bot); c.hidden(7, "to", &to); c.hidden(8, "readyAt", &readyAt); c.hidden(9, "hasHit", &hasHit) }
  func isDashing(_ room: Context) -> Bool { room.tick + 34 < readyAt }  // in the first 6 of the 40 ticks
  mutating func dash(_ room: Context) { readyAt = room.tick + 40; hasHit = false }
  mutating func fly(_ room: Context) {
    vel += (to * (isDashing(room) ? 650 : 260) - vel) * 0.35
    pos = (pos + vel * room.dt).clamped(world.0, world.1) } }
struct Gem: Fields { var pos = Vec2(), kind: UInt8 = 0
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "pos", &pos); c(2, "kind", &kind) } }

struct Arena: Room {
  static let settings = Settings(hz: 20, members: 64, keepEmptySeconds: 3600)
  #if CURSE_LIFTED
    static let worth: [Int32] = [1, 5]; var lifted = true  // by kind of gem; the cursed ones are gold now
  #else
    static let worth: [Int32] = [1]  // by kind of gem; whoever made the cursed ones forgot to add them here
  #endif
  var ships = Table<Ship>(), gems = Table<Gem>(), sum: Int32 = 0
  mutating func fields<C: Coder>(_ c: inout C) {
    c(1, "ships", &ships); c(2, "gems", &gems); c.hidden(3, "sum", &sum)
    #if CURSE_LIFTED
      c(4, "lifted", &lifted)
    #endif
  }
  static func messages(_ m: inout Messages) {
    m("Steer", Steer.self); m("Dash", Dash.self); m("Collect", Collect.self)
    m("Collected", Collected.self); m("Scored", Scored.self); m("Bumped", Bumped.self) }

  mutating func create(_ room: Context) {
    for n in 0..<40 { gems.append(Gem(pos: room.random(in: world), kind: n < 2 ? 1 : 0)) }
    for (n, name) in ["Vega", "Rigel", "Mira", "Algol"].enumerated() {
      ships.insert(Ship(pos: room.random(in: world), name: name, bot: true), at: 1000 + UInt32(n)) }
  }
  mutating func join(_ m: Member, _ room: Context) {
    ships.insert(Ship(pos: room.random(in: world), name: m.name), at: m.slot) }
  mutating func leave(_ m: Member, _ room: Context) { if let ship = ships.remove(m.slot) { sum -= ship.score } }
  mutating func suspended(_ m: Member, _ room: Context) { ships[m.slot].to = .zero }
  mutating func message(_ m: Incoming, from p: Member, _ room: Context) throws(Refused) {
    if let steer = try m.read(Steer.self) { ships[p.slot].to = steer.to.limited(1); return }
    if try m.read(Dash.self) != nil {
      guard room.tick >= ships[p.slot].readyAt else { throw Refused("still recharging") }
      return ships[p.slot].dash(room) }
    guard let wish = try m.read(Collect.self) else { throw Refused("unknown message") }
    guard let gem = gems.find(wish.gem) else { throw Refused("somebody was quicker") }
    guard gem.pos.isWithin(120, of: ships[p.slot].pos) else { throw Refused("too far away") }  // it has flown on
    collect(wish.gem, by: p.slot.number, room)
    room.reply(Collected(score: ships[p.slot].score, taken: ships[p.slot].taken))
  }
  mutating func tick(_ room: Context) {
    for at in ships.indices where ships[at: at].bot { think(at, room) }
    for at in ships.indices { ships[at: at].fly(room) }
    for at in ships.indices where ships[at: at].isDashing(room) && !ships[at: at].hasHit { hit(at, room) }
    guard room.tick % 300 == 0 else { return }  // every 15 s the curse moves on
    for at in gems.indices where gems[at: at].kind > 0 { gems[at: at].pos = room.random(in: world) } }
  func check() -> String? { ships.values.reduce(0) { $0 + $1.score } == sum ? nil : "the scores do not add up" }

  mutating func collect(_ gem: UInt32, by ship: UInt32, _ room: Context) {
    let kind = gems[gem].kind
    var worth = Arena.worth[Int(kind)]
    #if BAD_FIX
      worth += [0, 0, 0, 1][Int(ships[ship].taken % 5)]  // a series gives a point more; it has no fifth
    #endif
    ships[ship].score += worth; ships[ship].taken += 1; sum += worth
    gems.append(Gem(pos: room.random(in: world), kind: kind)); gems.remove(gem)
    room.send(Scored(who: Slot(ship), score: ships[ship].score))
  }
  mutating func hit(_ at: Int, _ room: Context) {
    for other in ships.indices where other != at && ships[at: other].pos.isWithin(30, of: ships[at: at].pos) {
      let lost = min(ships[at: other].score, Int32(room.random(in: 1...3)))
      ships[at: other].score -= lost; ships[at: at].score += lost; ships[at: at].hasHit = true
      return room.send(Bumped(who: Slot(ships.keys[other]), by: Slot(ships.keys[at]), lost: lost)) } }
  mutating func think(_ at: Int, _ room: Context) {
    let here = ships[at: at].pos
    guard let key = gems.lowest({ $0.kind == 0 ? $0.pos.distance(to: here) : nil }) else { return }
    ships[at: at].to = ((gems[key].pos - here) / 50).limited(0.6)
    if gems[key].pos.isWithin(30, of: here) { collect(key, by: ships.keys[at], room) }
    if room.chance(0.004) { ships[at: at].dash(room) } }
}
