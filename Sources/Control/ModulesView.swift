// The modules of the server's directory, as their manifests describe them.
import FoundationEssentials

struct ModulesView: Sendable {
  let directory: String

  struct Entry: Codable, Equatable {
    var name: String
    var version: String
    var sha256: String
    var bytes: Int
    /// Whether it brings a page, at `/play/NAME/`.
    var page: Bool?
  }

  /// By name. What is no manifest is left out.
  func list() -> [Entry] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return files.sorted().compactMap { file in
      guard file.hasSuffix(".json"), let (_, entry) = manifest(String(file.dropLast(5))) else { return nil }
      var shown = entry
      shown.page = StaticFiles(directory: "\(directory)/\(entry.name).page").find("") != nil
      return shown
    }
  }

  /// The manifest as its builder wrote it, with the schema.
  func manifest(_ name: String) -> ([UInt8], Entry)? {
    guard Self.isName(name), let json = FileManager.default.contents(atPath: "\(directory)/\(name).json"),
      let entry = try? JSONDecoder().decode(Entry.self, from: json), entry.name == name
    else { return nil }
    return (Array(json), entry)
  }

  /// What a module may be called; such a name is no path.
  static func isName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 64
      && name.utf8.allSatisfy {
        $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") || $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")
          || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
      }
  }
}
