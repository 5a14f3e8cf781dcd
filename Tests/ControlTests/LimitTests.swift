import Foundation
import Testing

/// What a stranger can hold of the HTTP interface.
@Suite(.serialized) struct LimitTests {
  /// Of a connection that has been closed by the server.
  private func isEnded(_ fd: Int32) -> Bool {
    var byte: UInt8 = 0
    let got = recv(fd, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
    return got == 0 || (got < 0 && errno == ECONNRESET)
  }

  @Test func connectionsThatAskNothingAreBoundedAndEnd() throws {
    let server = try RunningServer()
    // More than are allowed: some say nothing, some begin a request and stop.
    let idle = try (0..<600).map { n in
      let fd = try server.connected()
      if n % 2 == 0 {
        let part = Array("GET /healthz HTTP/1.1\r\nHost: localh".utf8)
        try #require(send(fd, part, part.count, Int32(MSG_NOSIGNAL)) == part.count)
      }
      return fd
    }
    defer { for fd in idle { close(fd) } }
    // Another one is answered only when one of these has ended; it waits up to 30 s for that.
    let answer = try server.request("GET", "/healthz")
    #expect(answer.status == 200)
    #expect(idle.contains(where: isEnded))
  }

  private struct Vitals: Decodable {}

  @Test func aWatchersStreamIsNotIdle() throws {
    let server = try RunningServer()
    let watcher = try LiveStream(server)
    // One comes each second: more than an idle connection has.
    for _ in 0..<13 { _ = try #require(try watcher.next("vitals", Vitals.self)) }
  }
}
