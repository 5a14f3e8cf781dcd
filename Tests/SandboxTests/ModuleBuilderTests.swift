import Artifacts
import Core
import Foundation
import ModuleBuilder
import Sandbox
import Testing

@Suite("Building modules") struct ModuleBuilderTests {
  func module(_ description: String, _ source: String) throws -> String {
    let directory = try TestModules.directory("module")
    try FileManager.default.createDirectory(atPath: directory + "/Sources", withIntermediateDirectories: true)
    try description.write(toFile: directory + "/module.json", atomically: true, encoding: .utf8)
    try source.write(toFile: directory + "/Sources/Room.swift", atomically: true, encoding: .utf8)
    return directory
  }
  func build(_ directory: String) throws(BuildError) -> BuiltModule {
    try ModuleBuilder.build(
      directory: directory, output: directory + "/out",
      options: BuildOptions(sdk: TestModules.root + "/Sources/OneUpRoom"))
  }
  func failure(_ directory: String) -> String {
    do throws(BuildError) { return "built \(try build(directory).module)" } catch { return error.description }
  }

  @Test("A module with timers, chance, text and replies runs in the sandbox") func features() throws {
    let built = try build(
      try module(
        #"{"name": "dice", "version": "0.1.0", "room": "Dice"}"#,
        """
        import OneUpRoom
        struct Dice: Room {
          static let settings = Settings(
            hz: 5, members: 6, clientsMayCreate: false, roomsMax: 5, keepEmptySeconds: 60, graceSeconds: 9,
            ticksWhenEmpty: true, memoryKiB: 2048)
          var ticks: UInt64 = 0
          mutating func fields<C: Coder>(_ c: inout C) { c.hidden(1, "ticks", &ticks) }
          mutating func join(_ member: Member, _ room: Context) throws(Refused) {
            guard member.name != "mallory" else { throw Refused("not you, \\(member.name)") }
            var parameters = room.parameters.reader
            room.log("\\(member.name) is in with \\(try parameters.u16())")
          }
          mutating func message(_ incoming: Incoming, from sender: Member, _ room: Context) throws(Refused) {
            var message = incoming.reader
            let sides = try message.u8()
            guard sides > 0 else { throw Refused("no sides") }
            var answer = Writer()
            answer.u64(room.random(below: UInt64(sides)))
            answer.text(sender.name)
            answer.u64(incoming.stamp)
            answer.i64(room.date.microseconds)
            room.reply(answer)
            room.cancel(room.after(.milliseconds(250), answer))
            if sides == 13 { room.kick(sender.slot, "unlucky") }
          }
          mutating func tick(_ room: Context) { ticks = room.tick &+ UInt64(room.skipped) }
          func check() -> String? { ticks > 2 ? "too many ticks" : nil }
        }
        """))
    #expect(built.manifest.name == "dice" && built.manifest.version == "0.1.0")
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: built.module)))
    let manifest = try Manifest(json: Array(try Data(contentsOf: URL(fileURLWithPath: built.manifestPath))))
    #expect(manifest == built.manifest)
    let room = try TestRoom((bytes, manifest))
    #expect(room.settings.ticksWhenEmpty && room.settings.ticksPerSecond == 5)
    #expect(room.settings.limits.memoryBytes == 2 << 20)
    #expect(!room.settings.clientsMayCreate && room.settings.roomsMax == 5)
    #expect(room.settings.keepEmptySeconds == 60 && room.settings.graceSeconds == 9)
    try use(room)
  }

  private func use(_ room: TestRoom) throws {
    var payload: [UInt8] = []
    payload.putText("zoé")
    #expect(room.call(.join(Slot(2)), payload).isRefused, "the parameters are missing")
    #expect(room.call(.join(Slot(2)), payload + [1, 1]).isApplied)
    guard case .log(level: 1, let text) = room.engine.effects.commands.first else {
      Issue.record("no log: \(room.engine.effects.commands)")
      return
    }
    #expect(String(decoding: room.engine.effects.bytes[text], as: UTF8.self) == "zoé is in with 257")
    var mallory: [UInt8] = []
    mallory.putText("mallory")
    #expect(room.call(.join(Slot(3)), mallory).isRefused)

    var random = room.engine.context.random
    let drawn = random.next() % 13
    #expect(room.call(.message(Slot(2), stamp: 99), [13]).isApplied)
    var answer: [UInt8] = []
    answer.put(drawn)
    answer.putText("zoé")
    answer.put(UInt64(99))
    answer.put(room.engine.context.time)
    let effects = room.engine.effects
    #expect(room.engine.context.random == random)
    guard effects.commands.count == 4, case .reply(let reply) = effects.commands[0],
      case .after(TimerID(1), milliseconds: 250, let timer) = effects.commands[1],
      effects.commands[2] == .cancel(TimerID(1)), case .kick(Slot(2), let reason) = effects.commands[3]
    else {
      Issue.record("other effects: \(effects.commands)")
      return
    }
    #expect(Array(effects.bytes[reply]) == answer && Array(effects.bytes[timer]) == answer)
    #expect(String(decoding: effects.bytes[reason], as: UTF8.self) == "unlucky")

    #expect(try room.check() == "")
    room.engine.context.tick = 3
    #expect(room.call(.tick(number: 3, skipped: 1)).isApplied)
    #expect(try room.check() == "too many ticks")
  }

  @Test("Variants are built from the same sources, onto the shelf; a development build has fuel to match")
  func variants()
    throws
  {
    let directory = try module(
      #"""
      {"name": "greeter", "version": "1.0.0", "room": "Greeter", "variants": [
        {"version": "hotfix-1.0.0-v1", "define": ["POLITE"], "reason": "it was rude"},
        {"version": "louder", "define": [], "baseline": "1.0.0"}]}
      """#,
      """
      import OneUpRoom
      struct Greeter: Room {
        static let settings = Settings()
        mutating func fields<C: Coder>(_ c: inout C) {}
        mutating func message(_ message: Incoming, from sender: Member, _ room: Context) throws(Refused) {
          #if POLITE
            room.reply([1])
          #else
            room.reply([0])
          #endif
        }
      }
      """)
    let sdk = TestModules.root + "/Sources/OneUpRoom"
    _ = try ModuleBuilder.build(
      directory: directory, output: directory + "/out", options: BuildOptions(sdk: sdk, isDevelopment: true))
    func said(_ base: String) throws -> (manifest: Manifest, reply: [UInt8], fuel: UInt64) {
      let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/out/\(base).wasm")))
      let manifest = try Manifest(
        json: Array(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/out/\(base).json"))))
      let room = try TestRoom((bytes, manifest))
      #expect(room.message([9]).isApplied)
      return (manifest, room.engine.effects.bytes, room.settings.limits.fuel)
    }
    let usual = try said("greeter")
    #expect(usual.reply == [0] && usual.manifest.version == "1.0.0")
    #expect(usual.manifest.isDevelopment && usual.fuel == SandboxLimits.room.fuel * 20)
    let fixed = try said("shelf/greeter-hotfix-1.0.0-v1")
    #expect(fixed.reply == [1] && fixed.manifest.reason == "it was rude")
    #expect(fixed.manifest.kind == .hotfix && fixed.manifest.baseline == "1.0.0")
    let louder = try said("shelf/greeter-louder")
    #expect(louder.reply == [0] && louder.manifest.kind == .hotfix && louder.manifest.baseline == "1.0.0")
    let one = try ModuleBuilder.build(
      directory: directory, output: directory + "/one", options: BuildOptions(sdk: sdk, withVariants: false))
    #expect(!one.manifest.isDevelopment)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: directory + "/one").sorted()
        == ["greeter.json", "greeter.lines", "greeter.wasm"])
  }

  @Test("Mistakes are told in words that help") func mistakes() throws {
    let good = #"{"name": "a", "version": "1", "room": "A"}"#
    let room = """
      import OneUpRoom
      struct A: Room { static let settings = Settings(); mutating func fields<C: Coder>(_ c: inout C) {} }

      """
    #expect(failure(try module(good, room)).hasPrefix("built "))
    #expect(failure(try module(good, room + "let x: Int = \"no\"\n")).contains("Room.swift:3"))
    #expect(failure(try module(good, "struct B {}\n")).contains("the room is A, and there is no type of that name"))
    #expect(failure(try module(good, "struct A {}\n")).contains("must be a type that is a Room"))
    #expect(
      failure(
        try module(
          good,
          """
          import OneUpRoom
          struct A: Room {
            static let settings = Settings()
            var b = false
            mutating func fields<C: Coder>(_ c: inout C) { c(1, "b", &b); c.hidden(1, "c", &b) }
          }
          """)) == #"state: "b" and "c" both have the number 1"#)
    #expect(failure(try TestModules.directory("nothing")).contains("module.json"))
    #expect(failure(try module("{}", room)).contains("module.json is not right"))
    #expect(failure(try module(#"{"name": "../a", "version": "1", "room": "A"}"#, room)).contains("module's name"))
    #expect(failure(try module(#"{"name": "a", "version": "1", "room": "A>()"}"#, room)).contains("Swift type"))
    func variants(_ list: String) throws -> String {
      failure(try module(#"{"name": "a", "version": "1", "room": "A", "variants": [\#(list)]}"#, room))
    }
    #expect(try variants(#"{"version": "1", "define": []}"#).contains("versions of their own"))
    #expect(try variants(#"{"version": "../b", "define": []}"#).contains("versions of their own"))
    #expect(try variants(#"{"version": "b", "define": ["-o"]}"#).contains("names for `#if`"))
    #expect(try variants(#"{"version": "b", "defines": ["B"]}"#).contains("a variant like"))
    let directory = try module(good, room)
    #expect(throws: BuildError.self) {
      try ModuleBuilder.build(directory: directory, output: directory, options: BuildOptions(sdk: "/nowhere"))
    }
  }
}
