import Foundation
import ServerHarness
import Testing

/// A worker that has no descriptor left for a link.
@Suite struct DescriptorTests {
  /// So many descriptors may the process have from now on, by the system's own tool.
  private func limit(_ pid: Int32, _ limit: String) throws -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["prlimit", "--pid", String(pid), "--nofile" + limit]
    if limit.isEmpty { process.arguments! += ["--output", "SOFT", "--noheadings"] }
    process.standardOutput = output
    try process.run()
    let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return said.filter(\.isNumber)
  }

  @Test func aLinkThatCannotBeTakenWaits() throws {
    let scratch = try Scratch()
    let server = try RunningServer(data: scratch.path + "/data", ["--shards", "2"])
    let worker = try server.processID("worker")
    let processes = try server.get("/v1/processes", RunningServer.Processes.self).processes
    let instance = try #require(processes.first { $0.role == "worker" }).instance
    let before = try limit(worker, "")
    _ = try limit(worker, "=3:")
    let link = try Socket(path: "\(server.data)/run/worker-\(instance).sock", silenceSeconds: 60)
    let deadline = Date(timeIntervalSinceNow: 60)
    while !server.log.contains("a link waits and cannot be taken"), Date() < deadline { usleep(20_000) }
    #expect(server.log.contains("a link waits and cannot be taken: Too many open files"), "\(server.log)")
    _ = try limit(worker, "=\(before):")
    // A worker that takes a link says at once which shards it serves.
    #expect(link.receive(1) != nil, "\(server.log)")
    #expect(try server.processID("worker") == worker)
    #expect(server.log.components(separatedBy: "a link waits and cannot be taken").count == 2, "said once")
  }
}
