// A new module's folder: what `oneup new NAME` makes.
internal import Artifacts
internal import Foundation

/// A game that can be built, tested and played as it is.
package struct Scaffold: Sendable {
  /// The module's name: what was asked for, or the nearest that is one.
  package let name: String
  /// The room's type.
  package let type: String

  /// Throws where no name can be made of `wanted`.
  package init(name wanted: String) throws(BuildError) {
    var name = ""
    for character in wanted.trimmingCharacters(in: .whitespaces).lowercased() {
      switch character {
      case "a"..."z", "0"..."9", "-", "_": name.append(character)
      case " ", ".": name.append("-")
      case "/", "\\":
        throw BuildError(
          "\"\(wanted)\" is a path: go to the folder that should hold the game, then give its name alone.")
      default:
        throw BuildError(
          "a module's name is made of a-z, 0-9, - and _; \"\(character)\" in \"\(wanted)\" is not one of them.")
      }
    }
    guard name.contains(where: { $0.isLetter || $0.isNumber }), !name.hasPrefix("-") else {
      throw BuildError("\"\(wanted)\" is no name for a module: give it letters and digits, like `oneup new meadow`.")
    }
    do throws(ArtifactError) { try Manifest.check(name: name, version: Scaffold.version) } catch {
      throw BuildError("\(error).")
    }
    self.name = name
    type = Scaffold.typeName(name)
  }

  /// my-2nd-game: My2ndGame. A name that Swift or the SDK has already gets "Room" behind it.
  private static func typeName(_ name: String) -> String {
    let parts = name.split { $0 == "-" || $0 == "_" }
    var type = parts.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    if type.first?.isNumber == true { type = "Room" + type }
    let taken = (try? SDK.publicTypes()) ?? []
    return taken.contains(type) || Scaffold.words.contains(type) ? type + "Room" : type
  }
  static let version = "0.1.0"
  /// Of Swift and of the game below.
  private static let words: Set<String> = [
    "Any", "Array", "Bool", "Character", "Collection", "Comparable", "Dictionary", "Double", "Equatable", "Error",
    "Flower",
    "Float", "Hashable", "Int", "Never", "Oneuproom", "Optional", "Plant", "Planted", "Protocol", "Range", "Result",
    "Self",
    "Sequence", "Set", "String", "Suite", "Swift", "Tag", "Test", "Testing", "Trait", "Type", "Void", "Walk", "Walker",
  ]

  /// Makes the folder in `directory`; gives its path. What is there already is never touched.
  package func make(in directory: String) throws(BuildError) -> String {
    let place = directory == "." ? name : directory + "/" + name
    guard !FileManager.default.fileExists(atPath: place) else {
      throw BuildError("there is a \(place) already: choose another name, or move it away.")
    }
    let files = [
      ("module.json", "{\"name\": \"\(name)\", \"version\": \"\(Scaffold.version)\", \"room\": \"\(type)\"}\n"),
      ("Sources/\(type).swift", ScaffoldText.room), ("Tests/\(type)Tests.swift", ScaffoldText.tests),
      ("Page/index.html", ScaffoldText.page), ("README.md", ScaffoldText.readme),
      (".gitignore", "/modules/\n/data/\n/.oneup/\n"),
    ]
    for (path, text) in files {
      let whole = place + "/" + path
      try ModuleBuilder.makeDirectory((whole as NSString).deletingLastPathComponent)
      let filled = text.replacingOccurrences(of: "«name»", with: name).replacingOccurrences(of: "«Type»", with: type)
      try ModuleBuilder.write(Array(filled.utf8), to: whole)
    }
    return place
  }
}
