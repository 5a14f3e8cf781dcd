// A failure outside of events: in a call that looks at the room, or saves it.
import OneUpRoom

struct Fuse: Value {
  enum Call: UInt8 { case none = 0, describe, check, save }
  var burns = Call.none

  @inline(never) func meet(_ call: Call) {
    precondition(call != burns)
  }

  static var kind: Kind { UInt8.kind }
  mutating func put(_ out: Encoder) {
    meet(.save)
    var code = burns.rawValue
    code.put(out)
  }
  mutating func take(_ input: inout Decoder) {
    var code = UInt8(0)
    code.take(&input)
    burns = Call(rawValue: code) ?? .none
  }
  mutating func json(_ out: Buffer) {
    var code = burns.rawValue
    code.json(out)
  }
  static func schema(_ out: SchemaWriter) { UInt8.schema(out) }
}
