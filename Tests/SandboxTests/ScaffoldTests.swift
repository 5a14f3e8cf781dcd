import Artifacts
import Core
import Foundation
import ModuleBuilder
import Sandbox
import Testing

@Suite("New modules") struct ScaffoldTests {
  @Test(
    "A name is taken, or made one",
    arguments: [
      ("meadow", "meadow", "Meadow"), ("My Game", "my-game", "MyGame"), ("2nd_try", "2nd_try", "Room2ndTry"),
      ("table", "table", "TableRoom"), ("room", "room", "RoomRoom"), ("vec2", "vec2", "Vec2Room"),
      ("int", "int", "IntRoom"),
      ("self", "self", "SelfRoom"), ("Flower", "flower", "FlowerRoom"), ("v1.2", "v1-2", "V12"), (" a ", "a", "A"),
      ("testing", "testing", "TestingRoom"), ("class", "class", "Class"),
    ])
  func names(wanted: String, name: String, type: String) throws {
    let scaffold = try Scaffold(name: wanted)
    #expect(scaffold.name == name && scaffold.type == type)
  }
  @Test(
    "What can be no name is refused in a sentence",
    arguments: ["", " ", "-", "_", "../up", "a/b", "日本", "é", "-rf", "a\nb", "a;b", String(repeating: "a", count: 65)])
  func refused(wanted: String) {
    do throws(BuildError) {
      let scaffold = try Scaffold(name: wanted)
      Issue.record("made \(scaffold.name) of \(wanted)")
    } catch { #expect(error.description.hasSuffix(".") && error.description.count < 250) }
  }

  @Test("A new game builds as it is, with its page and its schema; nothing that is there is touched")
  func builds() throws {
    let directory = try TestModules.directory("new")
    let scaffold = try Scaffold(name: "meadow")
    let place = try scaffold.make(in: directory)
    #expect(throws: BuildError.self) { try scaffold.make(in: directory) }
    let built = try ModuleBuilder.build(
      directory: place, output: directory + "/modules",
      options: BuildOptions(sdk: TestModules.root + "/Sources/OneUpRoom"))
    #expect(built.manifest.name == "meadow")
    let page = try String(contentsOfFile: directory + "/modules/meadow.page/index.html", encoding: .utf8)
    #expect(page.contains("meadow/lobby") && !page.contains("«"))
    let manifest =
      try JSONSerialization.jsonObject(
        with: try Data(contentsOf: URL(fileURLWithPath: built.manifestPath))) as? [String: Any]
    let schema = manifest?["schema"] as? [String: Any]
    let messages = schema?["messages"] as? [[String: Any]] ?? []
    #expect(messages.compactMap { $0["name"] as? String } == ["Walk", "Plant", "Planted"])

    let room = try TestRoom((Array(try Data(contentsOf: URL(fileURLWithPath: built.module))), built.manifest))
    #expect(room.join(0, "ann").isApplied)
    #expect(room.message([2]).isApplied)
    // Planted{who: 0, flower: 0}, to all and as the answer.
    #expect(room.sent == [[3, 4, 0, 8, 0]])
    #expect(room.message([2]).isRefused)
    #expect(try room.check() == "")
  }

  @Test("The test package is the module's own, and stays as it is while nothing changes") func tests() throws {
    let directory = try TestModules.directory("tested")
    let place = try Scaffold(name: "meadow").make(in: directory)
    let sdk = TestModules.root + "/Sources/OneUpRoom"
    let tests = try ModuleTests(directory: place, sdk: sdk)
    defer { try? FileManager.default.removeItem(atPath: tests.package) }
    let manifest = tests.package + "/Package.swift"
    #expect(try String(contentsOfFile: manifest, encoding: .utf8).contains("name: \"MeadowTests\""))
    #expect(FileManager.default.fileExists(atPath: tests.package + "/Module/Sources/Meadow.swift"))
    #expect(FileManager.default.fileExists(atPath: tests.package + "/OneUpRoom/Room.swift"))
    let time = try FileManager.default.attributesOfItem(atPath: manifest)[.modificationDate] as? Date
    #expect(try ModuleTests(directory: place, sdk: sdk).package == tests.package)
    #expect(try FileManager.default.attributesOfItem(atPath: manifest)[.modificationDate] as? Date == time)
    try FileManager.default.removeItem(atPath: place + "/Tests")
    #expect(throws: BuildError.self) { try ModuleTests(directory: place, sdk: sdk) }
  }

  @Test("Of a good run its author hears each test and the result; of a compilation that fails, everything") func talk()
  {
    var talk = TestTalk()
    var words: [TestTalk.Word] = []
    let compilation = ["warning: a file is not handled", "[3/9] Compiling Meadow", "Build complete! (9.81s)"]
    let announcements = [
      "◇ Test run started.", "↳ Testing Library Version: 6.3.1", "◇ Suite \"meadow\" started.",
      "◇ Test \"A flower grows\" started.",
    ]
    let result = [
      "what a test printed", "✘ Test \"A flower grows\" recorded an issue at MeadowTests.swift:9:7: Expectation failed",
      "↳ // why", "✔ Test \"A room that is moved\" passed after 0.9 seconds.",
      "✘ Test run with 2 tests in 1 suite failed after 0.9 seconds with 1 issue.",
    ]
    for line in compilation + announcements + result + ["✔ Suite \"meadow\" passed after 0.9 seconds."] {
      if let word = talk.take(line) { words.append(word) }
    }
    #expect(words == [.progress("[3/9] Compiling Meadow")] + result.map { .line($0) })
    #expect(talk.rest.isEmpty)

    var failed = TestTalk()
    let complaint =
      compilation.dropLast() + ["Meadow.swift:7:9: error: cannot find 'wrong' in scope", "   |         `- error"]
    #expect(complaint.compactMap { failed.take($0) } == [.progress("[3/9] Compiling Meadow")])
    #expect(failed.rest == Array(complaint))
  }
}
