// What is wrong with a manifest, in words.
internal import Core

struct ManifestCheck {
  let fields: [String: JSON]

  func run() throws(ArtifactError) {
    try Manifest.check(name: try text("name"), version: try text("version"))
    guard ModuleHash(hex: try text("sha256")) != nil else {
      throw ArtifactError("\"sha256\" in the manifest is not 64 hexadecimal digits; `oneup build` writes it anew")
    }
    _ = try number("abi") as UInt32
    guard try number("bytes") as Int >= 0 else { throw wrong("bytes") }
    try optional("kind", in: Manifest.Kind.allCases.map(\.rawValue))
    try optional("format", in: Manifest.Format.allCases.map(\.rawValue))
    for name in ["baseline", "stateSchema", "author", "reason"] where fields[name] != nil { _ = try text(name) }
    for name in ["time", "expires"] where fields[name] != nil {
      guard ISOTime.microseconds(try text(name)) != nil else {
        throw ArtifactError("\"\(name)\" in the manifest is not a time like 2026-01-31T23:59:59Z")
      }
    }
    try checkScope()
    if let signature = fields["signature"], ManifestSignature(signature) == nil {
      throw ArtifactError("the manifest's signature is not one; sign it anew with `oneup sign`")
    }
  }

  private func checkScope() throws(ArtifactError) {
    guard let scope = fields["scope"] else { return }
    guard case .array(let items) = scope, items.count <= ArtifactLimits.scopeMax else {
      throw ArtifactError(
        "\"scope\" in the manifest must be an array of at most \(ArtifactLimits.scopeMax) beginnings of room keys")
    }
    for item in items {
      guard let prefix = item.text, prefix.utf8.count <= Limits.roomKeyBytesMax else { throw wrong("scope") }
    }
  }

  private func text(_ name: String) throws(ArtifactError) -> String {
    guard let value = fields[name] else { throw lacking(name) }
    guard let text = value.text else { throw wrong(name) }
    return text
  }
  private func number<Number: FixedWidthInteger>(_ name: String) throws(ArtifactError) -> Number {
    guard let value = fields[name] else { throw lacking(name) }
    guard let number: Number = value.integer() else { throw wrong(name) }
    return number
  }
  private func optional(_ name: String, in allowed: [String]) throws(ArtifactError) {
    guard fields[name] != nil else { return }
    let value = try text(name)
    guard allowed.contains(value) else {
      throw ArtifactError(
        "\"\(name)\" in the manifest is \"\(value)\"; this server knows \(allowed.joined(separator: ", "))")
    }
  }
  private func lacking(_ name: String) -> ArtifactError {
    ArtifactError("the manifest lacks \"\(name)\"; `oneup build` writes it anew")
  }
  private func wrong(_ name: String) -> ArtifactError {
    ArtifactError("\"\(name)\" in the manifest is of the wrong kind; `oneup build` writes it anew")
  }
}

extension Manifest {
  /// Names become file names, metrics and part of room names.
  package static func check(name: String, version: String) throws(ArtifactError) {
    let letters = name.utf8.allSatisfy {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
    }
    guard letters, !name.isEmpty, name.utf8.count <= Limits.moduleNameBytesMax else {
      throw ArtifactError(
        "a module's name is 1 to \(Limits.moduleNameBytesMax) of a-z, 0-9, - and _; \"\(name)\" is not")
    }
    let printable = version.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    guard printable, !version.isEmpty, version.utf8.count <= 64 else {
      throw ArtifactError(
        "a module's version is 1 to 64 printable characters without spaces, like 1.2.3; \"\(version)\" is not")
    }
  }
}
