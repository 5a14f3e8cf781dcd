import Artifacts
import Core
import Foundation
import ModuleBuilder
import Sandbox
import Testing

/// Builds that are not optimised call a function for what a 64-bit processor has an instruction for.
@Suite("Products of 64-bit numbers") struct ProductTests {
  private static let source = """
    import OneUpRoom
    struct Products: Room {
      static let settings = Settings(members: 4)
      var last: Int64 = 0
      mutating func fields<C: Coder>(_ c: inout C) { c.hidden(1, "last", &last) }
      mutating func message(_ incoming: Incoming, from sender: Member, _ room: Context) throws(Refused) {
        var message = incoming.reader
        let (a, b) = (try message.i64(), try message.i64())
        let wide = a.multipliedFullWidth(by: b)
        let narrow = a.multipliedReportingOverflow(by: b)
        if !narrow.overflow { last = a * b }
        var answer = Writer()
        answer.i64(wide.high)
        answer.u64(wide.low)
        answer.i64(narrow.partialValue)
        answer.u8(narrow.overflow ? 1 : 0)
        room.reply(answer)
      }
    }
    """

  @Test("are what they are here, optimised or not", arguments: [false, true])
  func products(isDevelopment: Bool) throws {
    let directory = try TestModules.directory("products")
    try FileManager.default.createDirectory(atPath: directory + "/Sources", withIntermediateDirectories: true)
    try #"{"name": "products", "version": "0.1.0", "room": "Products"}"#
      .write(toFile: directory + "/module.json", atomically: true, encoding: .utf8)
    try Self.source.write(toFile: directory + "/Sources/Room.swift", atomically: true, encoding: .utf8)
    var options = BuildOptions(sdk: TestModules.root + "/Sources/OneUpRoom")
    options.isDevelopment = isDevelopment
    let built = try ModuleBuilder.build(directory: directory, output: directory + "/out", options: options)
    let room = try TestRoom((Array(try Data(contentsOf: URL(fileURLWithPath: built.module))), built.manifest))
    #expect(room.join(0, "ann").isApplied)
    let numbers: [Int64] = [0, 1, -1, 3, 0xFFFF_FFFF, -0x1_0000_0001, 0x1234_5678_9ABC_DEF1, .max, .min]
    for (a, b) in numbers.flatMap({ a in numbers.map { (a, $0) } }) {
      var question: [UInt8] = []
      for number in [a, b] { question.put(UInt64(bitPattern: number)) }
      #expect(room.message(question).isApplied)
      let wide = a.multipliedFullWidth(by: b)
      let narrow = a.multipliedReportingOverflow(by: b)
      var expected: [UInt8] = []
      for word in [UInt64(bitPattern: wide.high), wide.low, UInt64(bitPattern: narrow.partialValue)] {
        expected.put(word)
      }
      expected.append(narrow.overflow ? 1 : 0)
      guard case .reply(let range)? = room.engine.effects.commands.first else {
        Issue.record("no answer to \(a) times \(b)")
        return
      }
      #expect(Array(room.engine.effects.bytes[range]) == expected, "\(a) times \(b)")
    }
  }
}
