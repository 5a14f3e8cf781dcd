// `oneup settings`: the table of all settings.
import ArgumentParser
import Foundation

struct SettingsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "settings", abstract: "List every setting of a server: names, type, unit, range and default.",
    discussion: "Which one counts: the command line, else the environment, else the YAML file, else the default.")

  @Flag(help: "Print a JSON array.") var json = false

  func run() throws {
    if json { return try printAll() }
    for setting in Setting.all {
      print("--\(setting.name)   \(setting.environmentName)   yaml: \(setting.name)")
      print("    \(setting.facts)")
      print("    \(setting.text)")
    }
    print("None of them changes while the server runs; start it anew.")
  }

  private struct Row: Encodable {
    var name: String
    var environment: String
    var type: String
    var unit: String?
    var fallback: String?
    var text: String
    enum CodingKeys: String, CodingKey {
      case name, environment, type, unit, text
      case fallback = "default"
    }
  }
  private func printAll() throws {
    let rows = Setting.all.map {
      Row(
        name: $0.name, environment: $0.environmentName, type: $0.typeName, unit: $0.unit, fallback: $0.fallback,
        text: $0.text)
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(rows), as: UTF8.self))
  }
}
