// `oneup settings`: the table of all settings.
import ArgumentParser

struct SettingsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "settings", abstract: "List every setting of a server: names, type, unit, range and default.",
    discussion: "Which one counts: the command line, else the environment, else the YAML file, else the default.")

  func run() {
    for setting in Setting.all {
      print("--\(setting.name)   \(setting.environmentName)   yaml: \(setting.name)")
      print("    \(setting.facts)")
      print("    \(setting.text)")
    }
    print("None of them changes while the server runs; start it anew.")
  }
}
