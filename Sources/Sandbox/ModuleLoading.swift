// How modules get into the engine, and how old rooms find the builds they were made with.
package import Artifacts
internal import CWasmtime
package import Core

/// What came of looking through a directory.
package struct LoadReport: Sendable {
  /// Those that are new since the last look, or newest again.
  package var loaded: [ModuleSettings] = []
  /// Files that were not accepted, and why.
  package var refused: [(file: String, reason: String)] = []
}

extension WasmEngine {
  /// Looks through a directory for `name.json` beside `name.wasm`. Look again at any time: what is unchanged costs the
  /// reading of its manifest. Of two builds with one name the one that was loaded last is the newest.
  package func load(directory: String) throws(EngineError) -> LoadReport {
    var report = LoadReport()
    let files = try Files.names(in: directory)
    for file in files where (file.hasSuffix(".wasm") || file.hasSuffix(".so")) && !file.hasPrefix(".") {
      let manifest = file[..<(file.lastIndex(of: ".") ?? file.endIndex)] + ".json"
      guard !files.contains(String(manifest)) else { continue }
      report.refused.append((file, "there is no \(manifest) beside it; `oneup build` makes both"))
    }
    for file in files where file.hasSuffix(".json") && !file.hasPrefix(".") {
      do throws(EngineError) {
        if let settings = try loadPair(directory + "/" + file.dropLast(5)) { report.loaded.append(settings) }
      } catch { report.refused.append((file, error.description)) }
    }
    return report
  }

  /// nil: it is the newest of its name already.
  private func loadPair(_ path: String) throws(EngineError) -> ModuleSettings? {
    guard let json = try Files.read(path + ".json", bytesMax: ArtifactLimits.manifestBytesMax) else {
      throw EngineError("\(path).json is gone")
    }
    let manifest = try manifest(json)
    let known = modules[manifest.hash]?.manifest ?? native.modules[manifest.hash]?.manifest
    if newest[manifest.name] == manifest.hash, known == manifest { return nil }
    let file = path + "." + manifest.format.fileExtension
    guard let bytes = try Files.read(file, bytesMax: ArtifactLimits.moduleBytesMax) else {
      throw EngineError("there is no \(file) beside its manifest")
    }
    return try load(bytes, manifest, lines: path + "." + SourceLines.fileExtension)
  }

  /// Accepts a module, keeps a copy, and makes it the newest of its name. `lines`: where its source lines may be.
  @discardableResult
  package func load(
    _ bytes: [UInt8], _ manifest: Manifest, lines: String? = nil
  ) throws(EngineError) -> ModuleSettings {
    if manifest.format == .native { return try loadNative(bytes, manifest) }
    let module = try accept(bytes, manifest)
    if let lines { module.linesPaths.append(lines) }
    if let kept = options.keptDirectory { try keep(module, bytes, in: kept) }
    modules[module.hash] = module
    newest[manifest.name] = module.hash
    return module.settings
  }

  /// Nothing of it is run before its signature, its bytes and who made it were looked at.
  private func loadNative(_ bytes: [UInt8], _ manifest: Manifest) throws(EngineError) -> ModuleSettings {
    try check(manifest, of: bytes)
    try native.check(manifest, options)
    guard let kept = options.keptDirectory else {
      throw EngineError("a native module is loaded from the directory of kept builds, and this engine has none")
    }
    let path = "\(kept)/\(manifest.hash)"
    if try Files.read(path + ".so", bytesMax: ArtifactLimits.moduleBytesMax) != bytes {
      try writeWhole(bytes, path + ".so")
    }
    let settings = try native.load(path + ".so", manifest, options).settings
    if try Files.read(path + ".json", bytesMax: ArtifactLimits.manifestBytesMax) != manifest.json() {
      try writeWhole(manifest.json(), path + ".json")
    }
    newest[manifest.name] = manifest.hash
    return settings
  }

  /// nil: it is not a native one.
  func loadedNative(_ hash: ModuleHash) throws(EngineError) -> NativeModule? {
    if let module = native.modules[hash] { return module }
    guard modules[hash] == nil, let kept = options.keptDirectory,
      let json = try Files.read("\(kept)/\(hash).json", bytesMax: ArtifactLimits.manifestBytesMax)
    else { return nil }
    let manifest = try manifest(json)
    guard manifest.format == .native else { return nil }
    guard let bytes = try Files.read("\(kept)/\(hash).so", bytesMax: ArtifactLimits.moduleBytesMax),
      manifest.hash == hash
    else { throw EngineError("the module \(hash) is not here any more; push that build again") }
    try check(manifest, of: bytes)
    return try native.load("\(kept)/\(hash).so", manifest, options)
  }

  /// From memory, or from the kept builds.
  func loaded(_ hash: ModuleHash) throws(EngineError) -> LoadedModule {
    if let module = modules[hash] { return module }
    guard let kept = options.keptDirectory,
      let json = try Files.read("\(kept)/\(hash).json", bytesMax: ArtifactLimits.manifestBytesMax),
      let bytes = try Files.read("\(kept)/\(hash).wasm", bytesMax: ArtifactLimits.moduleBytesMax)
    else { throw EngineError("the module \(hash) is not here any more; push that build again") }
    let module = try accept(bytes, try manifest(json))
    guard module.hash == hash else { throw EngineError("the kept module \(hash) has been changed on disk") }
    module.linesPaths = ["\(kept)/\(hash).\(SourceLines.fileExtension)"]
    modules[hash] = module
    return module
  }

  private func manifest(_ json: [UInt8]) throws(EngineError) -> Manifest {
    do throws(ArtifactError) { return try Manifest(json: json) } catch { throw EngineError(error.description) }
  }

  private func keep(_ module: LoadedModule, _ bytes: [UInt8], in directory: String) throws(EngineError) {
    let path = "\(directory)/\(module.hash)"
    try keepLines(of: module, path + "." + SourceLines.fileExtension)
    if try Files.read(path + ".json", bytesMax: ArtifactLimits.manifestBytesMax) == module.manifest.json() { return }
    try writeWhole(bytes, path + ".wasm")
    try writeWhole(module.manifest.json(), path + ".json")
  }
  /// They come and go with the build's own files, and are looked at only when something failed.
  private func keepLines(of module: LoadedModule, _ path: String) throws(EngineError) {
    for given in module.linesPaths {
      guard let bytes = try Files.read(given, bytesMax: SourceLines.bytesMax) else { continue }
      if try Files.read(path, bytesMax: SourceLines.bytesMax) != bytes { try writeWhole(bytes, path) }
    }
    module.linesPaths = [path]
  }
  private func writeWhole(_ bytes: [UInt8], _ path: String) throws(EngineError) {
    let result: Result<Void, EngineError> = bytes.withUnsafeBytes { bytes in
      do throws(EngineError) { return .success(try Files.write(bytes, to: path)) } catch { return .failure(error) }
    }
    try result.get()
  }

  /// Checks, compiles and asks the module for its settings.
  private func accept(_ bytes: [UInt8], _ manifest: Manifest) throws(EngineError) -> LoadedModule {
    let hash = manifest.hash
    try check(manifest, of: bytes)
    let shape: ModuleShape
    do throws(ModuleRefusal) { shape = try ModuleShape(checking: bytes) } catch { throw EngineError(error.description) }
    let compiled = try cache.module(hash, bytes, machine)
    let module = try LoadedModule(
      manifest, hash: hash, shape: shape, compiled: compiled, machine: machine, limits: options.limits)
    try ask(module)
    return module
  }

  private func check(_ manifest: Manifest, of bytes: [UInt8]) throws(EngineError) {
    let hash = ModuleHash(of: bytes)
    guard manifest.hash == hash else {
      throw EngineError(
        "the module's bytes are not those of its manifest (\(hash), not \(manifest.hash)): build or copy it again")
    }
    guard manifest.abi == roomABIVersion else {
      throw EngineError(
        "the module speaks version \(manifest.abi) of the room interface and this server \(roomABIVersion): build it again with this server's SDK"
      )
    }
  }

  /// Its start state and its settings, from an instance that is thrown away.
  private func ask(_ module: LoadedModule) throws(EngineError) {
    var limits = options.limits
    limits.memoryBytes = SandboxLimits.roomMemoryBytesMax
    let block = try InstanceBlock.make(module, limits, machine)
    defer { InstanceBlock.free(block) }
    module.startPages = RoomImage.usedPages(block.pointee.wholeMemory())
    try inspect(block, .abi)
    guard UInt32(bitPattern: arguments[0].i32) == roomABIVersion else {
      throw EngineError(
        "the module says it speaks version \(arguments[0].i32) of the room interface, not \(roomABIVersion)")
    }
    try inspect(block, .settings)
    let address = Int(UInt32(bitPattern: arguments[0].i32))
    let memory = UnsafeRawBufferPointer(block.pointee.wholeMemory())
    guard address + 20 <= memory.count else { throw EngineError("oneup_settings points outside the module's memory") }
    try module.settings.read(UnsafeRawBufferPointer(rebasing: memory[address..<min(address + 64, memory.count)]))
    let start = Int(module.shape.memoryPagesMin) * RoomImage.wasmPage
    guard start <= Int(module.settings.limits.memoryBytes) else {
      throw EngineError(
        "the module starts with \(start) bytes of memory, over its limit of \(module.settings.limits.memoryBytes)")
    }
  }
}
