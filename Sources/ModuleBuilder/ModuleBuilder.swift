// From a module's directory to WebAssembly and its manifest: what `oneup build PATH` does.
package import Artifacts
internal import Core
internal import Dispatch
internal import Foundation
internal import Sandbox
internal import Synchronization

/// Something that keeps a module from being built, with what helps. Compilers' own words are passed on as they are.
package struct BuildError: Error, Sendable, CustomStringConvertible {
  package var description: String
  init(_ description: String) { self.description = description }
}

package struct BuiltModule: Sendable {
  package var manifest: Manifest
  /// The paths of `name.wasm` (or `name.so`), `name.json` and `name.lines`.
  package var module: String
  package var manifestPath: String
  package var lines: String
  /// Variants that this machine cannot build, and why.
  package var notes: [String] = []
}

package struct BuildOptions: Sendable {
  /// The SDK's sources; nil: the environment's ONEUP_SDK, else Sources/OneUpRoom in a directory above the module's, else
  /// what came with this program.
  package var sdk: String?
  /// For trying things out: built in a third of the time, not optimised, and with 20 times the fuel to match.
  package var isDevelopment = false
  /// The module.json's variants too, into OUTPUT/shelf.
  package var withVariants = true
  /// Where a server on this machine keeps compiled code (DATA/cache): what is compiled here it need not compile again.
  package var cacheDirectory: String?
  /// Native: machine code for this kind of processor, which nothing confines; for servers that trust who signed it.
  package var format: Manifest.Format
  package init(
    sdk: String? = nil, isDevelopment: Bool = false, withVariants: Bool = true, cacheDirectory: String? = nil,
    format: Manifest.Format = .wasm
  ) {
    self.sdk = sdk
    self.format = format
    self.isDevelopment = isDevelopment
    self.withVariants = withVariants
    self.cacheDirectory = cacheDirectory
  }
}

package enum ModuleBuilder {
  /// Builds the module in `directory` (its module.json and Sources) into `output`, which is made if missing, and its
  /// variants into `output`/shelf. Each build's files appear whole or not at all, the manifest last; nothing is written
  /// when one of the builds fails.
  package static func build(
    directory: String, output: String, options: BuildOptions = BuildOptions()
  ) throws(BuildError) -> BuiltModule {
    let description = try ModuleDescription(directory: directory)
    let compilation = try Compilation(description, directory, options)
    let variants = options.withVariants ? description.variants ?? [] : []
    let builds = [Variant(of: description)] + variants
    let all = try atOnce(builds.count) { index throws(BuildError) -> Result<Compiled, BuildError> in
      let variant = builds[index]
      guard let format = variant.format.flatMap({ Manifest.Format(rawValue: $0) }), format != options.format else {
        return .success(try compilation.build(variant))
      }
      var options = options
      options.format = format
      // Not every machine that builds the module can build this one too.
      do throws(BuildError) {
        return .success(try Compilation(description, directory, options).build(variant))
      } catch { return .failure(error) }
    }
    let compiled = all.compactMap { try? $0.get() }
    try makeDirectory(output)
    try copyPage(from: directory + "/Page", to: output + "/" + description.name + ".page")
    var built = try put(compiled[0], output + "/" + description.name)
    for (variant, result) in zip(builds, all) {
      if case .failure(let error) = result {
        built.notes.append("\(description.name) \(variant.version) is not built: \(error)")
      }
    }
    if !variants.isEmpty { try makeDirectory(output + "/shelf") }
    for variant in compiled.dropFirst() {
      _ = try put(variant, "\(output)/shelf/\(description.name)-\(variant.manifest.version)")
    }
    return built
  }

  private static func put(_ compiled: Compiled, _ base: String) throws(BuildError) -> BuiltModule {
    let built = BuiltModule(
      manifest: compiled.manifest, module: base + "." + compiled.manifest.format.fileExtension,
      manifestPath: base + ".json", lines: base + "." + SourceLines.fileExtension)
    try write(compiled.lines, to: built.lines)
    try write(compiled.module, to: built.module)
    try write(compiled.manifest.json(), to: built.manifestPath)
    return built
  }

  /// As many at once as there are processors; the first failure by number.
  static func atOnce<Value: Sendable>(
    _ count: Int, _ body: @Sendable (Int) throws(BuildError) -> Value
  ) throws(BuildError) -> [Value] {
    let results = Mutex([Int: Result<Value, BuildError>]())
    DispatchQueue.concurrentPerform(iterations: count) { index in
      let result: Result<Value, BuildError>
      do throws(BuildError) { result = .success(try body(index)) } catch { result = .failure(error) }
      results.withLock { $0[index] = result }
    }
    let all = results.withLock { $0 }
    var values: [Value] = []
    for index in 0..<count {
      guard let result = all[index] else { preconditionFailure("a build ended without a result") }
      values.append(try result.get())
    }
    return values
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
final class Scratch: Sendable {
  let path: String
  init() throws(BuildError) {
    path = NSTemporaryDirectory() + "/oneup-build-" + UUID().uuidString
    try ModuleBuilder.makeDirectory(path)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}
