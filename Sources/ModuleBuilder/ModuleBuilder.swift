// From a module's directory to WebAssembly and its manifest: what `oneup build PATH` does.
package import Artifacts
internal import Core
internal import Foundation
internal import Sandbox

/// Something that keeps a module from being built, with what helps. Compilers' own words are passed on as they are.
package struct BuildError: Error, Sendable, CustomStringConvertible {
  package var description: String
  init(_ description: String) { self.description = description }
}

package struct BuiltModule: Sendable {
  package var manifest: Manifest
  /// The paths of `name.wasm` and `name.json`.
  package var module: String
  package var manifestPath: String
}

package enum ModuleBuilder {
  /// Builds the module in `directory` (its module.json and Sources) into `output`, which is made if missing. Both files
  /// appear whole or not at all, the manifest last.
  /// `sdk`: the SDK's sources; else the environment's ONEUP_SDK; else Sources/OneUpRoom in a directory above the module's.
  package static func build(
    directory: String, output: String, sdk: String? = nil
  ) throws(BuildError) -> BuiltModule {
    let description = try ModuleDescription(directory: directory)
    let toolchain = try Toolchain()
    let sdk = try SDK(path: try SDK.find(sdk, above: directory), toolchain: toolchain)
    let scratch = try Scratch()
    let sources = try swiftFiles(in: directory + "/Sources")
    guard !sources.isEmpty else {
      throw BuildError("there are no Swift files in \(directory)/Sources: put the room there")
    }
    let exports = scratch.path + "/" + generated
    try write(Array(Exports.source(room: description.room).utf8), to: exports)
    let object = scratch.path + "/module.o"
    do throws(BuildError) {
      try toolchain.compileSwift(
        sources + [exports], moduleName: description.room + "Module",
        extra: ["-I", sdk.builtDirectory, "-c", "-o", object])
    } catch {
      throw BuildError(inAuthorsWords(error.description, description, directory))
    }
    let linked = scratch.path + "/module.wasm"
    try toolchain.link([object, sdk.object, sdk.support], to: linked)
    return try finish(description, linked, directory, output)
  }

  private static let generated = "OneUpExports.swift"

  /// The compiler's words about the author's sources. What it says of the generated file means that the room is missing.
  private static func inAuthorsWords(
    _ output: String, _ description: ModuleDescription, _ directory: String
  ) -> String {
    let errors = output.split(separator: "\n").filter { $0.contains(".swift:") && $0.contains("error: ") }
    guard errors.allSatisfy({ $0.contains(generated + ":") }), !errors.isEmpty else {
      return output.replacingOccurrences(of: directory + "/", with: "")
    }
    let room = description.room
    return output.contains("cannot find")
      ? "module.json says that the room is \(room), and there is no type of that name in Sources: "
        + "write `struct \(room): Room { … }`, or change \"room\" in module.json"
      : "\(room), which module.json names as the room, must be a type that is a Room: write `struct \(room): Room { … }`"
  }

  private static func finish(
    _ description: ModuleDescription, _ linked: String, _ directory: String, _ output: String
  ) throws(BuildError) -> BuiltModule {
    let bytes = try read(linked)
    do throws(ModuleRefusal) { _ = try ModuleShape(checking: bytes) } catch {
      throw BuildError("the module was built but no server would take it: \(error)")
    }
    var manifest = Manifest(name: description.name, version: description.version, module: bytes)
    manifest.schema = try ModuleSchema.ask(bytes, manifest)
    try makeDirectory(output)
    let base = output + "/" + description.name
    try copyPage(from: directory + "/Page", to: base + ".page")
    try write(bytes, to: base + ".wasm")
    try write(manifest.json(), to: base + ".json")
    return BuiltModule(manifest: manifest, module: base + ".wasm", manifestPath: base + ".json")
  }

  /// What the server shows under /play/NAME/. The folder is replaced as a whole: a page that was taken out is gone.
  private static func copyPage(from page: String, to place: String) throws(BuildError) {
    let files = FileManager.default
    let making = place + "." + UUID().uuidString
    do {
      if files.fileExists(atPath: page) {
        try files.copyItem(atPath: page, toPath: making)
        if files.fileExists(atPath: place) { try files.removeItem(atPath: place) }
        try files.moveItem(atPath: making, toPath: place)
      } else if files.fileExists(atPath: place) {
        try files.removeItem(atPath: place)
      }
    } catch {
      try? files.removeItem(atPath: making)
      throw BuildError("could not copy \(page) to \(place): \(error.localizedDescription)")
    }
  }

  /// In all folders below, sorted, so that a build depends on the sources alone.
  static func swiftFiles(in directory: String) throws(BuildError) -> [String] {
    guard let found = FileManager.default.enumerator(atPath: directory) else { return [] }
    return found.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.sorted().map { directory + "/" + $0 }
  }
  static func read(_ path: String) throws(BuildError) -> [UInt8] {
    do { return Array(try Data(contentsOf: URL(fileURLWithPath: path))) } catch {
      throw BuildError("could not read \(path): \(error.localizedDescription)")
    }
  }
  static func write(_ bytes: [UInt8], to path: String) throws(BuildError) {
    do { try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic) } catch {
      throw BuildError("could not write \(path): \(error.localizedDescription)")
    }
  }
  static func makeDirectory(_ path: String) throws(BuildError) {
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      throw BuildError("could not make \(path): \(error.localizedDescription)")
    }
  }
}

/// A directory that is gone when the build is over.
final class Scratch {
  let path: String
  init() throws(BuildError) {
    path = NSTemporaryDirectory() + "/oneup-build-" + UUID().uuidString
    try ModuleBuilder.makeDirectory(path)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}
