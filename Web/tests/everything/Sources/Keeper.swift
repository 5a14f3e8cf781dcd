// Keeps one value of every type, so that oneup.js can be tested against what the SDK writes. It has no clock: what
// changed is told after each event.
import OneUpRoom

enum Phase: UInt8, Choice { case lobby, playing, over }

struct Part: Fields {
  var name = "", at = Vec2(), counts: [Int32] = []
  mutating func fields<C: Coder>(_ c: inout C) {
    c(1, "name", &name)
    c(2, "at", &at)
    c(3, "counts", &counts)
  }
}

struct Values: Fields {
  var flag = false, u8: UInt8 = 0, u16: UInt16 = 0, u32: UInt32 = 0, u64: UInt64 = 0
  var i8: Int8 = 0, i16: Int16 = 0, i32: Int32 = 0, i64: Int64 = 0
  var f32: Float = 0, f64: Double = 0, fixed: Float = 0, text = "", bytes: [UInt8] = []
  var vec2 = Vec2(), vec3 = Vec3(), phase = Phase.lobby
  var list: [UInt64] = [], texts: [String] = [], places: [Vec2] = [], part = Part(), parts: [Part] = []
  var table = Table<Part>()
  mutating func fields<C: Coder>(_ c: inout C) {
    c(1, "flag", &flag)
    c(2, "u8", &u8)
    c(3, "u16", &u16)
    c(4, "u32", &u32)
    c(5, "u64", &u64)
    c(6, "i8", &i8)
    c(7, "i16", &i16)
    c(8, "i32", &i32)
    c(9, "i64", &i64)
    c(10, "f32", &f32)
    c(11, "f64", &f64)
    c(12, "fixed", &fixed, scale: 100)
    c(13, "text", &text)
    c(14, "bytes", &bytes)
    c(15, "vec2", &vec2)
    c(16, "vec3", &vec3)
    c(17, "phase", &phase)
    c(18, "list", &list)
    c(19, "texts", &texts)
    c(20, "places", &places)
    c(21, "part", &part)
    c(22, "parts", &parts)
    c(40, "table", &table)
  }
}

struct Put: Message {
  static let id: UInt8 = 1
  var values = Values()
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "values", &values) }
}
struct Kept: Message {
  static let id: UInt8 = 2
  var values = Values()
  mutating func fields<C: Coder>(_ c: inout C) { c(1, "values", &values) }
}

public struct Keeper: Room {
  public static let settings = Settings()
  var values = Values()
  public init() {}
  public mutating func fields<C: Coder>(_ c: inout C) { c(1, "values", &values) }
  public static func messages(_ m: inout Messages) {
    m("Put", Put.self)
    m("Kept", Kept.self)
  }
  public mutating func message(_ m: Incoming, from sender: Member, _ room: Context) throws(Refused) {
    guard let put = try m.read(Put.self) else { throw Refused("unknown message") }
    values = put.values
    room.reply(Kept(values: values))
  }
}
