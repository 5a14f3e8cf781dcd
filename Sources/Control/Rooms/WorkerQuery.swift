// Asks a worker over a link of its own: `hello` as control (gateway epoch 0, no loops), one `inspect`, one answer.
import Core
import NIOCore
import NIOPosix
import Wire

struct WorkerQueryError: Error, CustomStringConvertible {
  var description: String
}

enum WorkerQuery {
  /// A worker's turns are short; one that does not answer is dying.
  static let timeout = TimeAmount.seconds(3)

  static func inspect(_ what: String, _ worker: WorkerAddress, _ group: any EventLoopGroup) async throws -> [UInt8] {
    let loop = group.next()
    let promise = loop.makePromise(of: [UInt8].self)
    let deadline = loop.scheduleTask(in: timeout) {
      promise.fail(WorkerQueryError(description: "worker \(worker.instance) did not answer in time"))
    }
    defer { deadline.cancel() }
    let channel: any Channel
    do {
      channel = try await ClientBootstrap(group: loop)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(Handler(what, promise))
          }
        }
        .connect(unixDomainSocketPath: worker.path).get()
    } catch {
      promise.fail(error)
      throw error
    }
    defer { channel.close(promise: nil) }
    return try await promise.futureResult.get()
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private static let request: UInt32 = 1
    private let what: String
    private let promise: EventLoopPromise<[UInt8]>
    private var received: [UInt8] = []

    init(_ what: String, _ promise: EventLoopPromise<[UInt8]>) {
      self.what = what
      self.promise = promise
    }

    func channelActive(context: ChannelHandlerContext) {
      var bytes: [UInt8] = []
      LinkToWorker.hello(gateway: GatewayEpoch(0), loop: 0, loops: 0).encode(ShardID(0), ShardEpoch(0), into: &bytes)
      Array(what.utf8).withUnsafeBytes { text in
        LinkToWorker.inspect(request: Self.request, what: text).encode(ShardID(0), ShardEpoch(0), into: &bytes)
      }
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      received.append(contentsOf: unwrapInboundIn(data).readableBytesView)
      do {
        var consumed = 0
        try received.withUnsafeBytes { raw in
          var reader = LinkReader(raw)
          while let (header, body) = try reader.next() {
            // The worker also announces its shards; only the answer matters here.
            guard case .inspected(Self.request, let json) = try LinkToGateway(header, body) else { continue }
            promise.succeed(Array(json))
          }
          consumed = reader.consumed
        }
        received.removeFirst(consumed)
      } catch {
        promise.fail(error)
        context.close(promise: nil)
      }
    }

    func channelInactive(context: ChannelHandlerContext) {
      promise.fail(WorkerQueryError(description: "the worker closed the link"))
    }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      promise.fail(error)
      context.close(promise: nil)
    }
  }
}
