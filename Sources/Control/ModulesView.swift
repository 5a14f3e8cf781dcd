// The modules of the server, as their manifests describe them: the builds that new rooms get, and any build by its hash.
import FoundationEssentials

struct ModulesView: Sendable {
  let directory: String
  /// The data directory, with the builds that were ever taken in; nil: those of `directory` are all.
  var data: String?

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
    let names = Set(files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }).union(current().keys)
    return names.sorted().compactMap { name in
      guard let (_, entry) = manifest(name) else { return nil }
      var shown = entry
      shown.page = StaticFiles(directory: "\(directory)/\(entry.name).page").find("") != nil
      return shown
    }
  }

  /// The names of modules that bring a page, in order.
  func pages() -> [String] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return files.filter { $0.hasSuffix(".page") }.map { String($0.dropLast(5)) }.sorted().filter {
      Self.isName($0) && StaticFiles(directory: "\(directory)/\($0).page").find("") != nil
    }
  }

  /// The manifest as its builder wrote it, with the schema: of the build that new rooms get, or of the one with that hash,
  /// whatever became of it.
  func manifest(_ name: String, sha256: String? = nil) -> ([UInt8], Entry)? {
    guard Self.isName(name) else { return nil }
    if let hash = sha256 ?? current()[name], Self.isHash(hash), let data,
      let found = read("\(data)/modules/\(hash).json", name)
    {
      return found
    }
    guard let found = read("\(directory)/\(name).json", name) else { return nil }
    return sha256 == nil || sha256 == found.1.sha256 ? found : nil
  }

  private func read(_ path: String, _ name: String) -> ([UInt8], Entry)? {
    guard let json = FileManager.default.contents(atPath: path),
      let entry = try? JSONDecoder().decode(Entry.self, from: json), entry.name == name
    else { return nil }
    return (Array(json), entry)
  }

  /// By name the hash of the build that new rooms get, where the releases say so.
  private func current() -> [String: String] {
    guard let data, let json = FileManager.default.contents(atPath: "\(data)/releases/current.json") else { return [:] }
    return (try? JSONDecoder().decode([String: String].self, from: json)) ?? [:]
  }

  /// 64 hexadecimal digits; no path.
  private static func isHash(_ text: String) -> Bool {
    text.utf8.count == 64
      && text.utf8.allSatisfy {
        $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") || $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "f")
      }
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
