// The Swift toolchain and Debian's C library for WebAssembly.
internal import Artifacts
internal import Foundation

struct Toolchain: Sendable {
  /// .../usr
  let root: String
  let identity: String
  private static let libraries = "/usr/lib/wasm32-wasi"
  private static let target = "wasm32-unknown-none-wasm"

  /// The `swift` command.
  static func swift() throws(BuildError) -> String { try directory() + "/bin/swift" }

  private static func directory() throws(BuildError) -> String {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let found = path.split(separator: ":").map { $0 + "/swiftc" }.first {
      FileManager.default.isExecutableFile(atPath: String($0))
    }
    guard let found else {
      throw BuildError("swiftc is not in PATH: install Swift 6.3 or newer and put its usr/bin there")
    }
    // Usually a link into the toolchain; the driver's own name decides what it does, so only its directory is followed.
    let real = URL(fileURLWithPath: String(found)).resolvingSymlinksInPath()
    return real.deletingLastPathComponent().deletingLastPathComponent().path
  }

  init(for format: Manifest.Format = .wasm) throws(BuildError) {
    root = try Toolchain.directory()
    identity = try Toolchain.run(root + "/bin/swiftc", ["--version"])
    if format == .native { return }
    guard FileManager.default.fileExists(atPath: Toolchain.libraries + "/libc.a") else {
      throw BuildError("the C library for WebAssembly is missing: apt-get install wasi-libc")
    }
    guard FileManager.default.fileExists(atPath: root + "/bin/wasm-ld") else {
      throw BuildError(
        "\(root)/bin/wasm-ld is missing: this Swift toolchain cannot link WebAssembly; install one from swift.org")
    }
  }

  /// Changes when another C library for WebAssembly is installed.
  var libraryState: String {
    let attributes = try? FileManager.default.attributesOfItem(atPath: Toolchain.libraries + "/libc.a")
    return "\(attributes?[.size] ?? 0) \(attributes?[.modificationDate] ?? 0)"
  }

  /// With debug information, which changes no code; what is shipped for the sandbox goes without. `isQuick`: not
  /// optimised, and the compiler does not check itself.
  func compileSwift(
    _ sources: [String], for format: Manifest.Format, moduleName: String, isQuick: Bool = false,
    defines: [String] = [], extra: [String]
  ) throws(BuildError) {
    let pace = isQuick ? ["-Onone", "-Xfrontend", "-disable-llvm-verify"] : ["-O"]
    let flags = Toolchain.flags(format) + pace + defines.flatMap { ["-D", $0] } + ["-module-name", moduleName]
    _ = try Toolchain.run(root + "/bin/swiftc", flags + extra + sources)
  }
  /// Embedded Swift for both: the same language, and a native module brings no second Swift runtime into the worker.
  static func flags(_ format: Manifest.Format) -> [String] {
    let common = [
      "-enable-experimental-feature", "Embedded", "-enable-experimental-feature", "Extern", "-swift-version", "6",
      "-wmo", "-g", "-parse-as-library",
    ]
    return switch format {
    case .wasm: common + ["-target", target, "-Xcc", "-fno-stack-protector"]
    // With frame pointers, by which the report of a crashed process finds who called whom.
    case .native:
      common + [
        "-target", nativeTarget, "-Xcc", "-fPIC", "-Xcc", "-fno-omit-frame-pointer", "-Xcc",
        "-mno-omit-leaf-frame-pointer", "-D", "ONEUP_NATIVE",
      ]
    }
  }
  #if arch(arm64)
    private static let nativeTarget = "aarch64-unknown-linux-gnu"
  #else
    private static let nativeTarget = "x86_64-unknown-linux-gnu"
  #endif

  func compileC(_ source: String, for format: Manifest.Format, to object: String) throws(BuildError) {
    let target = format == .wasm ? ["--target=" + Toolchain.target] : ["-fPIC"]
    _ = try Toolchain.run(root + "/bin/clang", target + ["-O2", "-c", "-o", object, source])
  }

  func link(_ objects: [String], for format: Manifest.Format, to output: String, _ scratch: Scratch) throws(BuildError)
  {
    switch format {
    case .wasm: try linkWasm(objects, to: output)
    case .native: try linkNative(objects, to: output, scratch)
    }
  }

  /// Nothing but the room interface can be seen from outside, and nothing outside takes the place of what is inside:
  /// the library has a Swift of its own, beside the worker's.
  private func linkNative(_ objects: [String], to output: String, _ scratch: Scratch) throws(BuildError) {
    let names = scratch.path + "/exports.map"
    try ModuleBuilder.write(Array("{ global: oneup_*; local: *; };\n".utf8), to: names)
    let unicode = root + "/lib/swift/embedded/" + Toolchain.nativeTarget + "/libswiftUnicodeDataTables.a"
    let flags = ["--version-script=" + names, "--gc-sections", "-Bsymbolic", "-z,defs", "-z,now"].map { "-Wl," + $0 }
    _ = try Toolchain.run(
      root + "/bin/clang", ["-shared", "-fuse-ld=lld", "-o", output] + objects + [unicode] + flags + ["-lm"])
  }

  /// The guest's stack comes first in its memory, so that running over it is a trap and not a changed variable.
  /// Exporting the constructors (Swift needs none) says that exports are called often: else each would be wrapped in a
  /// program's start and end.
  private func linkWasm(_ objects: [String], to output: String) throws(BuildError) {
    let unicode = root + "/lib/swift/embedded/" + Toolchain.target + "/libswiftUnicodeDataTables.a"
    let flags = [
      "--no-entry", "--gc-sections", "--stack-first", "-z", "stack-size=65536", "--export=__stack_pointer",
      "--export=__wasm_call_ctors",
      "-L" + Toolchain.libraries, "-o", output,
    ]
    _ = try Toolchain.run(root + "/bin/wasm-ld", flags + objects + ["-lc", "-lm", unicode])
  }

  /// Where the code at these places of a module came from; the format is llvm-symbolizer's own.
  func symbolize(_ linked: String, _ offsets: [Int], _ scratch: Scratch) throws(BuildError) -> String {
    var linked = linked
    if linked.hasSuffix(".wasm") {
      // The names that a module carries count from another place than its debug information, and would win over it.
      let unnamed = scratch.path + "/unnamed.wasm"
      _ = try Toolchain.run(root + "/bin/llvm-objcopy", ["--remove-section=name", linked, unnamed])
      linked = unnamed
    }
    let input = scratch.path + "/offsets"
    try ModuleBuilder.write(Array(offsets.map { "0x" + String($0, radix: 16) }.joined(separator: "\n").utf8), to: input)
    return try Toolchain.run(root + "/bin/llvm-symbolizer", ["-e", linked], input: input)
  }

  /// Where the instructions of a native module begin, from the library's start; rising.
  func instructions(of library: String) throws(BuildError) -> [Int] {
    let said = try Toolchain.run(root + "/bin/llvm-objdump", ["-d", "--no-show-raw-insn", library])
    return said.split(separator: "\n").compactMap { line in
      guard line.first == " ", let colon = line.firstIndex(of: ":") else { return nil }
      return Int(line[..<colon].drop { $0 == " " }, radix: 16)
    }
  }

  /// Names for people, one for each.
  func demangle(_ names: [String], _ scratch: Scratch) throws(BuildError) -> [String] {
    let input = scratch.path + "/names"
    try ModuleBuilder.write(Array((names.joined(separator: "\n") + "\n").utf8), to: input)
    let said = try Toolchain.run(root + "/bin/swift-demangle", ["-simplified"], input: input)
    return said.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
  }

  /// What the program wrote; its own words where it fails. `input`: a file.
  private static func run(
    _ program: String, _ arguments: [String], input: String? = nil
  ) throws(BuildError) -> String {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = input.flatMap { FileHandle(forReadingAtPath: $0) } ?? FileHandle.nullDevice
    do { try process.run() } catch { throw BuildError("could not start \(program): \(error.localizedDescription)") }
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: output, as: UTF8.self)
    guard process.terminationReason == .exit, process.terminationStatus == 0 else {
      throw BuildError(text.isEmpty ? "\(program) failed with status \(process.terminationStatus)" : text)
    }
    return text
  }
}
