// A request's head must come in time: the guard of its route is asked only then.
import NIOCore
import NIOHTTP1

/// Closes the connection where so long no head has come: since the connection began, or since the request before was
/// answered. What is left of that one's body counts in, so nobody without a token can hold a connection by sending a body
/// byte by byte. What is being answered has no deadline.
final class HeadDeadline: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private let limit: TimeAmount
  /// Requests whose head has come and whose answer is not written.
  private var open = 0
  private var deadline: Scheduled<Void>?

  init(_ limit: TimeAmount) { self.limit = limit }

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { begin(context) }
  }
  func channelActive(context: ChannelHandlerContext) {
    begin(context)
    context.fireChannelActive()
  }
  func handlerRemoved(context: ChannelHandlerContext) { stop() }
  func channelInactive(context: ChannelHandlerContext) {
    stop()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if case .head = unwrapInboundIn(data) {
      open += 1
      stop()
    }
    context.fireChannelRead(data)
  }
  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .end = unwrapOutboundIn(data) {
      // What is no HTTP is answered without having been a request.
      open = max(0, open - 1)
      if open == 0 { begin(context) }
    }
    context.write(data, promise: promise)
  }

  private func begin(_ context: ChannelHandlerContext) {
    stop()
    deadline = context.eventLoop.assumeIsolated().scheduleTask(in: limit) { context.close(promise: nil) }
  }
  private func stop() {
    deadline?.cancel()
    deadline = nil
  }
}

/// Puts the deadline right behind the decoder of requests. A server takes handlers of ours only behind its translation of
/// requests into a form of its own.
final class HeadDeadlineSetter: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = Any
  private let limit: TimeAmount

  init(_ limit: TimeAmount) { self.limit = limit }

  func handlerAdded(context: ChannelHandlerContext) {
    let pipeline = context.pipeline.syncOperations
    do {
      let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
      try pipeline.addHandler(HeadDeadline(limit), position: .after(decoder))
    } catch { preconditionFailure("a connection that serves HTTP has a decoder of requests: \(error)") }
  }
}
