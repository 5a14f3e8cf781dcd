import Artifacts
import Core
import Foundation
import Sandbox
import Testing

@Suite("The room interface") struct RoomInterfaceTests {
  let document: String

  init() throws {
    document = try String(contentsOfFile: TestModules.root + "/docs/room-abi.md", encoding: .utf8)
  }

  @Test("The document's room in C builds as it says, and works") func roomInC() throws {
    let directory = try TestModules.directory("c")
    let source = try #require(document.components(separatedBy: "```c\n").last?.components(separatedBy: "```").first)
    try source.write(toFile: directory + "/counter.c", atomically: true, encoding: .utf8)
    let commands = try #require(document.components(separatedBy: "```sh\n").last?.components(separatedBy: "```").first)
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/bin/sh")
    let compiler = ProcessInfo.processInfo.environment["PATH"]!.split(separator: ":").map { $0 + "/swiftc" }
      .first { FileManager.default.isExecutableFile(atPath: String($0)) }!
    let tools = URL(fileURLWithPath: String(compiler)).resolvingSymlinksInPath().deletingLastPathComponent().path
    shell.arguments = ["-ec", "PATH=\(tools):$PATH; cd \(directory); " + commands]
    try shell.run()
    shell.waitUntilExit()
    #expect(shell.terminationStatus == 0)

    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: directory + "/counter.wasm")))
    let room = try TestRoom((bytes, Manifest(name: "counter", version: "1", module: bytes)))
    #expect(room.message([40]).isApplied)
    #expect(room.message([2]).isApplied)
    #expect(room.sent == [[42, 0, 0, 0]])
    #expect(room.message([]).isRefused)
    #expect(try room.describe() == [42, 0, 0, 0])
    #expect(room.settings.membersMax == 100)
  }

  @Test("The document names the numbers that hold") func numbers() {
    #expect(
      document.contains("| fuel (about one an instruction) | 30,000,000 |") && SandboxLimits.room.fuel == 30_000_000)
    #expect(document.contains("| memory of the room | 16 MiB |") && SandboxLimits.room.memoryBytes == 16 << 20)
    #expect(document.contains("| stack of calls | 256 KiB |") && SandboxLimits.room.stackBytes == 256 << 10)
    #expect(document.contains("| 256 KiB | fault \"output\" |") && SandboxLimits.room.outputBytes == 256 << 10)
    #expect(document.contains("| reliable sends | 128 |") && Limits.outputsPerEventMax == 128)
    #expect(document.contains("| a described state | 8 MiB |") && Limits.stateBytesMax == 8 << 20)
    #expect(SandboxLimits.watchdogTicks * UInt64(SandboxLimits.watchdogTickMilliseconds) == 500)
    #expect(roomABIVersion == 1)
  }
}
