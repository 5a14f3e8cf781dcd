// What a settings file may say: one `name: value` a line. The provider that reads it looks values up by name and would
// pass over a misspelt one in silence, so the names are checked here.
import Foundation
import SupervisionShell

enum SettingsFile {
  /// Throws for the first line that names no setting.
  static func check(_ text: String, path: String) throws(StartError) {
    for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let line = raw.trimmingCharacters(in: .whitespaces)
      if line.isEmpty || line.hasPrefix("#") || line == "---" { continue }
      let place = "Line \(index + 1) of \(path)"
      guard raw.first != " ", raw.first != "\t", let colon = line.firstIndex(of: ":") else {
        throw StartError("\(place) is not of the form `name: value`. List the settings with: oneup settings")
      }
      let name = line[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "\"' "))
      guard !Setting.all.contains(where: { $0.name == name }) else { continue }
      throw StartError(
        "\(place) names the setting \"\(name)\", which there is not. List the settings with: oneup settings")
    }
  }
}
