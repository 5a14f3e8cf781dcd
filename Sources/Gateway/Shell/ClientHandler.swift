// The one handler of a TCP connection: finds out from the first bytes what is spoken, then frames behind 4-byte
// big-endian lengths. A frame's first byte is 0 or 1 (it is at most 65,536 long), TLS begins with 0x16, WebSocket with
// "GET ".
//
//   detecting ── 0x16 and a certificate ──▶ TLS handler put in front, detecting again on what it decrypts
//       ├── "GET " ──▶ HTTP upgrade, then WebSocketHandler; this handler leaves the pipeline
//       └── else ──▶ frames
import Core
import GatewayCore
import NIOCore
import NIOSSL

final class ClientHandler: ClientStream, ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private enum Phase { case detecting, frames, left }
  private var phase = Phase.detecting
  private var isEncrypted = false
  /// "G", "GE" or "GET": not yet decided.
  private var beginning: ByteBuffer?
  /// While frames are neither encrypted nor wrapped.
  private var socket: DirectSocket?

  func channelActive(context: ChannelHandlerContext) { open(context.channel) }
  func channelInactive(context: ChannelHandlerContext) {
    if phase != .left { closed() }
  }
  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if phase != .left { writabilityChanged() }
  }
  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let buffer = unwrapInboundIn(data)
    switch phase {
    case .frames: receive(buffer)
    case .detecting: detect(context, buffer)
    case .left: context.fireChannelRead(data)
    }
  }

  override func write(_ frames: ByteBuffer, promise: EventLoopPromise<Void>?) {
    if let socket {
      socket.write(frames, promise: promise)
    } else {
      channel.writeAndFlush(frames, promise: promise)
    }
  }

  private func detect(_ context: ChannelHandlerContext, _ buffer: ByteBuffer) {
    var buffer = buffer
    if var beginning {
      beginning.writeBuffer(&buffer)
      buffer = beginning
      self.beginning = nil
    }
    guard let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return }
    if first == 0x16, !isEncrypted, let tls = loop.tls { return startTLS(context, tls, buffer) }
    if first == UInt8(ascii: "G") {
      if buffer.readableBytesView.starts(with: "GET ".utf8) { return upgrade(context, buffer) }
      if "GET ".utf8.starts(with: buffer.readableBytesView) {
        var copy = context.channel.allocator.buffer(capacity: 8)
        copy.writeImmutableBuffer(buffer)
        beginning = copy
        return
      }
    }
    phase = .frames
    if !isEncrypted { socket = DirectSocket(context.channel) }
    receive(buffer)
  }

  private func startTLS(_ context: ChannelHandlerContext, _ tls: TLSContexts, _ buffer: ByteBuffer) {
    isEncrypted = true
    do {
      let handler = NIOSSLServerHandler(context: tls.context(loop.now))
      try context.pipeline.syncOperations.addHandler(handler, position: .first)
      context.pipeline.fireChannelRead(buffer)
    } catch {
      loop.configuration.log("tls: a connection could not be started: \(error)")
      context.close(promise: nil)
    }
  }

  private func upgrade(_ context: ChannelHandlerContext, _ buffer: ByteBuffer) {
    phase = .left
    do {
      try WebSocketUpgrade.prepare(context.pipeline, for: self)
    } catch {
      closed()
      return context.close(promise: nil)
    }
    // To the handlers behind this one, not from the head: the bytes may have been decrypted already.
    context.fireChannelRead(wrapInboundOut(buffer))
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
  }
}
