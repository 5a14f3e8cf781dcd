// The Swift toolchain and Debian's C library for WebAssembly.
internal import Foundation

struct Toolchain {
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

  init() throws(BuildError) {
    root = try Toolchain.directory()
    guard FileManager.default.fileExists(atPath: Toolchain.libraries + "/libc.a") else {
      throw BuildError("the C library for WebAssembly is missing: apt-get install wasi-libc")
    }
    guard FileManager.default.fileExists(atPath: root + "/bin/wasm-ld") else {
      throw BuildError(
        "\(root)/bin/wasm-ld is missing: this Swift toolchain cannot link WebAssembly; install one from swift.org")
    }
    identity = try Toolchain.run(root + "/bin/swiftc", ["--version"])
  }

  /// With debug information, which changes no code; what is shipped goes without. `isQuick`: not optimised, and the
  /// compiler does not check itself.
  func compileSwift(
    _ sources: [String], moduleName: String, isQuick: Bool = false, defines: [String] = [], extra: [String]
  ) throws(BuildError) {
    let pace = isQuick ? ["-Onone", "-Xfrontend", "-disable-llvm-verify"] : ["-O"]
    let flags = Toolchain.flags + pace + defines.flatMap { ["-D", $0] } + ["-module-name", moduleName]
    _ = try Toolchain.run(root + "/bin/swiftc", flags + extra + sources)
  }
  /// Of every compilation of Swift for the sandbox.
  static let flags = [
    "-target", target, "-enable-experimental-feature", "Embedded", "-enable-experimental-feature", "Extern",
    "-swift-version", "6", "-wmo", "-g", "-parse-as-library", "-Xcc", "-fno-stack-protector",
  ]

  func compileC(_ source: String, to object: String) throws(BuildError) {
    _ = try Toolchain.run(root + "/bin/clang", ["--target=" + Toolchain.target, "-O2", "-c", "-o", object, source])
  }

  /// The guest's stack comes first in its memory, so that running over it is a trap and not a changed variable.
  /// Exporting the constructors (Swift needs none) says that exports are called often: else each would be wrapped in a
  /// program's start and end.
  func link(_ objects: [String], to output: String) throws(BuildError) {
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
    let input = scratch.path + "/offsets"
    try ModuleBuilder.write(Array(offsets.map { "0x" + String($0, radix: 16) }.joined(separator: "\n").utf8), to: input)
    return try Toolchain.run(root + "/bin/llvm-symbolizer", ["-e", linked], input: input)
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
