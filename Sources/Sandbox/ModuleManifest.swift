// The file beside a module: what it is called, and which bytes are meant.
package import Core
internal import FoundationEssentials

/// `name.json` beside `name.wasm`.
package struct ModuleManifest: Codable, Hashable, Sendable {
  package var name: String
  package var version: String
  /// Of the module's bytes, in hexadecimal.
  package var sha256: String
  package var abi: UInt32
  /// The module's size.
  package var bytes: Int

  /// For a module built just now.
  package init(name: String, version: String, module: [UInt8]) {
    self.name = name
    self.version = version
    sha256 = ModuleHash(of: module).description
    abi = roomABIVersion
    bytes = module.count
  }

  package init(json: [UInt8]) throws(EngineError) {
    do { self = try JSONDecoder().decode(ModuleManifest.self, from: Data(json)) } catch {
      throw EngineError("\(ModuleManifest.fault(error)); `oneup build` writes it anew")
    }
    try ModuleManifest.check(name: name, version: version)
  }

  /// What is wrong with a manifest, in words.
  private static func fault(_ error: any Error) -> String {
    func place(_ path: [any CodingKey]) -> String { path.map(\.stringValue).joined(separator: ".") }
    return switch error {
    case Swift.DecodingError.keyNotFound(let key, _): "the manifest lacks \"\(key.stringValue)\""
    case Swift.DecodingError.typeMismatch(_, let context), Swift.DecodingError.valueNotFound(_, let context):
      "\"\(place(context.codingPath))\" in the manifest is of the wrong kind"
    default: "the manifest is no JSON"
    }
  }

  package func json() -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    guard let data = try? encoder.encode(self) else { preconditionFailure("a manifest holds text and numbers only") }
    return Array(data) + [UInt8(ascii: "\n")]
  }

  /// Names become file names, metrics and part of room names.
  package static func check(name: String, version: String) throws(EngineError) {
    let letters = name.utf8.allSatisfy {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
    }
    guard letters, !name.isEmpty, name.utf8.count <= Limits.moduleNameBytesMax else {
      throw EngineError("a module's name is 1 to \(Limits.moduleNameBytesMax) of a-z, 0-9, - and _; \"\(name)\" is not")
    }
    let printable = version.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    guard printable, !version.isEmpty, version.utf8.count <= 64 else {
      throw EngineError(
        "a module's version is 1 to 64 printable characters without spaces, like 1.2.3; \"\(version)\" is not")
    }
  }
}
