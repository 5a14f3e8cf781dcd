// The builds that a server has, by hash: what rooms are made of, and what old rooms are replayed with.
package import Core

/// `HASH.json` beside `HASH.wasm` or `HASH.so` in one directory. A build is there when its manifest is.
package struct Registry<System: FileSystem>: Sendable {
  let system: System
  let directory: String

  /// Makes the directory where it is missing; its parent must be there.
  package init(_ system: System, directory: String) throws(ArtifactError) {
    (self.system, self.directory) = (system, directory)
    do throws(FileError) { try system.createDirectory(directory) } catch { throw ArtifactError(error) }
  }

  /// Durable afterwards. The bytes are those that were verified. Bytes that are kept under another module's name are
  /// refused: rooms of that module would not find their build any more.
  package func put(_ artifact: VerifiedArtifact) throws(ArtifactError) {
    let name = "\(artifact.build.hash)"
    if let kept = try? manifest(of: artifact.build.hash), kept.name != artifact.manifest.name {
      throw ArtifactError("these bytes are \(kept.name) \(kept.version) already: one module has one name")
    }
    let module = "\(name).\(artifact.manifest.format.fileExtension)"
    do throws(FileError) {
      if try read(module, ArtifactLimits.moduleBytesMax) != artifact.module {
        try system.replaceContents(of: module, in: directory, with: artifact.module)
      }
      let json = artifact.manifest.json()
      if try read("\(name).json", ArtifactLimits.manifestBytesMax) != json {
        try system.replaceContents(of: "\(name).json", in: directory, with: json)
      }
    } catch { throw ArtifactError(error) }
  }

  /// nil: there is no such build.
  package func manifest(of hash: ModuleHash) throws(ArtifactError) -> Manifest? {
    let json: [UInt8]?
    do throws(FileError) { json = try read("\(hash).json", ArtifactLimits.manifestBytesMax) } catch {
      throw ArtifactError(error)
    }
    guard let json else { return nil }
    let manifest: Manifest
    do throws(ArtifactError) { manifest = try Manifest(json: json) } catch {
      throw ArtifactError("\(directory)/\(hash).json: \(error)")
    }
    guard manifest.hash == hash else {
      throw ArtifactError("\(directory)/\(hash).json is the manifest of another build")
    }
    return manifest
  }

  /// The module's bytes, which are looked at anew: a disk may have changed them.
  package func module(of manifest: Manifest) throws(ArtifactError) -> [UInt8] {
    let path = self.path(of: manifest)
    let bytes: [UInt8]
    do throws(FileError) { bytes = try system.contents(of: path, limit: ArtifactLimits.moduleBytesMax) } catch {
      throw ArtifactError(error)
    }
    guard ModuleHash(of: bytes) == manifest.hash else {
      throw ArtifactError("\(path) has been changed on disk: push that build again")
    }
    return bytes
  }
  package func path(of manifest: Manifest) -> String {
    "\(directory)/\(manifest.hash).\(manifest.format.fileExtension)"
  }

  /// All builds, by name and then by their place in a line. Files that are none are passed over.
  package func list() throws(ArtifactError) -> [Manifest] {
    var manifests: [Manifest] = []
    for hash in try hashes(ending: ".json") {
      do throws(ArtifactError) {
        if let manifest = try manifest(of: hash) { manifests.append(manifest) }
      } catch { continue }
    }
    return manifests.sorted {
      ($0.name, ReleaseName($0.version) ?? .none, $0.version) < ($1.name, ReleaseName($1.version) ?? .none, $1.version)
    }
  }

  /// Builds that nobody needs: the rest of a put that a crash cut short, too.
  package func garbage(needed: Set<ModuleHash>) throws(ArtifactError) -> [ModuleHash] {
    try hashes(ending: "").filter { !needed.contains($0) }
  }

  /// The manifest goes first: what is half removed is not there.
  package func remove(_ hash: ModuleHash) throws(ArtifactError) {
    do throws(FileError) {
      for ending in ["json", "wasm", "so", "json.tmp", "wasm.tmp", "so.tmp"] {
        try system.removeIfPresent("\(directory)/\(hash).\(ending)")
      }
      try system.syncDirectory(directory)
    } catch { throw ArtifactError(error) }
  }

  private func hashes(ending: String) throws(ArtifactError) -> [ModuleHash] {
    let names: [String]
    do throws(FileError) { names = try system.list(directory) } catch { throw ArtifactError(error) }
    var hashes: Set<ModuleHash> = []
    for name in names where name.hasSuffix(ending) {
      if let hash = ModuleHash(hex: String(name.prefix { $0 != "." })) { hashes.insert(hash) }
    }
    return hashes.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
  }

  private func read(_ name: String, _ limit: Int) throws(FileError) -> [UInt8]? {
    do throws(FileError) { return try system.contents(of: directory + "/" + name, limit: limit) } catch
      where error.code == 2
    { return nil }
  }
}

extension ArtifactError {
  init(_ error: FileError) { self.init(error.description) }
}

extension ReleaseName {
  /// Before all others.
  fileprivate static let none = ReleaseName()
  private init() { (major, minor, patch, hotfix) = (0, 0, 0, nil) }
}
