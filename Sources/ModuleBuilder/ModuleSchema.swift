// What a module says of its messages and its state, as part of its manifest.
internal import Core
internal import Foundation
internal import Sandbox

/// Asked of the module itself, which knows its fields only when it runs.
struct ModuleSchema {
  /// JSON; empty where the module says nothing.
  private let json: [UInt8]

  /// Throws the module's own words where its messages or fields cannot be.
  init(of module: [UInt8], _ manifest: ModuleManifest) throws(BuildError) {
    do throws(EngineError) {
      let engine = try WasmEngine(EngineOptions(roomsMax: 1))
      let settings = try engine.load(module, manifest)
      json = try engine.schema(of: settings.hash)
    } catch {
      throw BuildError("the module was built but cannot be asked what it is: \(error)")
    }
    guard !json.isEmpty else { return }
    guard let said = try? JSONSerialization.jsonObject(with: Data(json)) as? [String: Any] else {
      throw BuildError(
        "what the module's oneup_schema says is not JSON: \(String(decoding: json.prefix(200), as: UTF8.self))")
    }
    if let problem = said["problem"] as? String { throw BuildError(problem) }
  }

  /// `manifest` is a JSON object; so is what comes back.
  func put(into manifest: [UInt8]) -> [UInt8] {
    guard !json.isEmpty, let end = manifest.lastIndex(of: UInt8(ascii: "}")) else { return manifest }
    var whole = Array(manifest[..<end])
    while whole.last == UInt8(ascii: "\n") { whole.removeLast() }
    whole += Array(",\n  \"schema\" : ".utf8)
    whole += json
    whole += Array("\n}\n".utf8)
    return whole
  }
}
