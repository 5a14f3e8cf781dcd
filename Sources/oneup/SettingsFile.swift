// What a settings file may say: one `name: value` a line. The provider that reads it looks values up by name and would
// pass over a misspelt one in silence, so the names are checked here.
import Foundation
import SupervisionShell

enum SettingsFile {
  /// Whether it sets anything. Throws where it cannot be read, and for the first line that sets nothing there is, or
  /// something for the second time.
  static func hasSettings(_ path: String) throws(StartError) -> Bool {
    let bytes: Data
    do { bytes = try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
      throw StartError("The configuration file \(path) cannot be read: \(cause(of: error)).")
    }
    return try !check(String(decoding: bytes, as: UTF8.self), path: path).isEmpty
  }

  /// The names that it sets, with their lines.
  private static func check(_ text: String, path: String) throws(StartError) -> [String: Int] {
    var lines: [String: Int] = [:]
    for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let line = raw.trimmingCharacters(in: .whitespaces)
      if line.isEmpty || line.hasPrefix("#") || line == "---" { continue }
      let place = "Line \(index + 1) of \(path)"
      guard raw.first != " ", raw.first != "\t", let colon = line.firstIndex(of: ":") else {
        throw StartError("\(place) is not of the form `name: value`. List the settings with: oneup settings")
      }
      let name = line[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "\"' "))
      guard Setting.all.contains(where: { $0.name == name }) else {
        throw StartError(
          "\(place) names the setting \"\(name)\", which there is not. List the settings with: oneup settings")
      }
      if let first = lines.updateValue(index + 1, forKey: name) {
        throw StartError("\(place) sets \(name) again, which line \(first) has set already.")
      }
    }
    return lines
  }
}
