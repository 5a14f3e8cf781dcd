// `oneup new`: a folder with a game that can be built, tested and played at once.
import ArgumentParser
import ModuleBuilder

struct NewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "new", abstract: "Make a folder with a new game: room, page and tests.",
    discussion: """
      A name is made of a-z, 0-9, - and _; capital letters become small ones and spaces become dashes.

      Example:
        oneup new meadow && cd meadow && oneup dev
      """)

  @Argument(help: "The game's name, and its folder's.") var name: String

  func run() throws {
    try authored {
      let scaffold = try Scaffold(name: name)
      let place = try scaffold.make(in: ".")
      if scaffold.name != name { print("The name is \(scaffold.name).") }
      print(
        """
        \(place)/ is ready: the game in Sources/\(scaffold.type).swift, the page in Page/index.html.

          cd \(place)
          oneup dev        builds it and starts a server; what you save then goes live in the running game
          oneup test       the game's own tests
        """)
    }
  }
}
