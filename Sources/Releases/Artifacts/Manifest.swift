// The file beside a module: what it is called, which bytes are meant, who answers for it.
package import Core

/// The version of the room interface (docs/room-abi.md) that this server speaks.
package let roomABIVersion: UInt32 = 1

/// `name.json` beside `name.wasm` or `name.so`. What it does not know of a file it keeps, and writes again.
package struct Manifest: Hashable, Sendable {
  package enum Kind: String, Sendable, CaseIterable { case release, hotfix }
  package enum Format: String, Sendable, CaseIterable {
    case wasm, native
    /// Of the module's file, without the dot.
    package var fileExtension: String { self == .wasm ? "wasm" : "so" }
  }

  /// Whatever is set here has been checked.
  private var fields: [String: JSON]

  /// For a module built just now. A version that is called a hot-fix is one.
  package init(name: String, version: String, module: [UInt8], format: Format = .wasm) {
    fields = [
      "name": .text(name), "version": .text(version), "sha256": .text(ModuleHash(of: module).description),
      "abi": .number(roomABIVersion), "bytes": .number(module.count),
    ]
    if format != .wasm { fields["format"] = .text(format.rawValue) }
    if let release = ReleaseName(version), release.hotfix != nil {
      fields["kind"] = .text(Kind.hotfix.rawValue)
      fields["baseline"] = .text(release.baseline.description)
    }
  }

  package init(json: [UInt8]) throws(ArtifactError) {
    guard json.count <= ArtifactLimits.manifestBytesMax else {
      throw ArtifactError("the manifest has \(json.count) bytes; \(ArtifactLimits.manifestBytesMax) are allowed")
    }
    let document: JSON
    do throws(JSONError) { document = try JSON(json) } catch {
      throw ArtifactError("the manifest is no JSON: \(error); `oneup build` writes it anew")
    }
    try self.init(document)
  }

  package init(_ document: JSON) throws(ArtifactError) {
    guard case .object(let members) = document else { throw ArtifactError("the manifest is no JSON object") }
    fields = members
    try ManifestCheck(fields: fields).run()
  }

  /// As it is written beside the module: a line for each field, names sorted.
  package func json() -> [UInt8] { JSON.object(fields).lines }
  package var document: JSON { .object(fields) }

  /// What is signed: everything but the signature.
  package var signedBytes: [UInt8] {
    var rest = fields
    rest["signature"] = nil
    return Array("oneup manifest 1\n".utf8) + JSON.object(rest).canonical
  }

  // MARK: Fields. Whoever changes one signs anew.

  package var name: String { text("name") ?? "" }
  package var version: String {
    get { text("version") ?? "" }
    set { fields["version"] = .text(newValue) }
  }
  /// Of the module's bytes.
  package var hash: ModuleHash {
    guard let hash = text("sha256").flatMap({ ModuleHash(hex: $0) }) else {
      preconditionFailure("a manifest's sha256 is checked when it is read")
    }
    return hash
  }
  package var abi: UInt32 { fields["abi"]?.integer() ?? 0 }
  /// The module's size.
  package var bytes: Int { fields["bytes"]?.integer() ?? 0 }
  /// nil: it does not say; its version's name does.
  package var kind: Kind? {
    get { text("kind").flatMap { Kind(rawValue: $0) } }
    set { fields["kind"] = newValue.map { .text($0.rawValue) } }
  }
  package var format: Format { text("format").flatMap { Format(rawValue: $0) } ?? .wasm }
  /// What a hot-fix belongs to.
  package var baseline: String? {
    get { text("baseline") }
    set { fields["baseline"] = newValue.map { .text($0) } }
  }
  /// Built for trying things out: not optimised, and with fuel to match.
  package var isDevelopment: Bool {
    get { fields["development"] == .bool(true) }
    set { fields["development"] = newValue ? .bool(true) : nil }
  }
  package var author: String? {
    get { text("author") }
    set { fields["author"] = newValue.map { .text($0) } }
  }
  package var reason: String? {
    get { text("reason") }
    set { fields["reason"] = newValue.map { .text($0) } }
  }
  /// When it was signed or built, in microseconds since 1970.
  package var time: Int64? {
    get { text("time").flatMap { ISOTime.microseconds($0) } }
    set { fields["time"] = newValue.map { .text(ISOTime.text(microseconds: $0)) } }
  }
  /// From when on no server takes it, in microseconds since 1970.
  package var expires: Int64? {
    get { text("expires").flatMap { ISOTime.microseconds($0) } }
    set { fields["expires"] = newValue.map { .text(ISOTime.text(microseconds: $0)) } }
  }
  /// How the keys begin of the rooms that it is for; empty: all rooms of its module.
  package var scope: [String] {
    get {
      guard case .array(let items)? = fields["scope"] else { return [] }
      return items.compactMap(\.text)
    }
    set { fields["scope"] = newValue.isEmpty ? nil : .array(newValue.map { .text($0) }) }
  }
  /// What the module says of its messages and its state.
  package var schema: JSON? {
    get { fields["schema"] }
    set {
      fields["schema"] = newValue
      fields["stateSchema"] = newValue?["state"].map { .text(ModuleHash(of: $0.canonical).description) }
    }
  }
  /// Two builds with the same one keep their state in the same fields.
  package var stateSchema: String? { text("stateSchema") }
  package var signature: ManifestSignature? {
    get { fields["signature"].flatMap { ManifestSignature($0) } }
    set { fields["signature"] = newValue?.json }
  }

  private func text(_ name: String) -> String? { fields[name]?.text }
}
