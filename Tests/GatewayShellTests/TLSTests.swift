// TLS on the same port, with certificates that openssl makes.
import ClientMessages
import Core
import Foundation
import GatewayShell
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

@Suite(.serialized) struct TLSTests {
  static func makeCertificate(_ directory: String, name: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
      "-subj", "/CN=\(name)", "-keyout", directory + "/key.new", "-out", directory + "/chain.new",
    ]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    for file in ["key", "chain"] {
      try #require(rename("\(directory)/\(file).new", "\(directory)/\(file).pem") == 0)
    }
  }

  /// What the server sent, decrypted, and who it was.
  final class Collector: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    let bytes = Mutex<[UInt8]>([])
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let buffer = unwrapInboundIn(data)
      bytes.withLock { $0 += Array(buffer.readableBytesView) }
    }
  }

  /// Connects, sends, and waits until `done` says so of what came back. Returns the server's name too.
  static func exchange(
    _ gateway: Gateway, _ send: [UInt8], until done: ([UInt8]) -> Bool
  ) async throws -> (bytes: [UInt8], name: String) {
    let collector = Collector()
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.certificateVerification = .none
    let context = try NIOSSLContext(configuration: configuration)
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: context, serverHostname: nil))
          try channel.pipeline.syncOperations.addHandler(collector)
        }
      }
      .connect(host: "127.0.0.1", port: Int(gateway.port)).get()
    try await channel.writeAndFlush(ByteBuffer(bytes: send))
    let deadline = ContinuousClock.now + .seconds(60)
    while !done(collector.bytes.withLock { $0 }), ContinuousClock.now < deadline { await Task.yield() }
    let name = try await channel.eventLoop.submit {
      let handler = try channel.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)
      return handler.peerCertificate.map { "\($0)" } ?? ""
    }.get()
    channel.close(promise: nil)
    return (collector.bytes.withLock { $0 }, name)
  }

  static func gateway() throws -> Gateway {
    try Gateway { configuration, directory in
      try makeCertificate(directory, name: "first")
      configuration.tls = GatewayConfiguration.Certificate(
        chainPath: directory + "/chain.pem", keyPath: directory + "/key.pem")
    }
  }

  @Test func framesAndPlainFramesOnOnePort() async throws {
    let gateway = try Self.gateway()
    let hello = TCPClient.framed(try ClientFrames.make { $0.hello.version = 1 })
    let (bytes, name) = try await Self.exchange(gateway, hello) { $0.count > 5 }
    #expect(bytes.count > 5)
    #expect(bytes[4] == 0x0a, "a Welcome")
    #expect(name.contains("first"))
    try TCPClient(gateway).hello()
  }

  @Test func webSocketInside() async throws {
    let gateway = try Self.gateway()
    let request = Array(
      ("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").utf8)
    let (bytes, _) = try await Self.exchange(gateway, request) { $0.count > 50 }
    #expect(String(decoding: bytes, as: UTF8.self).hasPrefix("HTTP/1.1 101"))
  }

  @Test func aChangedCertificateIsUsedForNewConnections() async throws {
    let gateway = try Self.gateway()
    let hello = TCPClient.framed(try ClientFrames.make { $0.hello.version = 1 })
    let before = try TCPClient(gateway)
    try before.hello()
    try Self.makeCertificate(gateway.directory, name: "second")
    var name = ""
    let deadline = ContinuousClock.now + .seconds(60)
    while !name.contains("second"), ContinuousClock.now < deadline {
      name = try await Self.exchange(gateway, hello) { $0.count > 5 }.name
    }
    #expect(name.contains("second"))
    _ = try before.join()
  }
}
