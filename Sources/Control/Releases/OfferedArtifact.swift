// A build as somebody brings it: a manifest and the module's bytes, not judged yet.
package import Artifacts
import Core
import FoundationEssentials

package struct OfferedArtifact: Sendable {
  package var manifest: Manifest
  package var module: [UInt8]
  /// Which source line each instruction came from, for backtraces only: nobody signs it, and nothing depends on it.
  package var lines: [UInt8]?
  static let linesExtension = "lines"
  static let linesBytesMax = 32 * 1_048_576

  init(manifest: Manifest, module: [UInt8], lines: [UInt8]? = nil) {
    (self.manifest, self.module, self.lines) = (manifest, module, lines)
  }

  /// `path` without the end: NAME.json and NAME.wasm or NAME.so. nil: it is not there, or not whole yet. What is written
  /// file by file is whole when the module is as long as the manifest says and has its hash.
  package init?(pair path: String) {
    guard let manifest = Self.manifest(at: path), Self.isWhole(path, manifest) else { return nil }
    self.init(path, manifest)
    guard ModuleHash(of: module) == manifest.hash else { return nil }
  }

  /// The same, for judgement: whether the module is what the manifest says is not looked at.
  init?(asItStands path: String) {
    guard let manifest = Self.manifest(at: path) else { return nil }
    self.init(path, manifest)
  }

  private init?(_ path: String, _ manifest: Manifest) {
    let file = "\(path).\(manifest.format.fileExtension)"
    guard let module = FileManager.default.contents(atPath: file).map(Array.init) else { return nil }
    let lines = FileManager.default.contents(atPath: "\(path).\(Self.linesExtension)").map(Array.init)
    self.init(manifest: manifest, module: module, lines: lines.flatMap { $0.count <= Self.linesBytesMax ? $0 : nil })
  }

  /// The module beside a manifest is as long as that says.
  static func isWhole(_ path: String, _ manifest: Manifest) -> Bool {
    let file = "\(path).\(manifest.format.fileExtension)"
    let size = (try? FileManager.default.attributesOfItem(atPath: file))?[.size] as? Int
    return size == manifest.bytes && manifest.bytes <= ArtifactLimits.moduleBytesMax
  }

  /// The member `manifest` of a JSON object, as it stands.
  static func manifest(in object: [UInt8]) -> Manifest? {
    var found: Manifest?
    JSONPieces.members(object[...]) { name, value in
      if Array(name) == Array("manifest".utf8) { found = try? Manifest(json: Array(value)) }
    }
    return found
  }

  /// nil where there is none that can be read.
  static func manifest(at path: String) -> Manifest? {
    FileManager.default.contents(atPath: path + ".json").flatMap { try? Manifest(json: Array($0)) }
  }

  /// Signs it where nobody has.
  mutating func sign(with key: SigningKey) {
    if manifest.signature == nil { manifest.sign(with: key) }
  }

  /// The pairs of a directory, by their paths without the end.
  package static func pairs(in directory: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).sorted()
      .filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }
      .map { "\(directory)/\($0.dropLast(".json".count))" }
  }
}

/// Whose artifacts a server takes.
package struct ReleaseTrust: Sendable {
  package var trusted: TrustedKeys
  package var trustedNative: TrustedKeys
  /// Signs what comes unsigned, for development.
  package var development: SigningKey?
  /// The key that was made for development, whether it is trusted or not.
  private var ownKey: KeyID?

  /// `files`: where the development key is, or is made.
  package init(
    trusted: TrustedKeys, trustedNative: TrustedKeys, isDevelopment: Bool, _ files: ReleaseFiles
  ) throws(ArtifactError) {
    (self.trusted, self.trustedNative) = (trusted, trustedNative)
    ownKey = (try? KeyFile.trusted(files.developmentKey + ".pub"))?.ids.first
    guard isDevelopment else { return }
    let key = try KeyFile.signingKey(orNewAt: files.developmentKey)
    development = key
    self.trusted.insert(key.verifying)
  }

  /// Why no new room is made of a build that was taken before; nil: rooms are. Keys may be trusted no more, and a
  /// server's own is trusted in development alone.
  package func refusal(of manifest: Manifest) -> String? {
    let subject = "no new room gets \(manifest.name) \(manifest.version)"
    do throws(ArtifactRefusal) {
      let signer = try VerifiedArtifact.signer(of: manifest, trusted)
      guard manifest.format != .native || trustedNative.contains(signer) else {
        throw ArtifactRefusal.nativeNotTrusted(signer)
      }
      return nil
    } catch {
      guard case .unknownKey(let key, _) = error, key == ownKey else { return "\(subject): \(error)" }
      return
        "\(subject): only this server's own key for development signed it, which is trusted with --dev alone: sign it "
        + "with a key that is trusted (oneup sign NAME.json --key FILE) and release it, or start with --dev"
    }
  }
}
