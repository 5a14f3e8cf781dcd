// WebSocket (RFC 6455): one message per frame of the protocol; binary = protobuf, text = its JSON mapping. Answers are
// of the kind of the client's last message. The core sees the same stream of frames as over TCP.
import Core
import NIOCore
import NIOHTTP1
import NIOWebSocket

enum WebSocketUpgrade {
  /// One message, fragments together. The core refuses frames that are too large by name; this is the bound before it.
  static let messageBytesMax = 4 * Limits.clientFrameBytesMax
  private static let fragmentsMax = 256

  /// Puts HTTP's handlers behind `stream`'s, which passes everything on from now on.
  static func prepare(_ pipeline: ChannelPipeline, for stream: ClientStream) throws {
    let http = HTTPHandler(stream)
    let bound = NIOLoopBound(http, eventLoop: pipeline.eventLoop)
    let upgrader = NIOWebSocketServerUpgrader(
      maxFrameSize: messageBytesMax,
      shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
      upgradePipelineHandler: { channel, _ in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            NIOWebSocketFrameAggregator(
              minNonFinalFragmentSize: 1, maxAccumulatedFrameCount: fragmentsMax,
              maxAccumulatedFrameSize: messageBytesMax))
          try channel.pipeline.syncOperations.addHandler(WebSocketHandler(bound.value))
        }
      })
    try pipeline.syncOperations.configureHTTPServerPipeline(
      withServerUpgrade: (
        upgraders: [upgrader],
        completionHandler: { $0.pipeline.syncOperations.removeHandler(bound.value, promise: nil) }
      ))
    try pipeline.syncOperations.addHandler(http)
  }
}

/// While HTTP is spoken: answers whatever is no upgrade.
final class HTTPHandler: ClientStream, ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart
  private var isRemoved = false

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .head(let head) = unwrapInboundIn(data) else { return }
    let text = "This is a OneUp gateway: it speaks WebSocket (binary or JSON) and TCP, not plain HTTP.\n"
    var headers = HTTPHeaders()
    headers.add(name: "Upgrade", value: "websocket")
    headers.add(name: "Connection", value: "close")
    headers.add(name: "Content-Type", value: "text/plain")
    headers.add(name: "Content-Length", value: String(text.utf8.count))
    context.write(
      wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: .upgradeRequired, headers: headers))),
      promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in bound.value.close(promise: nil) }
  }
  func channelInactive(context: ChannelHandlerContext) { closed() }
  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  /// The core has something to say before the upgrade: only that the connection ends.
  override func write(_ frames: ByteBuffer, promise: EventLoopPromise<Void>?) {
    promise?.succeed()
    channel.close(promise: nil)
  }
}

final class WebSocketHandler: ClientStream, ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame
  private var isText = false
  private var isCloseSent = false

  func handlerAdded(context: ChannelHandlerContext) {
    if !context.channel.isActive { closed() }
  }
  func channelInactive(context: ChannelHandlerContext) { closed() }
  func channelWritabilityChanged(context: ChannelHandlerContext) { writabilityChanged() }
  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    switch frame.opcode {
    case .binary:
      isText = false
      receiveMessage(frame.unmaskedData)
    case .text:
      isText = true
      guard let binary = ClientDecoder.binary(fromJSON: Array(frame.unmaskedData.readableBytesView)) else {
        if !isFinishing { loop.refuseMalformed(id) }
        return
      }
      receiveMessage(ByteBuffer(bytes: binary))
    case .ping:
      // Who does not read them gets none: they would wait here without a bound.
      guard context.channel.isWritable else { break }
      context.writeAndFlush(
        wrapOutboundOut(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)), promise: nil)
    case .connectionClose:
      sendClose(frame.unmaskedData)
      context.close(promise: nil)
    default: break  // A pong answers nothing of ours; the decoder knows no other kinds.
    }
  }

  private func receiveMessage(_ message: ByteBuffer) {
    var framed = channel.allocator.buffer(capacity: message.readableBytes + 4)
    framed.writeInteger(UInt32(message.readableBytes))
    framed.writeImmutableBuffer(message)
    receive(framed)
  }

  override func write(_ frames: ByteBuffer, promise: EventLoopPromise<Void>?) {
    var frames = frames
    while let length = frames.readInteger(as: UInt32.self), let frame = frames.readSlice(length: Int(length)) {
      let data = isText ? ByteBuffer(bytes: ClientDecoder.json(fromBinary: Array(frame.readableBytesView))) : frame
      channel.write(WebSocketFrame(fin: true, opcode: isText ? .text : .binary, data: data), promise: nil)
    }
    if let promise {
      // The core closes: after its last frame comes WebSocket's own.
      sendClose(ByteBuffer(bytes: [0x03, 0xe8]), promise: promise)
    } else {
      channel.flush()
    }
  }

  private func sendClose(_ reason: ByteBuffer, promise: EventLoopPromise<Void>? = nil) {
    guard !isCloseSent else {
      promise?.succeed()
      return
    }
    isCloseSent = true
    channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .connectionClose, data: reason), promise: promise)
  }
}
