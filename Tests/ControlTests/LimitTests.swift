import Foundation
import ServerHarness
import Testing

/// What a stranger can hold of the HTTP interface.
@Suite(.serialized) struct LimitTests {
  @Test func connectionsThatAskNothingAreBoundedAndEnd() throws {
    let server = try RunningServer()
    // More than are allowed: some say nothing, some begin a request and stop.
    let idle = try (0..<600).map { n in
      let socket = try server.connected()
      if n % 2 == 0 { try #require(socket.send(Array("GET /healthz HTTP/1.1\r\nHost: localh".utf8))) }
      return socket
    }
    // Another one is answered only when one of these has ended; it waits up to 30 s for that.
    let answer = try server.request("GET", "/healthz")
    #expect(answer.status == 200)
    #expect(idle.contains { $0.isClosed })
  }

  private struct Vitals: Decodable {}

  @Test func aWatchersStreamIsNotIdle() throws {
    let server = try RunningServer()
    let watcher = try LiveStream(server)
    // One comes each second: more than an idle connection has.
    for _ in 0..<13 { _ = try #require(try watcher.next("vitals", Vitals.self)) }
  }
}
