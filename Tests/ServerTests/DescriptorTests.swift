import Foundation
import ServerHarness
import Testing

/// A worker that has no descriptor left for a link.
@Suite struct DescriptorTests {
  private struct Processes: Decodable {
    struct One: Decodable {
      var role: String
      var instance: Int
    }
    var processes: [One]
  }
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
  private func connected(_ path: String) throws -> Int32 {
    let fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let done = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard done == 0 else { throw Failure(description: "cannot connect to \(path)") }
    var timeout = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    return fd
  }

  @Test func aLinkThatCannotBeTakenWaits() throws {
    let scratch = try Scratch()
    let server = try RunningServer(data: scratch.path + "/data", ["--shards", "2"])
    let worker = try server.processID("worker")
    let processes = try server.get("/v1/processes", Processes.self).processes
    let instance = try #require(processes.first { $0.role == "worker" }).instance
    let before = try limit(worker, "")
    _ = try limit(worker, "=3:")
    let link = try connected("\(server.data)/run/worker-\(instance).sock")
    defer { close(link) }
    let deadline = Date(timeIntervalSinceNow: 30)
    while !server.log.contains("a link waits and cannot be taken"), Date() < deadline { usleep(20_000) }
    #expect(server.log.contains("a link waits and cannot be taken: Too many open files"), "\(server.log)")
    _ = try limit(worker, "=\(before):")
    // A worker that takes a link says at once which shards it serves.
    var first: UInt8 = 0
    #expect(recv(link, &first, 1, 0) == 1, "\(server.log)")
    #expect(try server.processID("worker") == worker)
    #expect(server.log.components(separatedBy: "a link waits and cannot be taken").count == 2, "said once")
  }
}
