import Artifacts
import Testing

@Suite struct StateTypesTests {
  private static func schema(_ saved: String) throws -> JSON { try JSON(Array("{\"saved\":\(saved)}".utf8)) }
  private static let old = """
    [{"n":1,"name":"flowers","type":{"table":[{"n":1,"name":"pos","type":"vec2"},{"n":2,"name":"hue","type":"u16"}]}},
     {"n":2,"name":"rope","type":{"fixed":100}},{"n":4,"name":"past","type":{"list":{"fields":[{"n":1,"name":"at","type":"u64"}]}}}]
    """

  @Test func `each number that got another type is named with its place`() throws {
    let new = """
      [{"n":1,"name":"flowers","type":{"table":[{"n":1,"name":"pos","type":"vec2"},{"n":2,"name":"colour","type":"string"}]}},
       {"n":2,"name":"rope","type":{"list":"f32"}},{"n":3,"name":"wind","type":"f32"},
       {"n":4,"name":"past","type":{"list":{"fields":[{"n":1,"name":"at","type":"vec2"}]}}}]
      """
    #expect(
      try StateTypes.changes(from: Self.schema(Self.old), to: Self.schema(new)) == [
        "flowers.colour (number 2) was u16 and is string now", "rope (number 2) was a scaled number and is a list now",
        "past.at (number 1) was u64 and is vec2 now",
      ])
  }

  @Test func `new names, new numbers and fields that went are no change of type`() throws {
    let new = #"[{"n":2,"name":"line","type":{"fixed":100}},{"n":9,"name":"flowers","type":"u8"}]"#
    #expect(try StateTypes.changes(from: Self.schema(Self.old), to: Self.schema(new)).isEmpty)
    #expect(try StateTypes.changes(from: nil, to: Self.schema(new)).isEmpty)
    #expect(try StateTypes.changes(from: Self.schema("{}"), to: Self.schema("[1,{\"n\":1}]")).isEmpty)
  }
}
