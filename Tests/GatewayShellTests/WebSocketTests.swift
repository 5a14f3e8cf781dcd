// The gateway over WebSocket, binary and text.
import ClientMessages
import Core
import Foundation
import GatewayShell
import ServerHarness
import SwiftProtobuf
import Testing

/// A WebSocket client by hand (RFC 6455), so that nothing is shared with the gateway's side.
struct WebSocketClient {
  let stream: Socket

  init(_ gateway: Gateway, path: String = "/any", receiveBytes: CInt? = nil) throws {
    stream = try Socket(port: gateway.port, receiveBytes: receiveBytes)
    let request = """
      GET \(path) HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n
      """
    // In two pieces, so that the gateway has to wait for the third letter.
    stream.send(Array(request.utf8.prefix(2)))
    stream.send(Array(request.utf8.dropFirst(2)))
    let response = try #require(stream.receive(upTo: "\r\n\r\n"))
    #expect(response.hasPrefix("HTTP/1.1 101"))
    #expect(response.lowercased().contains("s3pplmbitxaq9kygzzhzrbk+xoo="))
  }

  func send(_ opcode: UInt8, _ payload: [UInt8], fin: Bool = true) {
    let mask: [UInt8] = [9, 8, 7, 6]
    var bytes: [UInt8] = [(fin ? 0x80 : 0) | opcode]
    if payload.count < 126 {
      bytes.append(0x80 | UInt8(payload.count))
    } else if payload.count < 65_536 {
      bytes.append(0x80 | 126)
      bytes += [UInt8(payload.count >> 8), UInt8(payload.count & 0xff)]
    } else {
      bytes.append(0x80 | 127)
      bytes += withUnsafeBytes(of: UInt64(payload.count).bigEndian, Array.init)
    }
    bytes += mask
    for (i, byte) in payload.enumerated() { bytes.append(byte ^ mask[i % 4]) }
    stream.send(bytes)
  }
  func receive() throws -> (opcode: UInt8, payload: [UInt8])? {
    guard let head = stream.receive(2) else { return nil }
    var count = Int(head[1] & 0x7f)
    if count == 126 {
      let long = try #require(stream.receive(2))
      count = Int(long[0]) << 8 | Int(long[1])
    } else if count == 127 {
      count = try #require(stream.receive(8)).reduce(0) { $0 << 8 | Int($1) }
    }
    return (head[0] & 0x0f, count == 0 ? [] : try #require(stream.receive(count)))
  }
  func binary(_ build: (inout Oneup_V1_ClientFrame) -> Void) throws { send(2, try ClientFrames.make(build)) }
  func frame() throws -> Oneup_V1_ServerFrame {
    let message = try #require(try receive())
    #expect(message.opcode == 2)
    return try Oneup_V1_ServerFrame(serializedBytes: message.payload)
  }
  func text() throws -> String {
    let message = try #require(try receive())
    #expect(message.opcode == 1)
    return String(decoding: message.payload, as: UTF8.self)
  }
}

@Suite(.serialized) struct WebSocketTests {
  @Test func binary() throws {
    let gateway = try Gateway()
    let client = try WebSocketClient(gateway)
    try client.binary { $0.hello.version = 1 }
    #expect(try client.frame().welcome.session != 0)
    try client.binary { ClientFrames.join(&$0) }
    #expect(try client.frame().attached.joinID == 1)
    let long = String(repeating: "w", count: 30_000)
    try client.binary { ClientFrames.input(&$0, 1, long) }
    #expect(try client.frame().output.payload == Data(long.utf8))
    #expect(try client.frame().ack.seq == 1)
    // In fragments, with a ping between them.
    let input = try ClientFrames.make { ClientFrames.input(&$0, 2, "fragments") }
    client.send(2, Array(input.prefix(3)), fin: false)
    client.send(9, [1, 2])
    client.send(0, Array(input.dropFirst(3)))
    let pong = try #require(try client.receive())
    #expect(pong.opcode == 10)
    #expect(pong.payload == [1, 2])
    #expect(try client.frame().output.payload == Data("fragments".utf8))
    #expect(try client.frame().ack.seq == 2)
    client.send(8, [3, 0xe8])
    #expect(try #require(try client.receive()).opcode == 8)
    #expect(client.stream.isEnded)
  }

  @Test func text() throws {
    let gateway = try Gateway()
    let client = try WebSocketClient(gateway)
    client.send(1, Array(#"{"hello":{"version":1,"name":"bob"}}"#.utf8))
    #expect(try client.text().hasPrefix(#"{"welcome":{"session":"#))
    client.send(1, Array(#"{"join":{"joinId":1,"module":"fake","key":"a"}}"#.utf8))
    #expect(try client.text().contains(#""nextSeq":"1""#))
    client.send(1, Array(#"{"input":{"joinId":1,"seq":"1","payload":"aGk="}}"#.utf8))
    let output = try client.text()
    #expect(output.contains(#""payload":"aGk=""#))
    #expect(output.contains(#""joinId":1"#))
    #expect(try client.text() == #"{"ack":{"joinId":1,"seq":"1"}}"#)
    client.send(1, Array("{nonsense".utf8))
    #expect(try client.text().contains("CODE_MALFORMED"))
    #expect(try #require(try client.receive()).opcode == 8)
    #expect(client.stream.isEnded)
  }

  @Test func pongsDoNotPileUpForWhoDoesNotReadThem() throws {
    let gateway = try Gateway()
    let client = try WebSocketClient(gateway, receiveBytes: 4_096)
    let payload = [UInt8](repeating: 7, count: 125)
    // Far more than the sockets on the way hold.
    let pings = 160_000
    for _ in 0..<pings { client.send(9, payload) }
    try client.binary { $0.hello.version = 1 }
    var pongs = 0
    while let message = try client.receive(), message.opcode == 10 { pongs += 1 }
    #expect(pongs > 0 && pongs < pings)
    // It is served as before.
    client.send(9, [1])
    #expect(try #require(try client.receive()).payload == [1])
  }

  @Test func tooLarge() throws {
    let gateway = try Gateway()
    let client = try WebSocketClient(gateway)
    client.send(2, [UInt8](repeating: 0, count: Limits.clientFrameBytesMax + 1))
    #expect(try client.frame().error.code == .tooLarge)
    #expect(try #require(try client.receive()).opcode == 8)
  }

  @Test func plainHTTPIsToldWhatThisIs() throws {
    let gateway = try Gateway()
    let stream = try Socket(port: gateway.port)
    stream.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
    #expect(try #require(stream.receive(upTo: "\r\n\r\n")).hasPrefix("HTTP/1.1 426"))
  }

  @Test func theHandshakeDeadlineHoldsHereToo() throws {
    let gateway = try Gateway { configuration, _ in configuration.handshakeMilliseconds = 50 }
    let upgraded = try WebSocketClient(gateway)
    #expect(try upgraded.frame().error.code == .tooSlow)
    let half = try Socket(port: gateway.port)
    half.send(Array("GET /half HTTP/1.1\r\n".utf8))
    #expect(half.isEnded)
  }
}
