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

  /// Nobody holds a connection by sending a request byte by byte: its head, or a body that nobody reads since it came
  /// without the token.
  @Test func aRequestThatDripsEnds() throws {
    let server = try RunningServer()
    let post = "POST /v1/faults HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
    let drips: [(request: String, drop: String)] = [
      ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: ", "x"), (post + "\r\n", "x"),
      (post + "Authorization: Bearer wrong\r\n\r\n", "x"),
      ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
    ]
    let sockets = try drips.map { drip in
      let socket = try server.connected()
      try #require(socket.send(Array(drip.request.utf8)))
      return socket
    }
    // A write to a connection that the other side has closed fails, whatever was answered before and not read.
    var isHeld = drips.map { _ in true }
    let deadline = ContinuousClock.now + .seconds(60)
    while isHeld.contains(true), ContinuousClock.now < deadline {
      for (i, socket) in sockets.enumerated() where isHeld[i] { isHeld[i] = socket.send(Array(drips[i].drop.utf8)) }
      usleep(200_000)
    }
    #expect(isHeld == drips.map { _ in false })
    // Asking now and then on one connection is no dripping.
    let socket = try server.connected()
    for _ in 0..<3 {
      try #require(socket.send(Array("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)))
      #expect(socket.receive(1) != nil)
    }
  }

  /// HEAD asks what GET would answer with; nobody comes to watch.
  @Test func aHeadOfTheStreamTakesNoPlace() throws {
    let server = try RunningServer()
    let streams = try (0..<2).map { _ in try LiveStream(server) }
    for _ in 0..<300 {
      let answer = try server.request("HEAD", "/v1/live")
      #expect(answer.status == 200 && answer.head.lowercased().contains("text/event-stream"))
    }
    #expect(try server.request("HEAD", "/v1/live", host: "evil.example").status == 401)
    for stream in streams { _ = try #require(try stream.next("vitals", Vitals.self)) }
  }

  private struct Vitals: Decodable {}

  @Test func aWatchersStreamIsNotIdle() throws {
    let server = try RunningServer()
    let watcher = try LiveStream(server)
    // One comes each second: more than an idle connection has.
    for _ in 0..<13 { _ = try #require(try watcher.next("vitals", Vitals.self)) }
  }
}
