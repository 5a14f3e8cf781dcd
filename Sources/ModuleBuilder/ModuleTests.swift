// A module's own tests: what `oneup test` runs.
internal import Artifacts
internal import Core
internal import Foundation

/// A Swift package made for the module: the SDK, and the module's Sources and Tests as one target, so that game code needs
/// no `public`. It lives in the cache, so that a second run compiles only what changed.
package struct ModuleTests: Sendable {
  package let package: String
  package let swift: String

  package init(directory: String, sdk: String?) throws(BuildError) {
    let description = try ModuleDescription(directory: directory)
    guard !(try ModuleBuilder.swiftFiles(in: directory + "/Tests")).isEmpty else {
      throw BuildError("there are no Swift files in \(directory)/Tests: put the tests there")
    }
    let sdk = try SDK.find(sdk, above: directory)
    let module = URL(fileURLWithPath: directory).standardizedFileURL.path
    let key = ModuleHash(of: Array((module + "\n" + sdk).utf8)).description.prefix(16)
    package = try SDK.cacheDirectory("tests") + "/\(description.name)-\(key)"
    swift = try Toolchain.swift()
    try ModuleBuilder.makeDirectory(package)
    try link(to: sdk, as: "OneUpRoom")
    try link(to: module, as: "Module")
    // Written only where it differs, for its time says whether everything must be planned anew.
    let manifest = Array(ModuleTests.manifest(description.room, beside: try ModuleTests.beside(module)).utf8)
    let path = package + "/Package.swift"
    let isThere = FileManager.default.fileExists(atPath: path)
    let isSame = isThere ? try ModuleBuilder.read(path) == manifest : false
    if !isSame { try ModuleBuilder.write(manifest, to: path) }
  }

  /// What `swift` is to be given. Optimised: the twin test plays thousands of events.
  package func arguments(filter: String?) -> [String] {
    ["test", "-c", "release", "--disable-xctest", "--package-path", package, "--scratch-path", package + "/build"]
      + (filter.map { ["--filter", $0] } ?? [])
  }

  private func link(to target: String, as name: String) throws(BuildError) {
    let files = FileManager.default
    let path = package + "/" + name
    let whole = URL(fileURLWithPath: target).standardizedFileURL.path
    if (try? files.destinationOfSymbolicLink(atPath: path)) == whole { return }
    try? files.removeItem(atPath: path)
    do { try files.createSymbolicLink(atPath: path, withDestinationPath: whole) } catch {
      throw BuildError("could not make \(path): \(error.localizedDescription)")
    }
  }
  /// Everything in the module's directory but the sources; SwiftPM warns of files that it is not told of.
  private static func beside(_ module: String) throws(BuildError) -> [String] {
    guard let all = try? FileManager.default.contentsOfDirectory(atPath: module) else {
      throw BuildError("\(module) cannot be read")
    }
    return all.filter { $0 != "Sources" && $0 != "Tests" && !$0.hasPrefix(".") }.sorted()
  }
  private static func manifest(_ room: String, beside: [String]) -> String {
    let excluded = beside.filter { !$0.contains("\"") && !$0.contains("\\") }.map { "\"\($0)\"" }.joined(
      separator: ", ")
    return """
      // swift-tools-version: 6.2
      // Made by `oneup test`.
      import PackageDescription

      let package = Package(
        name: "\(room)",
        targets: [
          .target(
            name: "OneUpRoom", path: "OneUpRoom", exclude: ["Support"],
            swiftSettings: [.swiftLanguageMode(.v6), .enableUpcomingFeature("InternalImportsByDefault")]),
          .testTarget(
            name: "\(room)Tests", dependencies: ["OneUpRoom"], path: "Module", exclude: [\(excluded)],
            sources: ["Sources", "Tests"], swiftSettings: [.swiftLanguageMode(.v6)]),
        ])

      """
  }
}
