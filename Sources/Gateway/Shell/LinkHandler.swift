// A link: the connection of one loop to one worker's Unix socket.
import Core
import GatewayCore
import NIOCore
import NIOPosix

package struct Worker: Hashable, Sendable {
  package var instance: UInt32
  package var path: String
  package init(instance: UInt32, path: String) {
    self.instance = instance
    self.path = path
  }
}

final class LinkHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let loop: GatewayLoop
  private let worker: Worker
  private var id: LinkID?
  private var channel: (any Channel)?
  private var socket: DirectSocket?
  /// An incomplete record; normally none.
  private var carry: ByteBuffer?

  init(_ loop: GatewayLoop, _ worker: Worker) {
    self.loop = loop
    self.worker = worker
  }

  func channelActive(context: ChannelHandlerContext) {
    channel = context.channel
    socket = DirectSocket(context.channel)
    id = loop.openLink(self)
  }
  func channelInactive(context: ChannelHandlerContext) {
    guard let id else { return }
    self.id = nil
    socket = nil
    loop.closeLink(id)
  }
  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard let id else { return }
    let buffer = unwrapInboundIn(data)
    do {
      guard var joined = carry else {
        let consumed = try buffer.withUnsafeReadableBytes { try loop.receive(id, $0) }
        let left = buffer.readableBytes - consumed
        guard left > 0 else { return }
        var carry = context.channel.allocator.buffer(capacity: left)
        carry.writeImmutableBuffer(buffer.getSlice(at: buffer.readerIndex + consumed, length: left)!)
        self.carry = carry
        return
      }
      carry = nil
      joined.writeImmutableBuffer(buffer)
      let consumed = try joined.withUnsafeReadableBytes { try loop.receive(id, $0) }
      joined.moveReaderIndex(forwardBy: consumed)
      guard joined.readableBytes > 0 else { return }
      if consumed > 0 { joined.discardReadBytes() }
      carry = joined
    } catch {
      loop.configuration.log("link to worker \(worker.instance): \(error): closing it")
      context.close(promise: nil)
    }
  }
  func channelReadComplete(context: ChannelHandlerContext) { loop.endLinkRead() }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable, let id { loop.linkWritable(id) }
  }

  func flush() {
    guard let id, let channel, let socket else { return }
    guard channel.isWritable else { return loop.stallLink(id) }
    if loop.takeLinkOutput(id) { socket.write(loop.scratch) }
  }
}

/// Keeps a link to a worker until it is stopped: connects, and connects again.
final class WorkerConnector {
  let worker: Worker
  private unowned let loop: GatewayLoop
  private var channel: (any Channel)?
  private var isStopped = false
  private var failures: Int64 = 0

  init(_ worker: Worker, _ loop: GatewayLoop) {
    self.worker = worker
    self.loop = loop
  }

  func start() {
    guard !isStopped else { return }
    let loop = NIOLoopBound(loop, eventLoop: loop.eventLoop)
    let worker = worker
    ClientBootstrap(group: loop.value.eventLoop)
      .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
      .channelOption(.maxMessagesPerRead, value: 4)
      .channelOption(.writeBufferWaterMark, value: .init(low: 262_144, high: 1_048_576))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(LinkHandler(loop.value, worker))
        }
      }
      .connect(unixDomainSocketPath: worker.path)
      .assumeIsolated()
      .whenComplete { self.connected($0) }
  }

  private func connected(_ result: Result<any Channel, any Error>) {
    switch result {
    case .success(let channel):
      failures = 0
      guard !isStopped else { return channel.close(promise: nil) }
      self.channel = channel
      channel.closeFuture.assumeIsolated().whenComplete { _ in
        self.channel = nil
        self.retry()
      }
    case .failure(let error):
      if failures == 0, !isStopped {
        loop.configuration.log("link to worker \(worker.instance) at \(worker.path): \(error): trying again")
      }
      failures += 1
      retry()
    }
  }

  /// At once after a break, then 10 ms doubling to 1 s.
  private func retry() {
    guard !isStopped else { return }
    let milliseconds: Int64 = failures == 0 ? 1 : min(1_000, 10 << min(failures, 7))
    loop.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) { self.start() }
  }

  func stop() {
    isStopped = true
    channel?.close(promise: nil)
  }
}
