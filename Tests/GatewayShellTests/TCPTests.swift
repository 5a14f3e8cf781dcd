// The gateway over real sockets: TCP frames.
import ClientMessages
import Core
import Foundation
import GatewayShell
import ServerHarness
import Testing

@Suite(.serialized) struct TCPTests {
  @Test func wholeWay() throws {
    let gateway = try Gateway()
    let client = try TCPClient(gateway)
    let welcome = try client.hello()
    #expect(!welcome.resumed)
    #expect(welcome.frameBytesMax == UInt32(Limits.clientFrameBytesMax))
    let attached = try client.join()
    #expect(attached.joinID == 1)
    #expect(attached.module == "fake 1")
    for n in 1...3 as ClosedRange<UInt64> {
      try client.send { ClientFrames.input(&$0, n, "hi \(n)") }
      let output = try #require(try client.receive()).output
      #expect(output.joinID == 1)
      #expect(output.seq == n)
      #expect(output.prev == n - 1)
      #expect(output.payload == Data("hi \(n)".utf8))
      #expect(try #require(try client.receive()).ack.seq == n)
    }
    try client.send {
      ClientFrames.input(&$0, 0, "now")
      $0.input.stamp = 77
    }
    #expect(try #require(try client.receive()).output.payload == Data("now@77".utf8))
    try client.send { $0.ping.time = 5 }
    #expect(try #require(try client.receive()).pong.time == 5)
    try client.send {
      $0.leave.joinID = 1
      $0.leave.seq = 4
    }
    #expect(try #require(try client.receive()).gone.last == 4)
  }

  @Test func manyFramesInOneWriteAndOneFrameInManyWrites() throws {
    let gateway = try Gateway()
    let client = try TCPClient(gateway)
    try client.hello()
    _ = try client.join()
    var bytes: [UInt8] = []
    for n in 1...200 as ClosedRange<UInt64> {
      bytes += TCPClient.framed(try ClientFrames.make { ClientFrames.input(&$0, n, String(repeating: "z", count: 30)) })
    }
    bytes += TCPClient.framed(
      try ClientFrames.make { ClientFrames.input(&$0, 201, String(repeating: "y", count: 30_000)) })
    for start in stride(from: 0, to: bytes.count, by: 777) {
      client.stream.send(Array(bytes[start..<min(start + 777, bytes.count)]))
    }
    var acked: UInt64 = 0
    var outputs: UInt64 = 0
    while acked < 201, let frame = try client.receive() {
      switch frame.kind {
      case .ack(let ack): acked = ack.seq
      case .output(let output):
        outputs += 1
        #expect(output.seq == outputs)
      default: Issue.record("\(frame)")
      }
    }
    #expect(outputs == 201)
  }

  @Test func aSessionIsResumedByItsTokenOnly() throws {
    let gateway = try Gateway(loops: 2)
    let first = try TCPClient(gateway)
    let welcome = try first.hello()
    let second = try TCPClient(gateway)
    let again = try second.hello(resume: welcome.resume)
    #expect(again.resumed)
    #expect(again.session == welcome.session)
    #expect(try #require(try first.receive()).error.code == .replaced, "on whichever loop it is")
    #expect(first.stream.isEnded)
    let forger = try TCPClient(gateway)
    var token = welcome.resume
    token[token.startIndex + 1] ^= 1
    try forger.send {
      $0.hello.version = 1
      $0.hello.resume = token
    }
    #expect(try #require(try forger.receive()).error.code == .badToken)
    #expect(forger.stream.isEnded)
  }

  @Test func hostileBytes() throws {
    let gateway = try Gateway()
    let cases: [([UInt8], Oneup_V1_Error.Code)] = [
      ([0, 1, 0, 1], .tooLarge), ([0xff, 0xff, 0xff, 0xff], .tooLarge),
      (Array("POST / HTTP/1.1\r\n\r\n".utf8), .tooLarge),
      (Array("GOT / nothing\r\n".utf8), .tooLarge), ([0x16, 3, 1, 0, 5], .tooLarge),
      ([0, 0, 0, 2, 0xff, 0xff], .malformed), ([0, 0, 0, 0], .outOfOrder), ([0, 0, 0, 2, 0x32, 0], .outOfOrder),
      ([0, 0, 0, 4, 0x22, 2, 0x08, 1], .outOfOrder), ([0, 0, 0, 2, 0x0a, 0], .version),
    ]
    for (bytes, code) in cases {
      let client = try TCPClient(gateway)
      client.stream.send(bytes)
      let error = try #require(try client.receive()).error
      #expect(error.code == code, "\(bytes)")
      #expect(error.closing)
      #expect(client.stream.isEnded)
    }
    try TCPClient(gateway).hello()
  }

  @Test func handshakeDeadline() throws {
    let gateway = try Gateway { configuration, _ in configuration.handshakeMilliseconds = 50 }
    let client = try TCPClient(gateway)
    #expect(try #require(try client.receive()).error.code == .tooSlow)
    #expect(client.stream.isEnded)
  }

  @Test func aSlowClientIsCutOffAndMayComeBack() throws {
    let gateway = try Gateway { configuration, _ in configuration.outboundBytesMax = 65_536 }
    let slow = try TCPClient(gateway, receiveBytes: 4_096)
    let token = try slow.hello().resume
    _ = try slow.join()
    // 64 MB: more than the sockets' buffers and the bound hold.
    try slow.send { ClientFrames.input(&$0, 1, "flood 4096") }
    var last: Oneup_V1_ServerFrame?
    var next: UInt64 = 1
    // Another client sees that the gateway goes on meanwhile.
    let other = try TCPClient(gateway)
    try other.hello()
    while let frame = try slow.receive() {
      if case .output(let output) = frame.kind {
        #expect(output.seq == next, "no gap before the end")
        next += 1
      }
      last = frame
    }
    #expect(try #require(last).error.code == .tooSlow)
    let back = try TCPClient(gateway)
    #expect(try back.hello(resume: token).resumed)
  }

  @Test func aRateIsHeldWithoutLoss() throws {
    let gateway = try Gateway { configuration, _ in
      configuration.framesPerSecond = 2_000
      configuration.framesBurst = 10
    }
    let client = try TCPClient(gateway)
    try client.hello()
    _ = try client.join()
    for n in 1...100 as ClosedRange<UInt64> { try client.send { ClientFrames.input(&$0, n, "r") } }
    var acked: UInt64 = 0
    while acked < 100, let frame = try client.receive() { if case .ack(let ack) = frame.kind { acked = ack.seq } }
    #expect(acked == 100)
  }

  @Test func anotherWorkerTakesOver() throws {
    let gateway = try Gateway()
    let client = try TCPClient(gateway)
    try client.hello()
    _ = try client.join()
    let next = try FakeWorker(gateway.directory + "/w2.sock", epoch: 2)
    gateway.process.setWorkers([Worker(instance: 2, path: next.path)])
    #expect(try #require(try client.receive()).attached.joinID == 1, "no client did anything")
    try client.send { ClientFrames.input(&$0, 1, "again") }
    #expect(try #require(try client.receive()).output.payload == Data("again".utf8))
  }
}
