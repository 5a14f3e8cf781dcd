// The baseline of the benchmarks: what SwiftNIO alone makes of the same messages. One event loop, default options,
// every byte goes back. It is built with the flags of the server.
import Glibc
import NIOCore
import NIOPosix

final class Echo: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.write(data, promise: nil) }
  func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
let listener = try await ServerBootstrap(group: group)
  .serverChannelOption(.backlog, value: 4_096)
  .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
  .childChannelInitializer { channel in
    channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Echo()) }
  }
  .bind(host: "127.0.0.1", port: 0).get()
guard let port = listener.localAddress?.port else { preconditionFailure("a bound TCP socket has a port") }
print(#"{"ready":true,"listen":"127.0.0.1:\#(port)"}"#)
// Output to a pipe waits for a full buffer; the reader waits for this line.
fflush(nil)
try await listener.closeFuture.get()
