// The crash bundles and reports that the data directory keeps.
import FoundationEssentials

struct CrashEntry: Encodable, Hashable {
  var id: String
  var bytes: Int
  /// Seconds since 1970.
  var at: Int

  /// Of the `.json` files in a directory, newest first. A directory that is not there holds none.
  static func list(in directory: String) -> [CrashEntry] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return names.filter { $0.hasSuffix(".json") }.map { name in
      let attributes = try? FileManager.default.attributesOfItem(atPath: directory + "/" + name)
      return CrashEntry(
        id: String(name.dropLast(".json".count)), bytes: (attributes?[.size] as? Int) ?? 0,
        at: Int((attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0))
    }.sorted { ($1.at, $1.id) < ($0.at, $0.id) }
  }

  /// The report itself; nil where there is none. An id is a file's name and can name nothing outside the directory.
  static func report(_ id: String, in directory: String) -> [UInt8]? {
    file(id + ".json", in: directory)
  }
  /// What the report's crash is played again from.
  static func bundle(_ id: String, in directory: String) -> [UInt8]? {
    file(id + ".bundle", in: directory)
  }

  private static func file(_ name: String, in directory: String) -> [UInt8]? {
    guard !name.contains("/"), !name.hasPrefix("."), !name.hasPrefix("-"), !name.utf8.contains(0) else { return nil }
    return FileManager.default.contents(atPath: "\(directory)/\(name)").map(Array.init)
  }
}
