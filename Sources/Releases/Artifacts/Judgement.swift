// Whether a server takes an artifact. One place, so that every way in has the same rules.
package import Core

/// Which build: its version's name and its bytes. In JSON: {"version", "sha256"}.
package struct Build: Hashable, Codable, Sendable, CustomStringConvertible {
  package var version: String
  package var hash: ModuleHash
  package init(version: String, hash: ModuleHash) { (self.version, self.hash) = (version, hash) }
  package var description: String { version }

  private enum CodingKeys: String, CodingKey { case version, sha256 }
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    version = try container.decode(String.self, forKey: .version)
    guard let hash = ModuleHash(hex: try container.decode(String.self, forKey: .sha256)) else {
      throw Swift.DecodingError.dataCorruptedError(
        forKey: .sha256, in: container, debugDescription: "not 64 hexadecimal digits")
    }
    self.hash = hash
  }
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(version, forKey: .version)
    try container.encode(hash.description, forKey: .sha256)
  }
}

/// What a server knows when an artifact comes.
package struct Standing: Sendable {
  package var trusted: TrustedKeys
  /// Whose native modules are loaded; they are not confined to a sandbox.
  package var trustedNative = TrustedKeys()
  /// Microseconds since 1970.
  package var now: Int64
  /// What new rooms of the artifact's name are made with.
  package var current: Build?
  /// All builds of its name that were taken before and may still run.
  package var known: [Build] = []
  /// Builds of its name that were rolled back.
  package var banned: [Build] = []
  /// Somebody asked for an older version by its name: going back is allowed.
  package var olderIsAskedFor = false

  package init(trusted: TrustedKeys, now: Int64) { (self.trusted, self.now) = (trusted, now) }
}

/// Why an artifact is not taken.
package enum ArtifactRefusal: Error, Hashable, Sendable, CustomStringConvertible {
  case misnamed(String)
  case alteredModule(named: ModuleHash, found: ModuleHash)
  case unsigned
  case unknownKey(KeyID, trusted: [KeyID])
  case alteredManifest(KeyID)
  case expired(at: Int64)
  case otherInterface(UInt32)
  case nativeNotTrusted(KeyID)
  case banned(String)
  case loadedAlready(String)
  case sameVersionOtherBytes(String, known: ModuleHash)
  case otherBaseline(String, current: String?)
  case older(String, current: String)

  package var description: String {
    switch self {
    case .misnamed(let why): why
    case .alteredModule(let named, let found):
      "the module's bytes are not those of its manifest (\(found), not \(named)): build or copy it again"
    case .unsigned: "the artifact is not signed: sign it with `oneup sign NAME.json --key FILE`"
    case .unknownKey(let key, let trusted):
      "the artifact is signed with key \(key), which this server does not trust "
        + "(it trusts \(trusted.isEmpty ? "none" : trusted.map(\.description).joined(separator: ", "))): "
        + "sign it with a trusted key, or start the server with --trust KEY.pub"
    case .alteredManifest(let key):
      "the manifest was changed after key \(key) signed it: sign what it says now, or take the file that was signed"
    case .expired(let at):
      "the artifact expired at \(ISOTime.text(microseconds: at)): sign it anew with a later --expires"
    case .otherInterface(let abi):
      "the module speaks version \(abi) of the room interface and this server \(roomABIVersion): build it again with this server's SDK"
    case .nativeNotTrusted(let key):
      "native modules are not confined to a sandbox, and this server takes none from key \(key): build it for WebAssembly, or name the key in --trust-native"
    case .banned(let version):
      "version \(version) was rolled back and is banned: release a fix under another version, or unban it with a reason"
    case .loadedAlready(let version):
      "these bytes are loaded already, as version \(version): there is nothing to release"
    case .sameVersionOtherBytes(let version, let known):
      "version \(version) is another build here (\(known)): give these bytes a version of their own"
    case .otherBaseline(let baseline, let current):
      "this is a hot-fix for \(baseline), and the server runs \(current ?? "no build of this module"): build it for that, or release \(baseline) first"
    case .older(let version, let current):
      "version \(version) is older than \(current), which the server runs: ask for the older one explicitly, or give it a higher version"
    }
  }
}

/// A module and a manifest that `judge` found right. These bytes are the ones that are kept and loaded.
package struct VerifiedArtifact: Sendable {
  package let manifest: Manifest
  package let module: [UInt8]
  package let release: ReleaseName
  package let signer: KeyID
  package var build: Build { Build(version: manifest.version, hash: manifest.hash) }

  /// Whether a server that stands so takes it. Who signed and what is checked before anything that depends on the server.
  package static func judge(
    _ manifest: Manifest, module: [UInt8], _ standing: Standing
  ) throws(ArtifactRefusal) -> VerifiedArtifact {
    let artifact = try judgeAlone(manifest, module: module, standing)
    try artifact.checkPlace(in: standing)
    return artifact
  }

  /// The same without what depends on other builds: for whoever has an artifact and no server.
  package static func judgeAlone(
    _ manifest: Manifest, module: [UInt8], _ standing: Standing
  ) throws(ArtifactRefusal) -> VerifiedArtifact {
    let release = try name(of: manifest)
    let found = ModuleHash(of: module)
    guard found == manifest.hash, module.count == manifest.bytes else {
      throw .alteredModule(named: manifest.hash, found: found)
    }
    let signer = try signer(of: manifest, standing.trusted)
    if let expires = manifest.expires, standing.now >= expires { throw .expired(at: expires) }
    guard manifest.abi == roomABIVersion else { throw .otherInterface(manifest.abi) }
    guard manifest.format != .native || standing.trustedNative.contains(signer) else { throw .nativeNotTrusted(signer) }
    return VerifiedArtifact(manifest: manifest, module: module, release: release, signer: signer)
  }

  private static func name(of manifest: Manifest) throws(ArtifactRefusal) -> ReleaseName {
    guard let release = ReleaseName(manifest.version) else {
      throw .misnamed("a release is called 1.2.3 or hotfix-1.2.3-v1; \"\(manifest.version)\" is neither")
    }
    let kind: Manifest.Kind = release.hotfix == nil ? .release : .hotfix
    guard manifest.kind ?? kind == kind else {
      throw .misnamed(
        "the manifest says that \(release) is a \(manifest.kind == .hotfix ? "hot-fix" : "release"), and its version's name says otherwise: change one"
      )
    }
    if let baseline = manifest.baseline, baseline != release.baseline.description {
      throw .misnamed(
        "the manifest's baseline is \(baseline), and \(release) belongs to \(release.baseline): change one")
    }
    return release
  }

  /// Whoever signed what the manifest says now.
  package static func signer(of manifest: Manifest, _ trusted: TrustedKeys) throws(ArtifactRefusal) -> KeyID {
    guard let signature = manifest.signature else { throw .unsigned }
    guard let key = trusted[signature.key] else { throw .unknownKey(signature.key, trusted: trusted.ids) }
    guard key.isValid(signature.bytes, of: manifest.signedBytes) else { throw .alteredManifest(signature.key) }
    return signature.key
  }

  private func checkPlace(in standing: Standing) throws(ArtifactRefusal) {
    if standing.banned.contains(where: { $0.hash == build.hash || $0.version == build.version }) {
      throw .banned(build.version)
    }
    if let current = standing.current, current.hash == build.hash { throw .loadedAlready(current.version) }
    if let same = standing.known.first(where: { $0.hash == build.hash }) {
      guard standing.olderIsAskedFor else { throw .loadedAlready(same.version) }
    }
    let others = standing.known + (standing.current.map { [$0] } ?? [])
    if let other = others.first(where: { $0.version == build.version && $0.hash != build.hash }) {
      throw .sameVersionOtherBytes(build.version, known: other.hash)
    }
    let current = standing.current.flatMap { ReleaseName($0.version) }
    if release.hotfix != nil {
      let isWayBack = standing.olderIsAskedFor && current.map { release < $0 } ?? false
      guard let current, release.isOfTheLine(of: current) || isWayBack else {
        throw .otherBaseline(release.baseline.description, current: standing.current?.version)
      }
    }
    if let current, release < current, !standing.olderIsAskedFor {
      throw .older(build.version, current: current.description)
    }
  }
}
