import OneUpRoom
import Testing

@Suite("Schema") struct SchemaTests {
  @Test("Messages and fields by name") func golden() throws {
    #expect(
      try RoomTest<Turns>().schema
        == #"{"messages":[],"state":[{"n":1,"name":"board","type":"bytes"}],"saved":[{"n":1,"name":"board","type":"bytes"}]}"#
    )
    let schema = try RoomTest<Board>().schema
    #expect(
      schema.hasPrefix(
        #"{"messages":[{"id":1,"name":"Nudge","fields":[{"n":1,"name":"piece","type":"u32"},{"n":2,"name":"by","type":"vec2"}]},"#
      ))
    #expect(
      schema.contains(
        #""state":[{"n":1,"name":"pieces","type":{"table":[{"n":1,"name":"at","type":"vec2"},{"n":2,"name":"turn","type":{"fixed":100}},"#
      ))
    #expect(
      schema.contains(
        #"{"n":6,"name":"crews","type":{"list":{"fields":[{"n":1,"name":"name","type":"string"},{"n":2,"name":"seats","type":{"list":"i16"}}]}}}"#
      ))
    #expect(schema.contains(#"{"n":7,"name":"watchers","type":{"list":"slot"}}"#))
    let parts = schema.split(separator: #""saved":"#)
    #expect(!parts[0].contains("secret") && !parts[0].contains("mood"))
    #expect(parts[1].contains("secret") && parts[1].contains("mood"))
  }

  struct TwoNumbers: Fields {
    var a = false, b = false
    mutating func fields<C: Coder>(_ c: inout C) {
      c(1, "a", &a)
      c.hidden(1, "b", &b)
    }
  }
  struct NoName: Fields {
    var a = false
    mutating func fields<C: Coder>(_ c: inout C) { c(1, "", &a) }
  }
  struct Zero: Fields {
    var a = false
    mutating func fields<C: Coder>(_ c: inout C) { c(0, "a", &a) }
  }
  struct SameName: Fields {
    var a = false, b = false
    mutating func fields<C: Coder>(_ c: inout C) {
      c(1, "a", &a)
      c(2, "a", &b)
    }
  }
  struct WrongOrder: Fields {
    var a = false, b = false
    mutating func fields<C: Coder>(_ c: inout C) {
      c(2, "a", &a)
      c(1, "b", &b)
    }
  }
  struct Endless: Fields {
    var more: [Endless] = []
    mutating func fields<C: Coder>(_ c: inout C) { c(1, "more", &more) }
  }
  struct Rows<F: Fields>: Fields {
    var rows = Table<F>()
    mutating func fields<C: Coder>(_ c: inout C) { c(1, "rows", &rows) }
  }
  struct Five: Message {
    static let id: UInt8 = 5
    mutating func fields<C: Coder>(_ c: inout C) {}
  }
  struct Big: Message {
    static let id: UInt8 = 240
    mutating func fields<C: Coder>(_ c: inout C) {}
  }
  struct Twice: Room {
    static let settings = Settings()
    mutating func fields<C: Coder>(_ c: inout C) {}
    static func messages(_ m: inout Messages) {
      m("Five", Five.self)
      m("Fünf", Five.self)
    }
  }
  struct Same: Room {
    static let settings = Settings()
    mutating func fields<C: Coder>(_ c: inout C) {}
    static func messages(_ m: inout Messages) {
      m("Five", Five.self)
      m("Other", Five.self)
    }
  }
  struct Beyond: Room {
    static let settings = Settings()
    mutating func fields<C: Coder>(_ c: inout C) {}
    static func messages(_ m: inout Messages) { m("Big", Big.self) }
  }

  @Test("What cannot be is told with its place") func problems() {
    #expect(schemaProblem(Holder<TwoNumbers>.self) == #"state.value: "a" and "b" both have the number 1"#)
    #expect(schemaProblem(Holder<Rows<NoName>>.self)?.hasPrefix("state.value.rows: field 1 needs a name") == true)
    #expect(schemaProblem(Holder<Zero>.self) == #"state.value: "a" has the number 0; numbers count from 1"#)
    #expect(schemaProblem(Holder<SameName>.self) == #"state.value: the fields 1 and 2 are both called "a""#)
    #expect(schemaProblem(Holder<WrongOrder>.self)?.contains("ascending order") == true)
    #expect(schemaProblem(Holder<Endless>.self)?.contains("more than 16 deep") == true)
    #expect(schemaProblem(Twice.self)?.contains("Fünf") == true)
    #expect(schemaProblem(Same.self) == "the messages Five and Other both have the id 5")
    #expect(schemaProblem(Beyond.self) == "message Big has the id 240; ids are 1 to 239")
    #expect(schemaProblem(Board.self) == nil)
  }
}
