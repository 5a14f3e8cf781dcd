// A module made for the tests of releases: a purse that only signals change, and two hot-fixes of it on the shelf. The
// first says more, the second fails at 13.
import Foundation

enum PurseModule {
  private static let source = """
    import OneUpRoom

    struct Purse: Room {
      static let settings = Settings(clientsMayCreate: false)
      var total: UInt32 = 0
      mutating func fields<C: Coder>(_ c: inout C) { c(1, "total", &total) }

      mutating func signal(_ message: Incoming, _ room: Context) throws(Refused) {
        var reader = message.reader
        let amount = try reader.u8()
        #if FAILS
          precondition(amount != 13, "a bug")
        #endif
        total += UInt32(amount)
        #if SAYS_MORE
          room.reply([UInt8(truncatingIfNeeded: total), 1])
        #else
          room.reply([UInt8(truncatingIfNeeded: total)])
        #endif
      }
    }
    """
  private static let description = """
    {"name": "purse", "version": "1.0.0", "room": "Purse", "variants": [
      {"version": "hotfix-1.0.0-v1", "define": ["SAYS_MORE"], "reason": "says more"},
      {"version": "hotfix-1.0.0-v2", "define": ["FAILS"], "reason": "fails at 13"}]}
    """
  static let good = "purse-hotfix-1.0.0-v1"
  static let bad = "purse-hotfix-1.0.0-v2"

  /// A directory of modules with the purse in it, and its hot-fixes on the shelf; built once for all tests.
  static let directory: Result<String, any Error> = Result {
    let place = NSTemporaryDirectory() + "oneup-purse-\(ProcessInfo.processInfo.processIdentifier)"
    try FileManager.default.createDirectory(atPath: place + "/purse/Sources", withIntermediateDirectories: true)
    try Data(description.utf8).write(to: URL(fileURLWithPath: place + "/purse/module.json"))
    try Data(source.utf8).write(to: URL(fileURLWithPath: place + "/purse/Sources/Purse.swift"))
    let build = try Tool.run(["build", place + "/purse", "--output", place + "/modules"])
    guard build.status == 0 else { throw RunningServer.Failure(description: build.errors) }
    return place + "/modules"
  }
}

/// A command of the program, to its end.
enum Tool {
  struct Output {
    var status: Int32
    var text: String
    var errors: String
  }

  static func run(_ arguments: [String]) throws -> Output {
    let process = Process()
    process.executableURL = RunningServer.program
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    // Files, not pipes: nothing that is written waits for a reader.
    let place = NSTemporaryDirectory() + "oneup-tool-\(UUID().uuidString)"
    defer { for name in ["out", "err"] { try? FileManager.default.removeItem(atPath: "\(place).\(name)") } }
    for name in ["out", "err"] { _ = FileManager.default.createFile(atPath: "\(place).\(name)", contents: nil) }
    process.standardOutput = FileHandle(forWritingAtPath: place + ".out")
    process.standardError = FileHandle(forWritingAtPath: place + ".err")
    try process.run()
    process.waitUntilExit()
    func text(_ name: String) -> String { (try? String(contentsOfFile: "\(place).\(name)", encoding: .utf8)) ?? "" }
    return Output(status: process.terminationStatus, text: text("out"), errors: text("err"))
  }
}
