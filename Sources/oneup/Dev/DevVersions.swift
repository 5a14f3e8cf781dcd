// What the builds of one `oneup dev` are called, and how the same game can be built twice.
import Artifacts
import ModuleBuilder

/// The first build has the version of module.json; those after it are hot-fixes of that, counted up. A new version in
/// module.json begins anew.
struct DevVersions {
  private var base: String
  private var count = 0

  /// `first`: of the build that the server has begun with.
  init(first: String) { base = first }

  /// The next build, as it is pushed.
  mutating func next(_ built: BuiltModule, _ bytes: [UInt8]) -> (manifest: Manifest, module: [UInt8]) {
    let version = built.manifest.version
    if version != base { (base, count) = (version, -1) }
    count += 1
    let name = count == 0 ? version : "hotfix-\(ReleaseName(version)?.baseline.description ?? version)-v\(count)"
    // A server takes the same bytes once only; an edit that is undone makes the same ones again.
    let module = bytes + Self.section("oneup-dev", name)
    var manifest = Manifest(name: built.manifest.name, version: name, module: module)
    manifest.schema = built.manifest.schema
    manifest.reason = "saved"
    return (manifest, module)
  }

  /// A custom section: every WebAssembly engine passes over it.
  private static func section(_ name: String, _ text: String) -> [UInt8] {
    let content = [UInt8(name.utf8.count)] + Array(name.utf8) + Array(text.utf8)
    precondition(content.count < 0x80, "a length of one byte")
    return [0, UInt8(content.count)] + content
  }
}
