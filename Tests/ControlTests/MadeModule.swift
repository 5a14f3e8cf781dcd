// Modules that are made for a test, from one file of source.
import Foundation
import ServerHarness

enum MadeModule {
  /// The directory that its build is in, within `place`. `type`: of its room, and the name of its file.
  static func build(
    _ name: String, _ type: String, in place: String, _ source: String, variants: String = "[]"
  ) throws -> String {
    let directory = URL(fileURLWithPath: "\(place)/\(name)")
    let sources = directory.appendingPathComponent("Sources")
    try FileManager.default.createDirectory(at: sources, withIntermediateDirectories: true)
    try Data(#"{"name":"\#(name)","version":"1.0.0","room":"\#(type)","variants":\#(variants)}"#.utf8).write(
      to: directory.appendingPathComponent("module.json"))
    try Data(source.utf8).write(to: sources.appendingPathComponent(type + ".swift"))
    let build = try Program.run(["build", directory.path, "--output", place + "/modules"])
    guard build.status == 0 else { throw Failure(description: build.errors) }
    return place + "/modules"
  }

  /// Where what is built once for all tests goes.
  static func place(_ name: String) -> String {
    NSTemporaryDirectory() + "oneup-\(name)-\(ProcessInfo.processInfo.processIdentifier)"
  }
}
