import Foundation
import SupervisionShell
import Testing

@Suite(.serialized) struct SupervisorProcessTests {
  @Test func killedWorkersAreReplacedByTheSpare() throws {
    let server = try SupervisedServer()
    for round in 1...3 {
      let before = try #require(server.waitUntilWhole(), "\(server.log)")
      let victim = try #require(before.processes.processes.first { $0.role == "worker" })
      let spare = try #require(before.processes.processes.first { $0.role == "spare" })
      kill(victim.pid, SIGKILL)
      let after = try #require(server.waitForView { $0.recoveries.count == round }, "\(server.log)")
      let recovery = try #require(after.recoveries.last)
      #expect(recovery.instance == victim.instance && recovery.replacement == spare.instance)
      #expect(recovery.shards == victim.shards && recovery.cause.contains("KILL"))
    }
    let whole = try #require(server.waitUntilWhole())
    let shards = whole.processes.processes.flatMap(\.shards).sorted()
    #expect(shards == [0, 1, 2, 3])
  }

  @Test func aStoppedWorkerIsAHang() throws {
    let server = try SupervisedServer(hangMilliseconds: 1_000)
    let before = try #require(server.waitUntilWhole(), "\(server.log)")
    let victim = try #require(before.processes.processes.first { $0.role == "worker" })
    kill(victim.pid, SIGSTOP)
    // On a busy machine others may have been late, too.
    func isVictim(_ one: SupervisedServer.View.Recovery) -> Bool { one.instance == victim.instance }
    let after = try #require(server.waitForView { $0.recoveries.contains(where: isVictim) }, "\(server.log)")
    #expect(try #require(after.recoveries.first(where: isVictim)).cause.hasPrefix("hung"))
    #expect(!SupervisedServer.lives(victim.pid))
  }

  @Test func gatewayControlAndSpareComeBack() throws {
    let server = try SupervisedServer()
    for role in ["gateway", "spare", "control"] {
      let before = try #require(server.waitUntilWhole(), "\(server.log)")
      let victim = try #require(before.processes.processes.first { $0.role == role })
      kill(victim.pid, SIGKILL)
      let after = try #require(
        server.waitForView { view in
          view.processes.processes.contains {
            $0.role == role && $0.instance != victim.instance && $0.state != "starting"
          }
        }, "\(server.log)")
      #expect(after.processes.served)
    }
    // The gateway's life is counted on disk.
    let epoch = try String(contentsOfFile: server.data + "/gateway-epoch", encoding: .utf8)
    #expect(epoch == "2\n")
  }

  @Test func childrenDieWithTheirSupervisor() throws {
    let server = try SupervisedServer()
    let before = try #require(server.waitUntilWhole(), "\(server.log)")
    kill(server.process.processIdentifier, SIGKILL)
    #expect(server.waitForExit() != nil)
    let deadline = Date(timeIntervalSinceNow: 60)
    while before.processes.processes.contains(where: { SupervisedServer.lives($0.pid) }), Date() < deadline {
      usleep(5_000)
    }
    #expect(!before.processes.processes.contains { SupervisedServer.lives($0.pid) })
  }

  @Test func termStopsInOrder() throws {
    let server = try SupervisedServer()
    let before = try #require(server.waitUntilWhole(), "\(server.log)")
    kill(server.process.processIdentifier, SIGTERM)
    #expect(server.waitForExit() == 0, "\(server.log)")
    #expect(!before.processes.processes.contains { SupervisedServer.lives($0.pid) })
    #expect(server.log.contains("Stopped."))
  }

  @Test func oneServerPerDataDirectory() throws {
    let server = try SupervisedServer()
    _ = try #require(server.waitUntilWhole(), "\(server.log)")
    #expect(throws: StartError.self) { try DataDirectory(server.data, shards: nil) }
    do {
      _ = try DataDirectory(server.data, shards: nil)
    } catch {
      #expect("\(error)".contains("kill \(server.process.processIdentifier)"))
    }
  }
}

@Suite struct DataDirectoryTests {
  private func temporary() -> String { NSTemporaryDirectory() + "oneup-data-\(UUID().uuidString)" }

  @Test func whatWasMadeStays() throws {
    let path = temporary()
    defer { try? FileManager.default.removeItem(atPath: path) }
    var first: DataDirectory? = try DataDirectory(path + "/deep/er", shards: 5)
    let identity = try #require(first?.identity)
    #expect(identity.shards == 5 && identity.map != nil)
    let token = try String(contentsOfFile: try #require(first?.adminTokenPath), encoding: .utf8)
    let mode = try FileManager.default.attributesOfItem(atPath: try #require(first?.adminTokenPath))[.posixPermissions]
    #expect(mode as? Int == 0o600)
    #expect(try first?.nextGatewayEpoch() == 1)
    first = nil
    let second = try DataDirectory(path + "/deep/er", shards: nil)
    #expect(second.identity == identity)
    #expect(try String(contentsOfFile: second.adminTokenPath, encoding: .utf8) == token)
    #expect(try second.nextGatewayEpoch() == 2)
  }

  @Test func aGatewayEpochNeverGoesBack() throws {
    let path = temporary()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let directory = try DataDirectory(path, shards: 5)
    let file = path + "/gateway-epoch"
    try "4294967294\n".write(toFile: file, atomically: false, encoding: .utf8)
    #expect(try directory.nextGatewayEpoch() == .max)
    for damaged in ["", "4294967295\n", "99999999999\n", "none\n"] {
      try damaged.write(toFile: file, atomically: false, encoding: .utf8)
      #expect(throws: StartError.self) { try directory.nextGatewayEpoch() }
    }
    // No place for another file, as on a full disk.
    try "99\n".write(toFile: file, atomically: false, encoding: .utf8)
    try FileManager.default.createDirectory(atPath: file + ".new", withIntermediateDirectories: false)
    #expect(try directory.nextGatewayEpoch() == 100)
    #expect(try directory.nextGatewayEpoch() == 101)
    #expect(try String(contentsOfFile: file, encoding: .utf8) == "101\n")
  }

  @Test func anotherNumberOfShardsIsRefused() throws {
    let path = temporary()
    defer { try? FileManager.default.removeItem(atPath: path) }
    _ = try DataDirectory(path, shards: 5)
    #expect(throws: StartError.self) { try DataDirectory(path, shards: 6) }
  }

  @Test func socketsOfALongPathLiveElsewhere() throws {
    let path = temporary() + "/" + String(repeating: "x", count: 100)
    defer { try? FileManager.default.removeItem(atPath: path) }
    var directory: DataDirectory? = try DataDirectory(path, shards: nil)
    let run = try #require(directory?.run)
    defer { try? FileManager.default.removeItem(atPath: run) }
    #expect(try #require(directory?.socket(ofWorker: .max)).utf8.count < 108)
    #expect(try String(contentsOfFile: path + "/run.path", encoding: .utf8) == run + "\n")
    // As after a kill: the next server takes the same directory, without what is in it.
    try "".write(toFile: run + "/worker-1.sock", atomically: false, encoding: .utf8)
    directory = nil
    directory = try DataDirectory(path, shards: nil)
    #expect(directory?.run == run)
    #expect(!FileManager.default.fileExists(atPath: run + "/worker-1.sock"))
    // A copy of the data is another server's, which has sockets of its own.
    let copy = path + "-copy"
    defer { try? FileManager.default.removeItem(atPath: copy) }
    try FileManager.default.copyItem(atPath: path, toPath: copy)
    let other = try DataDirectory(copy, shards: nil)
    #expect(other.run != run)
    other.tidy()
    #expect(FileManager.default.fileExists(atPath: run))
    // A stop in order leaves nothing.
    try "".write(toFile: run + "/worker-2.sock", atomically: false, encoding: .utf8)
    directory?.tidy()
    #expect(!FileManager.default.fileExists(atPath: run))
    #expect(!FileManager.default.fileExists(atPath: path + "/run.path"))
  }

  /// Where anybody can make directories, a name alone says nothing.
  @Test func aStrangersRunDirectoryIsNotTaken() throws {
    let path = temporary() + "/" + String(repeating: "x", count: 100)
    let open = NSTemporaryDirectory() + "oneup-open-\(UUID().uuidString)"
    defer { for each in [path, open] { try? FileManager.default.removeItem(atPath: each) } }
    try FileManager.default.createDirectory(
      atPath: open, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o777])
    try "".write(toFile: open + "/precious.sock", atomically: false, encoding: .utf8)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for pointer in [open, "/", "", "relative/oneup-x", "/nonexistent/oneup-x"] {
      try pointer.write(toFile: path + "/run.path", atomically: false, encoding: .utf8)
      let directory = try DataDirectory(path, shards: nil)
      #expect(directory.run != pointer)
      directory.tidy()
    }
    #expect(FileManager.default.fileExists(atPath: open + "/precious.sock"))
  }

  @Test func aTakenPortIsSaidInASentence() throws {
    let (sockets, taken) = try Listener.open(Endpoint(host: "127.0.0.1", port: 0), count: 2, option: "listen")
    defer { for fd in sockets { close(fd) } }
    #expect(sockets.count == 2 && taken.port != 0)
    do {
      _ = try Listener.open(taken, count: 1, option: "listen")
      Issue.record("a taken port was opened")
    } catch {
      #expect("\(error)".contains("taken") && "\(error)".contains("--listen"))
    }
  }

  /// Whether somebody could listen there now.
  private func canTake(_ endpoint: Endpoint, reusing: Bool) -> Bool {
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(fd) }
    var yes: Int32 = reusing ? 1 : 0
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = endpoint.port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    return bound == 0 && listen(fd, 1) == 0
  }

  @Test func aReservedPortIsForWhoeverReusesAddresses() throws {
    let (held, port) = try Listener.reserve(Endpoint(host: "127.0.0.1", port: 0), option: "http")
    #expect(port.port != 0 && !canTake(port, reusing: false))
    for _ in 0..<2 { #expect(canTake(port, reusing: true)) }
    close(held)
    let (sockets, taken) = try Listener.open(port, count: 1, option: "listen")
    defer { for fd in sockets { close(fd) } }
    #expect(throws: StartError.self) { try Listener.reserve(taken, option: "http") }
  }

  @Test func endpointsAreReadAsPeopleWriteThem() {
    #expect(Endpoint("127.0.0.1:7777") == Endpoint(host: "127.0.0.1", port: 7_777))
    #expect(Endpoint("[::1]:80")?.description == "[::1]:80")
    #expect(Endpoint(":9")?.host == "0.0.0.0")
    #expect(Endpoint("host") == nil && Endpoint("host:99999") == nil && Endpoint("host:x") == nil)
  }

  @Test func settingsOfAChildComeBack() {
    let configuration = RoleConfiguration(["a": "1", "path": "/x=y"])
    #expect(RoleConfiguration(text: configuration.text) == configuration)
  }
}
