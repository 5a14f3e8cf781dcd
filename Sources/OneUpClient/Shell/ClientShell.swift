// What the core asks for, done on one event loop.
import ClientCore
import ClientMessages
import Core
import NIOCore
import NIOPosix
import SwiftProtobuf

/// All mutable state is touched on `loop` only; `unchecked` for that reason.
final class ClientShell: @unchecked Sendable {
  typealias Step<T> = @Sendable (inout Client, Int64, inout ClientActions) throws -> T

  private let loop: any EventLoop
  private let host: String
  private let port: Int
  private let events: AsyncStream<GameEvent>.Continuation
  private var client: Client
  private var actions = ClientActions()
  private var channel: (any Channel)?
  private var wake: Scheduled<Void>?
  private var random = SystemRandomNumberGenerator()

  init(loop: any EventLoop, host: String, port: Int, client: Client, events: AsyncStream<GameEvent>.Continuation) {
    self.loop = loop
    self.host = host
    self.port = port
    self.client = client
    self.events = events
  }

  func act(_ step: @escaping Step<Void>) { loop.execute { try? self.run(step) } }
  func ask<T: Sendable>(_ step: @escaping Step<T>) async throws -> T {
    try await loop.submit { try self.run(step) }.get()
  }
  func finish() { events.finish() }

  private func run<T>(_ step: (inout Client, Int64, inout ClientActions) throws -> T) rethrows -> T {
    loop.preconditionInEventLoop()
    defer { perform() }
    return try step(&client, Self.now(), &actions)
  }

  private static func now() -> Int64 { Int64(NIODeadline.now().uptimeNanoseconds / 1_000) }

  private func perform() {
    let (requests, told) = (actions.requests, actions.events)
    actions.removeAll()
    if let channel, !requests.isEmpty { write(requests, to: channel) }
    for event in told {
      switch event {
      case .connect: open()
      case .close: channel?.close(promise: nil)
      default: tell(event)
      }
    }
    wake?.cancel()
    wake = client.nextWake.map { time in
      let due = NIODeadline.uptimeNanoseconds(UInt64(max(time, 0)) * 1_000)
      return loop.scheduleTask(deadline: due) { self.run { $0.tick(at: $1, into: &$2) } }
    }
  }

  private func tell(_ event: ClientEvent) {
    guard let event = GameEvent(event) else { return }
    if case .dropped = events.yield(event) {
      // It may drop none; the app did not read.
      events.finish()
      act { client, _, actions in client.stop(into: &actions) }
    }
  }

  private func write(_ requests: [ClientRequest], to channel: any Channel) {
    var buffer = channel.allocator.buffer(capacity: 256)
    for request in requests {
      guard let frame: [UInt8] = try? Oneup_V1_ClientFrame(request).serializedBytes() else {
        preconditionFailure("a frame without required fields can be encoded")
      }
      buffer.writeInteger(UInt32(frame.count))
      buffer.writeBytes(frame)
    }
    channel.writeAndFlush(buffer, promise: nil)
  }

  private func open() {
    ClientBootstrap(group: loop)
      .connectTimeout(.seconds(10))
      .channelOption(.socketOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(ClientFrameHandler(shell: self))
        }
      }
      .connect(host: host, port: port)
      .whenFailure { _ in if self.channel == nil { self.lost() } }
  }

  // MARK: From the connection

  func opened(_ channel: any Channel) {
    self.channel = channel
    run { $0.connected(at: $1, into: &$2) }
  }
  func closed(_ channel: any Channel) {
    guard self.channel === channel else { return }
    self.channel = nil
    lost()
  }
  private func lost() {
    let bits = random.next()
    run { $0.disconnected(at: $1, random: bits, into: &$2) }
  }
  func received(_ frames: [ServerMessage]) {
    run { client, now, actions in
      for frame in frames { client.received(frame, at: now, into: &actions) }
    }
  }
}

/// Cuts the stream into frames; whatever is none closes the connection, and the client comes back.
final class ClientFrameHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let shell: ClientShell
  private var carry = ByteBuffer()
  static let frameBytesMax = 16 * 1_048_576

  init(shell: ClientShell) { self.shell = shell }

  func channelActive(context: ChannelHandlerContext) { shell.opened(context.channel) }
  func channelInactive(context: ChannelHandlerContext) { shell.closed(context.channel) }
  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var incoming = unwrapInboundIn(data)
    carry.writeBuffer(&incoming)
    var messages: [ServerMessage] = []
    while let length = carry.getInteger(at: carry.readerIndex, as: UInt32.self) {
      guard length <= Self.frameBytesMax else { return context.close(promise: nil) }
      guard carry.readableBytes >= 4 + Int(length) else { break }
      carry.moveReaderIndex(forwardBy: 4)
      guard let bytes = carry.readBytes(length: Int(length)),
        let frame = try? Oneup_V1_ServerFrame(serializedBytes: bytes)
      else { return context.close(promise: nil) }
      if let message = ServerMessage(frame) { messages.append(message) }
    }
    carry.discardReadBytes()
    shell.received(messages)
  }
}
