// A link to one worker, as control: `hello` (gateway epoch 0, no loops), then any number of questions at once. Each is
// answered under its number; what the worker says beside that is a gateway's business.
import Core
import NIOCore
import NIOPosix
import Synchronization
import Wire

struct WorkerLinkError: Error, CustomStringConvertible {
  var description: String
}

final class WorkerLink: Sendable {
  /// A worker's turns are short; one that does not answer is dying.
  static let timeout = TimeAmount.seconds(3)

  enum Reply: Sendable {
    case inspected([UInt8])
    case commanded(CommandAnswer)
  }
  private let channel: any Channel
  private let book: Book
  private let instance: UInt32

  private init(_ channel: any Channel, _ book: Book, _ instance: UInt32) {
    (self.channel, self.book, self.instance) = (channel, book, instance)
  }

  static func open(_ worker: WorkerAddress, _ group: any EventLoopGroup) async throws -> WorkerLink {
    let book = Book()
    let channel = try await ClientBootstrap(group: group)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(LinkHandler(book))
        }
      }
      .connect(unixDomainSocketPath: worker.path).get()
    return WorkerLink(channel, book, worker.instance)
  }

  var isOpen: Bool { channel.isActive }
  /// Shards that the worker has said it owns.
  var served: Set<ShardID> { book.served }
  /// What is unanswered fails.
  func close() { channel.close(promise: nil) }

  /// What the worker shows of itself.
  func inspect(_ what: String) async throws -> [UInt8] {
    let (request, answer) = book.expect(on: channel.eventLoop)
    var bytes: [UInt8] = []
    Array(what.utf8).withUnsafeBytes { text in
      LinkToWorker.inspect(request: request, what: text).encode(ShardID(0), ShardEpoch(0), into: &bytes)
    }
    guard case .inspected(let json) = try await ask(bytes, [(request, answer)])[0].get() else {
      throw WorkerLinkError(description: "worker \(instance) answered another question")
    }
    return json
  }

  /// An error leaves open whether it was done.
  func command(_ command: OwnedCommand) async throws -> CommandAnswer {
    try await commands([command])[0].get()
  }

  /// All in one write; the answers in the order of the commands. An error leaves open whether it was done.
  func commands(_ commands: [OwnedCommand]) async -> [Result<CommandAnswer, any Error>] {
    var bytes: [UInt8] = []
    var expected: [(UInt32, EventLoopFuture<Reply>)] = []
    for command in commands {
      let (request, answer) = book.expect(on: channel.eventLoop)
      expected.append((request, answer))
      command.borrowed { LinkToWorker.command(request: request, $0).encode(ShardID(0), ShardEpoch(0), into: &bytes) }
    }
    return await ask(bytes, expected).map { reply in
      reply.flatMap { reply in
        guard case .commanded(let answer) = reply else {
          return .failure(WorkerLinkError(description: "the worker answered another question"))
        }
        return .success(answer)
      }
    }
  }

  private func ask(_ question: [UInt8], _ expected: [(UInt32, EventLoopFuture<Reply>)]) async -> [Result<
    Reply, any Error
  >] {
    let requests = expected.map(\.0)
    let (book, instance) = (book, instance)
    let deadline = channel.eventLoop.scheduleTask(in: Self.timeout) {
      book.fail(requests, WorkerLinkError(description: "worker \(instance) did not answer in time"))
    }
    defer { deadline.cancel() }
    channel.writeAndFlush(ByteBuffer(bytes: question)).whenFailure { book.fail(requests, $0) }
    return await withTaskCancellationHandler {
      var replies: [Result<Reply, any Error>] = []
      for (_, answer) in expected {
        do { replies.append(.success(try await answer.get())) } catch { replies.append(.failure(error)) }
      }
      return replies
    } onCancel: {
      // Another worker has answered; a hanging one is not waited for.
      book.fail(requests, CancellationError())
    }
  }
}

/// The questions that wait for an answer, by number.
private final class Book: Sendable {
  private struct State {
    var next: UInt32 = 1
    var waiting: [UInt32: EventLoopPromise<WorkerLink.Reply>] = [:]
    var served: Set<ShardID> = []
    var isOver = false
  }
  private let state = Mutex(State())

  var served: Set<ShardID> { state.withLock { $0.served } }
  func note(serving shard: ShardID) { _ = state.withLock { $0.served.insert(shard) } }

  func expect(on loop: any EventLoop) -> (UInt32, EventLoopFuture<WorkerLink.Reply>) {
    let promise = loop.makePromise(of: WorkerLink.Reply.self)
    let (request, isOver) = state.withLock { state in
      defer { state.next &+= 1 }
      if !state.isOver { state.waiting[state.next] = promise }
      return (state.next, state.isOver)
    }
    if isOver { promise.fail(WorkerLinkError(description: "the worker closed the link")) }
    return (request, promise.futureResult)
  }
  func succeed(_ request: UInt32, _ reply: WorkerLink.Reply) {
    state.withLock { $0.waiting.removeValue(forKey: request) }?.succeed(reply)
  }
  func fail(_ requests: [UInt32], _ error: any Error) {
    for promise in state.withLock({ state in requests.compactMap { state.waiting.removeValue(forKey: $0) } }) {
      promise.fail(error)
    }
  }
  func end(_ error: any Error) {
    let waiting = state.withLock { state in
      defer { state.waiting = [:] }
      state.isOver = true
      return Array(state.waiting.values)
    }
    for promise in waiting { promise.fail(error) }
  }
}

private final class LinkHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer
  private let book: Book
  private var received: [UInt8] = []
  init(_ book: Book) { self.book = book }

  func channelActive(context: ChannelHandlerContext) {
    var bytes: [UInt8] = []
    LinkToWorker.hello(gateway: GatewayEpoch(0), loop: 0, loops: 0).encode(ShardID(0), ShardEpoch(0), into: &bytes)
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    received.append(contentsOf: unwrapInboundIn(data).readableBytesView)
    do {
      var consumed = 0
      try received.withUnsafeBytes { raw in
        var reader = LinkReader(raw)
        while let (header, body) = try reader.next() {
          switch try LinkToGateway(header, body) {
          case .inspected(let request, let json): book.succeed(request, .inspected(Array(json)))
          case .commanded(let request, let answer): book.succeed(request, .commanded(answer))
          case .serving: book.note(serving: header.shard)
          default: break
          }
        }
        consumed = reader.consumed
      }
      received.removeFirst(consumed)
    } catch { errorCaught(context: context, error: error) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    book.end(WorkerLinkError(description: "the worker closed the link"))
  }
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    book.end(error)
    context.close(promise: nil)
  }
}
