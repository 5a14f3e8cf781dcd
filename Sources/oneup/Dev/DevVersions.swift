// What the builds of one `oneup dev` are called, and how the same game can be built twice.
import Artifacts
import Core
import ModuleBuilder

/// The first build has the version of module.json; those after it are hot-fixes of that, counted up. A new version in
/// module.json begins anew.
struct DevVersions {
  private var base: String
  private var count = 0
  private var taken: Set<ModuleHash>
  /// Of the build that all rooms had last.
  private var schema: JSON?

  /// `first`: the build that the server has begun with.
  init(first: Manifest) { (base, taken, schema) = (first.version, [first.hash], first.schema) }

  /// All rooms have it.
  mutating func runs(_ built: Manifest) { schema = built.schema }
  /// What it keeps otherwise than the build that the rooms have.
  func changes(to built: Manifest) -> [String] { StateTypes.changes(from: schema, to: built.schema) }

  /// The next build, as it is pushed. `isWhole`: its bytes are those that were built.
  mutating func next(_ built: Manifest, _ bytes: [UInt8]) -> (manifest: Manifest, module: [UInt8], isWhole: Bool) {
    if built.version != base { (base, count) = (built.version, -1) }
    count += 1
    let name = count == 0 ? base : "hotfix-\(ReleaseName(base)?.baseline.description ?? base)-v\(count)"
    // A server takes the same bytes once only; an edit that is undone makes the same ones again.
    let isWhole = !taken.contains(built.hash)
    let module = isWhole ? bytes : bytes + Self.section("oneup-dev", name)
    var manifest = Manifest(name: built.name, version: name, module: module)
    manifest.schema = built.schema
    manifest.isDevelopment = built.isDevelopment
    manifest.reason = "saved"
    taken.insert(manifest.hash)
    return (manifest, module, isWhole)
  }

  /// A custom section: every WebAssembly engine passes over it.
  private static func section(_ name: String, _ text: String) -> [UInt8] {
    let content = [UInt8(name.utf8.count)] + Array(name.utf8) + Array(text.utf8)
    precondition(content.count < 0x80, "a length of one byte")
    return [0, UInt8(content.count)] + content
  }
}
