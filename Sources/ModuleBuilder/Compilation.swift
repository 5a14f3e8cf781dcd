// From a module's sources to what a server loads: one build, of the module itself or of a variant.
internal import Artifacts
internal import Core
internal import Foundation
internal import Sandbox

struct Compiled: Sendable {
  var manifest: Manifest
  var module: [UInt8]
  /// The file of source lines.
  var lines: [UInt8]
}

struct Compilation: Sendable {
  private let description: ModuleDescription
  private let directory: String
  private let options: BuildOptions
  private let toolchain: Toolchain
  private let sdk: SDK
  private let sources: [String]
  private static let generated = "OneUpExports.swift"

  init(_ description: ModuleDescription, _ directory: String, _ options: BuildOptions) throws(BuildError) {
    self.description = description
    self.directory = directory
    self.options = options
    toolchain = try Toolchain(for: options.format)
    sdk = try SDK(path: try SDK.find(options.sdk, above: directory), for: options.format, toolchain: toolchain)
    sources = try ModuleBuilder.swiftFiles(in: directory + "/Sources")
    guard !sources.isEmpty else {
      throw BuildError("there are no Swift files in \(directory)/Sources: put the room there")
    }
  }

  func build(_ variant: Variant) throws(BuildError) -> Compiled {
    let scratch = try Scratch()
    let linked = try link(variant, scratch)
    let whole = try ModuleBuilder.read(linked)
    if options.format == .native {
      var manifest = manifest(variant, whole)
      manifest.schema = try ModuleSchema.ask(whole, manifest, cacheDirectory: nil)
      let lines = try LineTable.make(linked, of: manifest.hash, toolchain, scratch)
      return Compiled(manifest: manifest, module: whole, lines: lines)
    }
    let module: [UInt8]
    do throws(ModuleRefusal) {
      module = try DebugSections.removed(from: whole)
      _ = try ModuleShape(checking: module)
    } catch {
      throw BuildError("the module was built but no server would take it: \(error)")
    }
    let bare = manifest(variant, module)
    let (toolchain, options) = (toolchain, options)
    let parts = try ModuleBuilder.atOnce(2) { part throws(BuildError) -> (schema: JSON?, lines: [UInt8]) in
      part == 0
        ? (try ModuleSchema.ask(module, bare, cacheDirectory: options.cacheDirectory), [])
        : (nil, try LineTable.make(linked, whole, of: bare.hash, toolchain, scratch))
    }
    var manifest = bare
    manifest.schema = parts[0].schema
    return Compiled(manifest: manifest, module: module, lines: parts[1].lines)
  }

  private func manifest(_ variant: Variant, _ module: [UInt8]) -> Manifest {
    var manifest = Manifest(
      name: description.name, version: variant.version, module: module, format: options.format)
    manifest.isDevelopment = options.isDevelopment
    if let reason = variant.reason { manifest.reason = reason }
    if let baseline = variant.baseline {
      manifest.kind = .hotfix
      manifest.baseline = baseline
    }
    return manifest
  }

  /// Gives the path of the linked file, which has debug sections still.
  private func link(_ variant: Variant, _ scratch: Scratch) throws(BuildError) -> String {
    let exports = scratch.path + "/" + Compilation.generated
    let generated =
      options.format == .wasm
      ? Exports.source(room: description.room) : Exports.nativeSource(room: description.room)
    let ending = options.format.fileExtension
    let kept = try LinkedFiles()
    let key = try LinkedFiles.key(
      [
        toolchain.identity, toolchain.libraryState, sdk.builtDirectory, generated, description.room,
        "\(options.isDevelopment)",
      ] + Toolchain.flags(options.format) + variant.define, files: sources)
    if let linked = kept.find(key, ending) { return linked }
    try ModuleBuilder.write(Array(generated.utf8), to: exports)
    let object = scratch.path + "/module.o"
    do throws(BuildError) {
      try toolchain.compileSwift(
        sources + [exports], for: options.format, moduleName: description.room + "Module",
        isQuick: options.isDevelopment,
        defines: variant.define, extra: ["-I", sdk.builtDirectory, "-c", "-o", object])
    } catch { throw BuildError(inAuthorsWords(error.description)) }
    let linked = scratch.path + "/module." + ending
    try toolchain.link([object] + sdk.objects, for: options.format, to: linked, scratch)
    kept.put(linked, key, ending)
    return linked
  }

  /// The compiler's words about the author's sources. What it says of the generated file means that the room is missing.
  private func inAuthorsWords(_ output: String) -> String {
    let errors = output.split(separator: "\n").filter { $0.contains(".swift:") && $0.contains("error: ") }
    guard errors.allSatisfy({ $0.contains(Compilation.generated + ":") }), !errors.isEmpty else {
      return output.replacingOccurrences(of: directory + "/", with: "")
    }
    let room = description.room
    return output.contains("cannot find")
      ? "module.json says that the room is \(room), and there is no type of that name in Sources: "
        + "write `struct \(room): Room { … }`, or change \"room\" in module.json"
      : "\(room), which module.json names as the room, must be a type that is a Room: write `struct \(room): Room { … }`"
  }
}
