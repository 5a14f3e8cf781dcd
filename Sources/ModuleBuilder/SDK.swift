// The room SDK, compiled for WebAssembly once and kept, so that a module's own build stays short.
internal import Core
internal import Foundation
internal import Sandbox

struct SDK {
  let builtDirectory: String
  var object: String { builtDirectory + "/OneUpRoom.o" }
  var support: String { builtDirectory + "/support.o" }

  static func find(_ given: String?, above directory: String) throws(BuildError) -> String {
    if let given = given ?? ProcessInfo.processInfo.environment["ONEUP_SDK"] {
      guard FileManager.default.fileExists(atPath: given + "/Room.swift") else {
        throw BuildError("there is no SDK in \(given): it should be the directory with OneUpRoom's sources")
      }
      return given
    }
    var place = URL(fileURLWithPath: directory).standardizedFileURL
    while place.path != "/" {
      let candidate = place.path + "/Sources/OneUpRoom"
      if FileManager.default.fileExists(atPath: candidate + "/Room.swift") { return candidate }
      place.deleteLastPathComponent()
    }
    throw BuildError(
      "the SDK was not found above \(directory): set ONEUP_SDK to the directory with OneUpRoom's sources")
  }

  /// Compiles what the sources and the compiler have not been compiled to yet.
  init(path: String, toolchain: Toolchain) throws(BuildError) {
    let sources = try ModuleBuilder.swiftFiles(in: path)
    var key = Array(toolchain.identity.utf8)
    for file in sources + [path + "/Support/support.c"] { key += try ModuleBuilder.read(file) }
    let name = ModuleHash(of: key).description.prefix(24)
    let cache = try SDK.cacheDirectory()
    builtDirectory = "\(cache)/\(name)"
    if FileManager.default.fileExists(atPath: builtDirectory) { return }
    let making = "\(cache)/\(name).\(UUID().uuidString)"
    try ModuleBuilder.makeDirectory(making)
    defer { try? FileManager.default.removeItem(atPath: making) }
    try toolchain.compileSwift(
      sources, moduleName: "OneUpRoom",
      extra: [
        "-emit-module", "-emit-module-path", making + "/OneUpRoom.swiftmodule", "-c", "-o", making + "/OneUpRoom.o",
      ])
    try toolchain.compileC(path + "/Support/support.c", to: making + "/support.o")
    // Another build may have been quicker; its result is the same.
    try? FileManager.default.moveItem(atPath: making, toPath: builtDirectory)
    guard FileManager.default.fileExists(atPath: builtDirectory) else {
      throw BuildError("could not put the compiled SDK into \(builtDirectory)")
    }
  }

  private static func cacheDirectory() throws(BuildError) -> String {
    let environment = ProcessInfo.processInfo.environment
    let base = environment["XDG_CACHE_HOME"] ?? environment["HOME"].map { $0 + "/.cache" } ?? NSTemporaryDirectory()
    let path = base + "/oneup/sdk"
    try ModuleBuilder.makeDirectory(path)
    return path
  }
}
