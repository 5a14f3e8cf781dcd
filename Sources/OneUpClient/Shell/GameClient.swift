// A player's client over TCP: the core on one event loop, with a socket and a clock.
import ClientCore
import Core
public import NIOCore
import NIOPosix

/// The app called something at the wrong time.
public enum GameClientError: Error, Sendable, Hashable {
  /// Never joined, ended, or leaving.
  case notAMember
  /// Too many inputs wait for their acknowledgement; go on after an `acknowledged`.
  case tooManyWaiting
}

/// Connects, comes back after every break, and sends what is unacknowledged again. Any thread may call it.
public final class GameClient: Sendable {
  /// Must be read: when `eventsMax` of them wait, the client stops, since it may drop none.
  public let events: AsyncStream<GameEvent>
  public static let eventsMax = 65_536
  private let shell: ClientShell

  /// Begins to connect. `resume`: an earlier client's `resumeToken`, to continue its session.
  public init(host: String, port: Int, name: String, resume: [UInt8] = [], group: any EventLoopGroup) {
    let (stream, continuation) = AsyncStream.makeStream(
      of: GameEvent.self, bufferingPolicy: .bufferingOldest(Self.eventsMax))
    events = stream
    shell = ClientShell(
      loop: group.next(), host: host, port: port, client: Client(name: name, resume: resume), events: continuation)
    shell.act { $0.start(at: $1, into: &$2) }
  }

  /// Asks for a room; returns its name in this client's calls and events.
  public func join(module: String, key: String, parameters: [UInt8] = []) async throws -> UInt32 {
    try await shell.ask { $0.join(module: module, key: key, parameters: parameters, at: $1, into: &$2) }.rawValue
  }
  /// Queues a numbered input: applied exactly once, in order. Returns its number, which holds until `renumbered`.
  public func send(_ payload: [UInt8], to room: UInt32) async throws -> UInt64 {
    try await shell.ask { client, _, actions throws in
      do throws(SendRefusal) { return try client.send(payload, to: JoinID(room), into: &actions) } catch {
        throw error.forApp
      }
    }.rawValue
  }
  /// Sends now or not at all; the room sees `stamp`.
  public func sendUnnumbered(_ payload: [UInt8], stamp: UInt64 = 0, to room: UInt32) {
    shell.act { client, _, actions in client.sendUnnumbered(payload, stamp: stamp, to: JoinID(room), into: &actions) }
  }
  /// Ends the membership after the inputs queued before.
  public func leave(_ room: UInt32) async throws {
    _ = try await shell.ask { client, _, actions throws in
      do throws(SendRefusal) { return try client.leave(JoinID(room), into: &actions) } catch { throw error.forApp }
    }
  }
  /// Closes the connection for good and ends `events`; memberships live on for the server's grace period.
  public func close() async throws {
    try await shell.ask { client, _, actions in client.stop(into: &actions) }
    shell.finish()
  }
  /// Continues the session in another client; empty before the first `connected`.
  public func resumeToken() async throws -> [UInt8] { try await shell.ask { client, _, _ in client.resume } }
}

extension SendRefusal {
  fileprivate var forApp: GameClientError { self == .full ? .tooManyWaiting : .notAMember }
}
