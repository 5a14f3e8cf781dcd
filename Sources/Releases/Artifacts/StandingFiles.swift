// Which build new rooms get, and which builds are banned: two small files that every process may read.
package import Core

package struct Ban: Hashable, Sendable {
  package var build: Build
  /// Microseconds since 1970.
  package var at: Int64
  package var why: String
  package init(_ build: Build, at: Int64, why: String) { (self.build, self.at, self.why) = (build, at, why) }
}

/// `current.json`: {"NAME": "HASH"}; `banned.json`: {"NAME": [{"version", "sha256", "at", "why"}]}. Written whole.
package struct StandingFiles<System: FileSystem>: Sendable {
  private static var bytesMax: Int { 4 * 1_048_576 }
  let system: System
  let directory: String

  /// Makes the directory where it is missing; its parent must be there.
  package init(_ system: System, directory: String) throws(ArtifactError) {
    (self.system, self.directory) = (system, directory)
    do throws(FileError) { try system.createDirectory(directory) } catch { throw ArtifactError(error) }
  }

  /// Empty where there is no file.
  package func current() throws(ArtifactError) -> [String: ModuleHash] {
    var builds: [String: ModuleHash] = [:]
    for (name, value) in try members(of: "current.json") {
      guard let hash = value.text.flatMap({ ModuleHash(hex: $0) }) else { throw broken("current.json", name) }
      builds[name] = hash
    }
    return builds
  }
  package func setCurrent(_ builds: [String: ModuleHash]) throws(ArtifactError) {
    try write(.object(builds.mapValues { .text($0.description) }), to: "current.json")
  }

  package func banned() throws(ArtifactError) -> [String: [Ban]] {
    var bans: [String: [Ban]] = [:]
    for (name, value) in try members(of: "banned.json") {
      guard case .array(let items) = value else { throw broken("banned.json", name) }
      for item in items {
        guard let version = item["version"]?.text, let hash = item["sha256"]?.text.flatMap({ ModuleHash(hex: $0) }),
          let at = item["at"]?.text.flatMap({ ISOTime.microseconds($0) }), let why = item["why"]?.text
        else { throw broken("banned.json", name) }
        bans[name, default: []].append(Ban(Build(version: version, hash: hash), at: at, why: why))
      }
    }
    return bans
  }
  package func setBanned(_ bans: [String: [Ban]]) throws(ArtifactError) {
    let document = bans.mapValues { bans in
      JSON.array(
        bans.map {
          .object([
            "version": .text($0.build.version), "sha256": .text($0.build.hash.description),
            "at": .text(ISOTime.text(microseconds: $0.at)), "why": .text($0.why),
          ])
        })
    }
    try write(.object(document), to: "banned.json")
  }

  private func members(of name: String) throws(ArtifactError) -> [String: JSON] {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try system.contents(of: directory + "/" + name, limit: StandingFiles.bytesMax)
    } catch {
      if error.code == 2 { return [:] }
      throw ArtifactError(error)
    }
    guard case .object(let members)? = try? JSON(bytes) else { throw broken(name, nil) }
    return members
  }
  private func write(_ document: JSON, to name: String) throws(ArtifactError) {
    do throws(FileError) { try system.replaceContents(of: name, in: directory, with: document.lines) } catch {
      throw ArtifactError(error)
    }
  }
  private func broken(_ name: String, _ member: String?) -> ArtifactError {
    ArtifactError(
      "\(directory)/\(name) is damaged\(member.map { " at \"\($0)\"" } ?? ""): restore it from a backup, or remove it and release again"
    )
  }
}
