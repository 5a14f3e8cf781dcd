// What a module says of its messages and its state, as part of its manifest.
internal import Artifacts
internal import Core
internal import Sandbox

/// Asked of the module itself, which knows its fields only when it runs.
enum ModuleSchema {
  /// nil where the module says nothing. Throws the module's own words where its messages or fields cannot be.
  static func ask(
    _ module: [UInt8], _ manifest: Manifest, cacheDirectory: String?
  ) throws(BuildError) -> JSON? {
    let json: [UInt8]
    let kept = try Scratch()
    do throws(EngineError) {
      var options = EngineOptions(roomsMax: 1, cacheDirectory: cacheDirectory)
      if manifest.format == .native {
        options.keptDirectory = kept.path
        options.trustsNative = { _ in true }
      }
      let engine = try WasmEngine(options)
      let settings = try engine.load(module, manifest)
      json = try engine.schema(of: settings.hash)
    } catch {
      throw BuildError("the module was built but cannot be asked what it is: \(error)")
    }
    guard !json.isEmpty else { return nil }
    let said: JSON
    do throws(JSONError) { said = try JSON(json) } catch {
      throw BuildError(
        "what the module's oneup_schema says is not JSON: \(error): \(String(decoding: json.prefix(200), as: UTF8.self))"
      )
    }
    if let problem = said["problem"]?.text { throw BuildError(problem) }
    return said
  }
}
