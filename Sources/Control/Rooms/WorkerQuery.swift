// Asks a worker over a link of its own: `hello` as control (gateway epoch 0, no loops), one question, one answer.
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
  private static let request: UInt32 = 1

  /// What the worker shows of itself, as JSON.
  static func inspect(_ what: String, _ worker: WorkerAddress, _ group: any EventLoopGroup) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    Array(what.utf8).withUnsafeBytes { text in
      LinkToWorker.inspect(request: request, what: text).encode(ShardID(0), ShardEpoch(0), into: &bytes)
    }
    return try await ask(bytes, worker, group) { record in
      guard case .inspected(request, let json) = record else { return nil }
      return Array(json)
    }
  }

  /// An error leaves open whether it was done.
  static func command(
    _ command: OwnedCommand, _ worker: WorkerAddress, _ group: any EventLoopGroup
  ) async throws -> CommandAnswer {
    var bytes: [UInt8] = []
    command.borrowed { LinkToWorker.command(request: request, $0).encode(ShardID(0), ShardEpoch(0), into: &bytes) }
    return try await ask(bytes, worker, group) { record in
      guard case .commanded(request, let answer) = record else { return nil }
      return answer
    }
  }

  /// `question`: an encoded record. `answer` picks the one that answers it.
  private static func ask<Answer: Sendable>(
    _ question: [UInt8], _ worker: WorkerAddress, _ group: any EventLoopGroup,
    _ answer: @escaping @Sendable (LinkToGateway) -> Answer?
  ) async throws -> Answer {
    let loop = group.next()
    let promise = loop.makePromise(of: Answer.self)
    let deadline = loop.scheduleTask(in: timeout) {
      promise.fail(WorkerQueryError(description: "worker \(worker.instance) did not answer in time"))
    }
    defer { deadline.cancel() }
    let channel: any Channel
    do {
      channel = try await ClientBootstrap(group: loop)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(Handler(question, promise, answer))
          }
        }
        .connect(unixDomainSocketPath: worker.path).get()
    } catch {
      promise.fail(error)
      throw error
    }
    defer { channel.close(promise: nil) }
    return try await withTaskCancellationHandler {
      try await promise.futureResult.get()
    } onCancel: {
      // Another worker has answered; a hanging one is not waited for.
      promise.fail(CancellationError())
    }
  }

  private final class Handler<Answer: Sendable>: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let question: [UInt8]
    private let promise: EventLoopPromise<Answer>
    private let answer: @Sendable (LinkToGateway) -> Answer?
    private var received: [UInt8] = []

    init(
      _ question: [UInt8], _ promise: EventLoopPromise<Answer>, _ answer: @escaping @Sendable (LinkToGateway) -> Answer?
    ) {
      self.question = question
      self.promise = promise
      self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
      var bytes: [UInt8] = []
      LinkToWorker.hello(gateway: GatewayEpoch(0), loop: 0, loops: 0).encode(ShardID(0), ShardEpoch(0), into: &bytes)
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes + question)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      received.append(contentsOf: unwrapInboundIn(data).readableBytesView)
      do {
        var consumed = 0
        try received.withUnsafeBytes { raw in
          var reader = LinkReader(raw)
          while let (header, body) = try reader.next() {
            // The worker also announces its shards; only the answer matters here.
            guard let answer = answer(try LinkToGateway(header, body)) else { continue }
            promise.succeed(answer)
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
