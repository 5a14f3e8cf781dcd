// The process with the HTTP interface, wired to the supervisor's channel.
import ArgumentParser
import CHost
import Control
import Foundation
import SupervisionShell
import Synchronization
import Wire

struct ControlCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "control", abstract: "The HTTP process; started by `oneup serve`.", shouldDisplay: false)

  /// What the ends of the streams get to be written.
  private static let farewellMicroseconds: UInt32 = 50_000

  private static let nice: Int32 = 5

  func run() throws {
    nameProcess("oneup-control")
    // Players go first where both want a processor.
    oneup_step_aside(Self.nice, 0)
    leaveStopsToTheSupervisor()
    let role = try started { try RoleConfiguration.required() }
    let channel = ChildChannel()
    let workers = WorkerList()
    let server = try started {
      let options = try Self.options(role, channel, workers)
      do { return try ControlServer(options) } catch { throw StartError("\(error)") }
    }
    channel.start(
      receive: { message in
        switch message {
        case .workers(let list):
          workers.replace(list)
          server.workersChanged()
        case .stop:
          server.endStreams()
          let patience = ContinuousClock.now + .seconds(1)
          while !server.streamsHaveEnded, ContinuousClock.now < patience { usleep(1_000) }
          usleep(Self.farewellMicroseconds)
          endProcess(0)
        case .changed: server.changed()
        case .adopt, .roomShares, .response: break
        }
      }, end: { endProcess(1) })
    let beats = Beats(channel: channel)
    server.repeatOnLoop(milliseconds: Int64(SupervisorChannel.beatEveryMilliseconds)) { beats.beat() }
    do {
      try waiting { try await server.run() }
    } catch {
      channel.event("control-failed", "HTTP on \(role.values["http"] ?? "?"): \(error)")
      endProcess(1)
    }
  }

  private static func options(
    _ role: RoleConfiguration, _ channel: ChildChannel, _ workers: WorkerList
  ) throws -> ControlOptions {
    let tokenPath = try role.text("admin-token")
    guard let token = FileManager.default.contents(atPath: tokenPath) else {
      throw StartError("Cannot read \(tokenPath).")
    }
    guard let http = Endpoint(try role.text("http")) else { throw StartError("The http address is none.") }
    return ControlOptions(
      host: http.host, port: Int(http.port), adminToken: token.filter { $0 > UInt8(ascii: " ") },
      crashes: try role.text("crashes"), modules: try role.text("modules"), web: role.values["web"],
      releases: try ReleaseValues.options(role), playersAddress: try role.text("listen"),
      hasTLS: role.values["tls-certificate"] != nil,
      ask: { verb, body in
        await withCheckedContinuation { continuation in
          channel.request(verb, body) { continuation.resume(returning: $0) }
        }
      },
      workers: { workers.now }, serving: { _ in channel.ready() },
      note: { channel.event("operator", $0) }, noteRelease: { channel.event("release", $0) })
  }
}

/// The newest list of workers.
final class WorkerList: Sendable {
  private let list = Mutex<[WorkerAddress]>([])
  var now: [WorkerAddress] { list.withLock { $0 } }
  func replace(_ newer: [WorkerAddress]) { list.withLock { $0 = newer } }
}

/// Counts a loop's turns for the supervisor.
final class Beats: Sendable {
  private let channel: ChildChannel
  private let turns = Atomic<UInt64>(0)
  init(channel: ChildChannel) { self.channel = channel }
  func beat(_ vitals: Vitals = Vitals()) {
    channel.beat([turns.wrappingAdd(1, ordering: .relaxed).newValue], vitals)
  }
}

extension RoleConfiguration {
  /// Of this process, which must have been started by the supervisor.
  static func required() throws(StartError) -> Self {
    guard let role = ofThisProcess else {
      throw StartError("This command is a part of a server; start the whole with: oneup serve")
    }
    return role
  }
}
