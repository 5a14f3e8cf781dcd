// The builds that a replay or a rehearsal runs, found by their hashes.
package import Artifacts
package import Core
internal import FoundationEssentials
internal import Glibc
package import Sandbox

/// An engine of its own, that keeps nothing of what it is given, and where its builds come from. One thread's.
package final class Builds {
  package let engine: WasmEngine
  /// The server's data directory: its kept builds.
  private let data: String?
  private var builds: [ModuleHash: CrashCase.Build] = [:]
  /// For what the engine reads from files: native builds, source lines.
  private var directory: String?

  /// `cache`: where compiled code is taken from and put, so that workers find it; nil: compiled each time. Where
  /// there is one, players are served beside it, and a single thread compiles. A room is made
  /// and thrown away for every look at one, hence `roomsMax`. `runsNative`: native builds too, of the data directory
  /// alone; nothing confines them, and their failures are this process's.
  package init(
    data: String?, cache: String? = nil, roomsMax: Int = 8, runsNative: Bool = false
  ) throws(RehearsalError) {
    self.data = data
    var options = EngineOptions(roomsMax: roomsMax, cacheDirectory: cache)
    options.compilesAlone = cache != nil
    if runsNative, data != nil {
      // A library is loaded from a file. What is only tried must not come among the server's builds, so it is no file of
      // theirs.
      directory = try Self.directoryOfItsOwn()
      options.keptDirectory = directory
      options.trustsNative = { _ in true }
    }
    do throws(EngineError) { engine = try WasmEngine(options) } catch {
      throw RehearsalError("the engine does not start: \(error)")
    }
  }

  @discardableResult
  package func load(_ build: CrashCase.Build) throws(RehearsalError) -> ModuleSettings {
    let lines = try linesFile(build)
    do throws(EngineError) {
      let settings = try engine.load(build.module, build.manifest, lines: lines)
      builds[settings.hash] = build
      return settings
    } catch { throw RehearsalError("\(build.manifest.name) \(build.manifest.version) cannot be loaded: \(error)") }
  }

  /// From what is loaded, else from the data directory's kept builds.
  @discardableResult
  package func load(_ hash: ModuleHash) throws(RehearsalError) -> ModuleSettings {
    if builds[hash] != nil, let settings = engine.module(hash) { return settings }
    guard let data else { throw RehearsalError("the build \(hash) is not in the file: export the crash again") }
    return try load(try Self.kept(hash, data: data))
  }

  private static let prefix = "oneup-builds-"
  /// For this process alone; what those left behind that are dead, of their libraries or in order, is put away.
  private static func directoryOfItsOwn() throws(RehearsalError) -> String {
    let files = FileManager.default
    let parent = files.temporaryDirectory.path
    for name in (try? files.contentsOfDirectory(atPath: parent)) ?? [] where name.hasPrefix(prefix) {
      let owner = name.dropFirst(prefix.count).split(separator: "-").first.flatMap { pid_t($0) }
      if let owner, kill(owner, 0) != 0, errno == ESRCH { try? files.removeItem(atPath: "\(parent)/\(name)") }
    }
    let path = "\(parent)/\(prefix)\(getpid())-\(UUID().uuidString)"
    do {
      try files.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch { throw RehearsalError("\(path) cannot be made for builds: \(error)") }
    return path
  }

  deinit { if let directory { try? FileManager.default.removeItem(atPath: directory) } }

  private func linesFile(_ build: CrashCase.Build) throws(RehearsalError) -> String? {
    guard let lines = build.lines else { return nil }
    let place: String
    if let directory { place = directory } else { place = try Self.directoryOfItsOwn() }
    directory = place
    let path = "\(place)/\(UUID().uuidString).\(SourceLines.fileExtension)"
    return FileManager.default.createFile(atPath: path, contents: Data(lines)) ? path : nil
  }

  package func build(_ hash: ModuleHash) -> CrashCase.Build? { builds[hash] }
  package func manifest(_ hash: ModuleHash) -> Manifest? { builds[hash]?.manifest }
  /// Nothing confines machine code: what failed so could end this process, and the report with it. That too much was said
  /// is seen by the host.
  func mayEndProcess(_ build: ModuleHash, at fault: RoomFault.Kind) -> Bool {
    manifest(build)?.format == .native && fault != .output
  }

  package static func kept(_ hash: ModuleHash, data: String) throws(RehearsalError) -> CrashCase.Build {
    let path = "\(data)/modules/\(hash)"
    guard FileManager.default.fileExists(atPath: path + ".json") else {
      throw RehearsalError(
        "the build \(hash) is not in \(data)/modules any more: copy its files there, named by that hash")
    }
    return try read(manifest: path + ".json")
  }

  /// `NAME.wasm`, with its manifest beside it.
  package static func read(module path: String) throws(RehearsalError) -> CrashCase.Build {
    guard path.hasSuffix(".wasm") || path.hasSuffix(".so") else {
      throw RehearsalError("\(path) is no module: name NAME.wasm, with NAME.json beside it")
    }
    return try read(manifest: path[..<path.lastIndex(of: ".")!] + ".json")
  }

  private static func read(manifest path: String) throws(RehearsalError) -> CrashCase.Build {
    guard let json = FileManager.default.contents(atPath: path) else {
      throw RehearsalError("\(path) cannot be read; `oneup build` writes it beside the module")
    }
    let manifest: Manifest
    do throws(ArtifactError) { manifest = try Manifest(json: [UInt8](json)) } catch {
      throw RehearsalError("\(path): \(error)")
    }
    let module = path.dropLast("json".count) + manifest.format.fileExtension
    guard let bytes = FileManager.default.contents(atPath: String(module)) else {
      throw RehearsalError("\(module) cannot be read")
    }
    let lines = FileManager.default.contents(
      atPath: String(path.dropLast("json".count)) + SourceLines.fileExtension)
    return CrashCase.Build(manifest: manifest, module: [UInt8](bytes), lines: lines.map { [UInt8]($0) })
  }
}
