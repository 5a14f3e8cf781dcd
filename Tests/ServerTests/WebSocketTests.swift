import Foundation
import ServerHarness
import Testing

/// The same conversation over WebSocket, in both kinds of messages.
@Suite struct WebSocketTests {
  private func open(_ server: RunningServer) throws -> Socket {
    let stream = try Socket(port: server.port)
    stream.send(
      Array(
        ("GET /play HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").utf8))
    var head: [UInt8] = []
    while !head.suffix(4).elementsEqual([13, 10, 13, 10]), let byte = stream.receive(1) { head += byte }
    #expect(String(decoding: head, as: UTF8.self).hasPrefix("HTTP/1.1 101"))
    return stream
  }
  private func send(_ stream: Socket, _ opcode: UInt8, _ payload: [UInt8]) {
    // A client masks; with a mask of zeros the payload stays readable.
    let length: [UInt8] =
      payload.count < 126 ? [128 | UInt8(payload.count)] : [128 | 126] + big(UInt32(payload.count)).suffix(2)
    stream.send([128 | opcode] + length + [0, 0, 0, 0] + payload)
  }
  /// Opcode and payload of the next message.
  private func receive(_ stream: Socket) -> (UInt8, [UInt8])? {
    guard let head = stream.receive(2) else { return nil }
    var length = Int(head[1] & 127)
    if length == 126 {
      guard let more = stream.receive(2) else { return nil }
      length = Int(more[0]) << 8 | Int(more[1])
    }
    return length == 0 ? (head[0] & 15, []) : stream.receive(length).map { (head[0] & 15, $0) }
  }

  @Test func binaryAndText() throws {
    let scratch = try Scratch()
    let server = try RunningServer(data: scratch.path + "/data", ["--shards", "1"])
    let binary = try open(server)
    send(binary, 2, blob(1, number(1, 1)))
    send(binary, 2, blob(2, number(1, 1) + blob(2, Array("tally".utf8)) + blob(3, Array("r".utf8))))
    var kinds: [UInt64] = []
    while kinds.last != Kind.ack, let (opcode, payload) = receive(binary) {
      #expect(opcode == 2)
      kinds += Fields(payload).blobs.keys
      if kinds.last == Kind.state { send(binary, 2, blob(4, number(1, 1) + number(2, 1) + blob(3, [1] + little(5)))) }
    }
    #expect(kinds.first == Kind.welcome && kinds.last == Kind.ack)

    let text = try open(server)
    send(text, 1, Array(#"{"hello":{"version":1,"name":"bea"}}"#.utf8))
    send(text, 1, Array(#"{"join":{"joinId":1,"module":"tally","key":"r"}}"#.utf8))
    var said = ""
    while !said.contains(#""state""#), let (opcode, payload) = receive(text) {
      #expect(opcode == 1)
      said += String(decoding: payload, as: UTF8.self) + "\n"
    }
    #expect(said.contains(#""welcome""#) && said.contains("tally 1."), "\(said)")

    // What has no kind that the server knows is still no Hello.
    for (malformed, code) in [
      (#"{"join":"#, "CODE_MALFORMED"), (#"{"hello":{"version":"one"}}"#, "CODE_MALFORMED"),
      (#"{"shout":{}}"#, "CODE_OUT_OF_ORDER"),
    ] {
      let stream = try open(server)
      send(stream, 1, Array(malformed.utf8))
      let answer = receive(stream)
      let error = String(decoding: answer?.1 ?? [], as: UTF8.self)
      #expect(answer?.0 == 1 && error.contains(code), "\(malformed): \(error)")
    }
    #expect(count(try Player(server).enter("r")) == 1)
  }
}
