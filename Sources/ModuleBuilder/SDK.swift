// The room SDK, compiled for WebAssembly once and kept, so that a module's own build stays short.
internal import Artifacts
internal import Core
internal import Foundation

struct SDK {
  let builtDirectory: String
  /// What is linked into every module.
  var objects: [String] { [builtDirectory + "/OneUpRoom.o", builtDirectory + "/support.o"] }

  /// Where it was said to be, above the module, or where this program's sources or installation keep it.
  static func find(_ given: String?, above directory: String) throws(BuildError) -> String {
    if let given = given ?? ProcessInfo.processInfo.environment["ONEUP_SDK"] {
      guard isSDK(given) else {
        throw BuildError("there is no SDK in \(given): it should be the directory with OneUpRoom's sources")
      }
      return given
    }
    if let found = look(from: URL(fileURLWithPath: directory).standardizedFileURL) ?? own { return found }
    throw BuildError(
      "the SDK was not found above \(directory), nor beside this program: "
        + "set ONEUP_SDK to the directory with OneUpRoom's sources")
  }
  private static var own: String? {
    look(from: URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent())
  }
  private static func look(from start: URL) -> String? {
    var place = start
    while true {
      for candidate in [place.path + "/Sources/OneUpRoom", place.path + "/share/oneup/sdk"] where isSDK(candidate) {
        return candidate
      }
      if place.path == "/" { return nil }
      place.deleteLastPathComponent()
    }
  }
  private static func isSDK(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path + "/Room.swift") }

  /// Names that a module's own types had better not have.
  static func publicTypes() throws(BuildError) -> Set<String> {
    guard let sdk = own else { return [] }
    var names: Set<String> = ["OneUpRoom"]
    for file in try ModuleBuilder.swiftFiles(in: sdk) {
      for line in String(decoding: try ModuleBuilder.read(file), as: UTF8.self).split(separator: "\n") {
        let words = line.split { !$0.isLetter && !$0.isNumber }
        guard let kind = words.firstIndex(where: { ["struct", "class", "enum", "protocol"].contains($0) }),
          words.first == "public", kind + 1 < words.count
        else { continue }
        names.insert(String(words[kind + 1]))
      }
    }
    return names
  }

  /// Compiles what the sources and the compiler have not been compiled to yet.
  init(path: String, for format: Manifest.Format, toolchain: Toolchain) throws(BuildError) {
    let sources = try ModuleBuilder.swiftFiles(in: path)
    let support = path + (format == .wasm ? "/Support/support.c" : "/Support/native.c")
    var key = Array((toolchain.identity + Toolchain.flags(format).joined(separator: " ")).utf8)
    for file in sources + [support] { key += try ModuleBuilder.read(file) }
    let name = ModuleHash(of: key).description.prefix(24)
    let cache = try SDK.cacheDirectory("sdk")
    builtDirectory = "\(cache)/\(name)"
    if FileManager.default.fileExists(atPath: builtDirectory) { return }
    let making = "\(cache)/\(name).\(UUID().uuidString)"
    try ModuleBuilder.makeDirectory(making)
    defer { try? FileManager.default.removeItem(atPath: making) }
    try toolchain.compileSwift(
      sources, for: format, moduleName: "OneUpRoom",
      extra: [
        "-emit-module", "-emit-module-path", making + "/OneUpRoom.swiftmodule", "-c", "-o", making + "/OneUpRoom.o",
      ])
    try toolchain.compileC(support, for: format, to: making + "/support.o")
    // Another build may have been quicker; its result is the same.
    try? FileManager.default.moveItem(atPath: making, toPath: builtDirectory)
    guard FileManager.default.fileExists(atPath: builtDirectory) else {
      throw BuildError("could not put the compiled SDK into \(builtDirectory)")
    }
  }

  static func cacheDirectory(_ part: String) throws(BuildError) -> String {
    let environment = ProcessInfo.processInfo.environment
    let base = environment["XDG_CACHE_HOME"] ?? environment["HOME"].map { $0 + "/.cache" } ?? NSTemporaryDirectory()
    let path = base + "/oneup/" + part
    try ModuleBuilder.makeDirectory(path)
    return path
  }
}
