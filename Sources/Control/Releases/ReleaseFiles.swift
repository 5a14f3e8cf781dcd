// What releases keep in the data directory: builds by hash in `modules/`, and in `releases/` which build new rooms get, bans,
// the state of rollouts, the audit log, and builds that wait for their judgement.
package import Artifacts
package import Core
import FoundationEssentials
import Journal
import ReleaseCore

package struct ReleaseFiles: Sendable {
  static let moduleBytesMax = ArtifactLimits.moduleBytesMax
  /// The data directory.
  let data: String
  private let system = PosixFileSystem()
  private let registry: Registry<PosixFileSystem>
  private let standing: StandingFiles<PosixFileSystem>

  /// Makes what is not there but the data directory itself.
  package init(data: String) throws(ArtifactError) {
    self.data = data
    registry = try Registry(system, directory: data + "/modules")
    standing = try StandingFiles(system, directory: data + "/releases")
    do throws(FileError) { try system.createDirectory(data + "/releases/incoming") } catch {
      throw ArtifactError(error.description)
    }
  }

  package var developmentKey: String { data + "/keys/dev.key" }
  var audit: String { data + "/releases/audit.log" }
  private var incoming: String { data + "/releases/incoming" }
  private static let state = "rollouts.json"

  func auditLog() throws(ArtifactError) -> AuditLog<PosixFileSystem> { try AuditLog(system, path: audit) }

  // MARK: Builds

  /// nil: it is not kept, or what is kept is not what its name says.
  package func manifest(_ hash: ModuleHash) -> Manifest? { try? registry.manifest(of: hash) }
  /// The module's file, where the build is kept.
  package func modulePath(_ hash: ModuleHash) -> String? {
    guard let manifest = manifest(hash) else { return nil }
    let path = registry.path(of: manifest)
    return FileManager.default.isReadableFile(atPath: path) ? path : nil
  }
  func kept(_ hash: ModuleHash) -> OfferedArtifact? {
    guard let manifest = manifest(hash), let module = try? registry.module(of: manifest) else { return nil }
    return OfferedArtifact(manifest: manifest, module: module)
  }

  /// `lines`: what its backtraces name source lines by.
  package func keep(_ artifact: VerifiedArtifact, lines: [UInt8]?) throws(ArtifactError) {
    if let lines {
      try write(lines, to: "\(artifact.build.hash).\(OfferedArtifact.linesExtension)", in: data + "/modules")
    }
    try registry.put(artifact)
  }

  /// Kept builds that are none of those.
  func unneeded(_ needed: Set<ModuleHash>) throws(ArtifactError) -> [ModuleHash] {
    try registry.garbage(needed: needed)
  }
  /// With its lines, and with what was compiled of it.
  func remove(_ hash: ModuleHash) throws(ArtifactError) {
    try registry.remove(hash)
    do throws(FileError) {
      // The second one is of a death in the midst of writing.
      for ending in [OfferedArtifact.linesExtension, OfferedArtifact.linesExtension + ".tmp"] {
        try system.removeIfPresent("\(data)/modules/\(hash).\(ending)")
      }
      let cache = data + "/cache"
      for name in (try? system.list(cache)) ?? [] where name.hasPrefix("\(hash)-") {
        try system.removeIfPresent("\(cache)/\(name)")
      }
    } catch { throw ArtifactError(error.description) }
  }

  /// Kept aside until it is judged.
  func stage(_ artifact: OfferedArtifact) throws(ArtifactError) {
    let name = artifact.manifest.hash.description
    if let lines = artifact.lines { try write(lines, to: "\(name).\(OfferedArtifact.linesExtension)", in: incoming) }
    try write(artifact.module, to: "\(name).\(artifact.manifest.format.fileExtension)", in: incoming)
    try write(artifact.manifest.json(), to: "\(name).json", in: incoming)
  }
  func staged(_ hash: ModuleHash) -> OfferedArtifact? { OfferedArtifact(asItStands: "\(incoming)/\(hash)") }
  func dropStaged(_ hash: ModuleHash) {
    for name in ["json", "wasm", "so", OfferedArtifact.linesExtension] {
      try? system.removeIfPresent("\(incoming)/\(hash).\(name)")
    }
  }

  // MARK: What new rooms get, and rollouts

  /// By module.
  package func current() throws(ArtifactError) -> [String: ModuleHash] { try standing.current() }
  package func setCurrent(_ builds: [String: ModuleHash]) throws(ArtifactError) { try standing.setCurrent(builds) }

  func state() throws(ArtifactError) -> ReleaseState {
    let path = "\(data)/releases/\(Self.state)"
    guard FileManager.default.fileExists(atPath: path) else { return ReleaseState() }
    guard let bytes = FileManager.default.contents(atPath: path) else { throw ArtifactError("\(path) cannot be read") }
    do { return try JSONDecoder().decode(ReleaseState.self, from: bytes) } catch {
      throw ArtifactError(
        "\(path) is damaged: restore it from a backup, or remove it, which forgets rollouts and bans")
    }
  }
  /// The audit entries that were saved with the state.
  func owed() throws(ArtifactError) -> OwedEntries? {
    let path = "\(data)/releases/\(Self.state)"
    guard let bytes = FileManager.default.contents(atPath: path) else { return nil }
    do { return try JSONDecoder().decode(Owing.self, from: bytes).owed } catch {
      throw ArtifactError("\(path) is damaged at \"owed\": restore it from a backup, or remove that member")
    }
  }
  private struct Owing: Decodable { var owed: OwedEntries? }
  private struct Saved: Encodable {
    var state: ReleaseState
    var owed: OwedEntries
    private enum Key: String, CodingKey { case owed }
    func encode(to encoder: any Encoder) throws {
      try state.encode(to: encoder)
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(owed, forKey: .owed)
    }
  }
  /// Durable afterwards.
  func save(_ core: Rollouts, _ owed: OwedEntries) throws(ArtifactError) {
    try write(Answer.encode(Saved(state: core.state, owed: owed)), to: Self.state, in: data + "/releases")
    var bans: [String: [Ban]] = [:]
    for module in core.modules {
      let banned = core.banned(of: module)
      if !banned.isEmpty { bans[module] = banned.map { Ban($0.build, at: $0.at * 1_000, why: $0.why) } }
    }
    if bans != (try? standing.banned()) { try standing.setBanned(bans) }
  }

  private func write(_ bytes: [UInt8], to name: String, in directory: String) throws(ArtifactError) {
    do throws(FileError) { try system.replaceContents(of: name, in: directory, with: bytes) } catch {
      throw ArtifactError("\(error); make room, or make it writable for this user")
    }
  }
}
