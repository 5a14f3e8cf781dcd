// The example of docs/protocol.md, run as it stands there.
import Foundation
import GatewayShell
import Testing

struct DocumentationTests {
  @Test func theExampleWorks() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let page = try String(contentsOf: root.appendingPathComponent("docs/protocol.md"), encoding: .utf8)
    let start = try #require(page.range(of: "```python\n"))
    let end = try #require(page.range(of: "```", range: start.upperBound..<page.endIndex))
    let gateway = try Gateway()
    let program = gateway.directory + "/client.py"
    try String(page[start.upperBound..<end.lowerBound]).write(toFile: program, atomically: true, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", program, "\(gateway.port)"]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(text == "output 1 b'\\x01\\x05\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\nacknowledged\ngone\n")
    #expect(process.terminationStatus == 0)
  }
}
