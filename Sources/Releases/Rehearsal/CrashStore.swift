// Crash bundles as `oneup crash` and the rehearsal find them: in a data directory, or as files from another machine.
internal import Core
internal import FoundationEssentials

/// Something that cannot be done with a crash or a rehearsal, and what helps.
package struct RehearsalError: Error, Sendable, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}

/// A bundle by its name: `<time>-<room>-<event>`.
package struct StoredCrash: Sendable {
  package var name: String
  package var path: String
  /// Microseconds since 1970, when it was written.
  package var time: Int64
}

package struct CrashStore: Sendable {
  /// One bundle or exported crash; larger files are none.
  package static let fileBytesMax = 128 << 20
  /// The server's data directory.
  package let data: String
  package init(data: String) { self.data = data }
  var directory: String { data + "/crashes" }

  /// Newest first. A directory that is not there holds none.
  package func list() -> [StoredCrash] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return names.filter { $0.hasSuffix(".bundle") }.compactMap { file in
      let path = "\(directory)/\(file)"
      let name = String(file.dropLast(".bundle".count))
      guard let time = name.split(separator: "-").first.flatMap({ Int64($0) }) else { return nil }
      return StoredCrash(name: name, path: path, time: time)
    }.sorted { ($1.time, $1.name) < ($0.time, $0.name) }
  }

  /// A crash by its name, by the beginning of its name, `last`, or the path of a bundle or of an exported crash.
  package func find(_ name: String) throws(RehearsalError) -> (name: String, crash: CrashCase) {
    if name.contains("/") || FileManager.default.fileExists(atPath: name) { return (name, try Self.read(name)) }
    let all = list()
    let found = name == "last" ? Array(all.prefix(1)) : all.filter { $0.name == name }
    let near = found.isEmpty ? all.filter { $0.name.hasPrefix(name) } : found
    guard let one = near.first else {
      guard !all.isEmpty else { throw RehearsalError("there are no crashes in \(directory)") }
      throw RehearsalError(
        "there is no crash \(name) in \(directory); `oneup crash list --data \(data)` shows those there are")
    }
    guard near.count == 1 else {
      throw RehearsalError("\(near.count) crashes begin with \(name): write more of the name")
    }
    return (one.name, try Self.read(one.path))
  }

  package static func read(_ path: String) throws(RehearsalError) -> CrashCase {
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else {
      throw RehearsalError("there is no file \(path)")
    }
    guard ((attributes[.size] as? Int) ?? 0) <= fileBytesMax, let bytes = FileManager.default.contents(atPath: path)
    else { throw RehearsalError("\(path) cannot be read, or is over \(fileBytesMax) bytes") }
    do throws(DecodingError) { return try CrashCase([UInt8](bytes)) } catch {
      throw RehearsalError("\(path) \(error)")
    }
  }
}
