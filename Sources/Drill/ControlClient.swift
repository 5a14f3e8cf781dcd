// What a drill asks of a server's control: one HTTP request per connection.
import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOPosix

struct ControlClient: Sendable {
  let address: Address
  let token: String
  let group: any EventLoopGroup
  static let timeout = TimeAmount.seconds(10)

  /// Nothing came back; whether it was done is not known.
  struct NoAnswer: Error, CustomStringConvertible { var description: String }

  struct Room: Decodable, Sendable {
    var module: String
    var key: String
    var shard: Int
  }
  struct Process: Decodable, Sendable {
    var role: String
    var shards: [Int]?
  }
  struct Killed: Decodable, Sendable {
    struct Answer: Decodable, Sendable { var killed: [Killed] }
    var shards: [Int]?
  }

  func rooms() async throws -> [Room] { try await get("/v1/rooms") }

  /// The shards of each worker, spares left out.
  func workers() async throws -> [Set<Int>] {
    struct View: Decodable { var processes: [Process] }
    let view: View = try await get("/v1/processes")
    return view.processes.filter { $0.role == "worker" }.map { Set($0.shards ?? []) }.filter { !$0.isEmpty }
  }

  /// The process that answers here.
  func controlPID() async throws -> Int? { try await pids(of: "control").first }
  func workerPIDs() async throws -> Set<Int> { try await pids(of: "worker") }

  private func pids(of role: String) async throws -> Set<Int> {
    struct View: Decodable {
      struct Process: Decodable {
        var role: String
        var pid: Int
      }
      var processes: [Process]
    }
    let view: View = try await get("/v1/processes")
    return Set(view.processes.filter { $0.role == role }.map(\.pid))
  }

  func fault(_ kind: FaultKind) async throws -> [Killed] {
    let body = Array(#"{"kind":"\#(kind.rawValue)"}"#.utf8)
    let answer: Killed.Answer = try await decode(try await request(.POST, "/v1/faults", body), "POST /v1/faults")
    return answer.killed
  }

  func get<T: Decodable>(_ path: String) async throws -> T {
    try await decode(try await request(.GET, path, []), "GET \(path)")
  }
  func post<T: Decodable>(_ path: String, _ json: some Encodable) async throws -> T {
    try await decode(try await request(.POST, path, Array(try JSONEncoder().encode(json))), "POST \(path)")
  }

  private func decode<T: Decodable>(_ answer: ResponseCollector.Response, _ what: String) async throws -> T {
    guard answer.status == 200 || answer.status == 202 else {
      throw DrillError(
        "\(what) on \(address) was answered \(answer.status): \(String(decoding: answer.body, as: UTF8.self))")
    }
    do {
      return try JSONDecoder().decode(T.self, from: Data(answer.body))
    } catch {
      throw DrillError("\(what) on \(address): the answer is not what a drill understands: \(error)")
    }
  }

  private func request(_ method: HTTPMethod, _ path: String, _ body: [UInt8]) async throws -> ResponseCollector.Response
  {
    let loop = group.next()
    let promise = loop.makePromise(of: ResponseCollector.Response.self)
    let head = HTTPRequestHead(
      version: .http1_1, method: method, uri: path,
      headers: [
        "host": address.description, "connection": "close", "authorization": "Bearer \(token)",
        "content-type": "application/json", "content-length": "\(body.count)",
      ])
    let timeout = loop.scheduleTask(in: Self.timeout) {
      promise.fail(DrillError("\(method) \(path): no answer within 10 s"))
    }
    do {
      let channel = try await ClientBootstrap(group: loop)
        .connectTimeout(.seconds(5))
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            try channel.pipeline.syncOperations.addHandler(ResponseCollector(promise: promise, head: head, body: body))
          }
        }
        .connect(host: address.host, port: address.port).get()
      defer {
        timeout.cancel()
        channel.close(promise: nil)
      }
      return try await promise.futureResult.get()
    } catch {
      timeout.cancel()
      promise.fail(error)
      throw NoAnswer(description: "\(method) \(path) on \(address) failed: \(error)")
    }
  }
}

/// Sends one request when connected and collects the whole answer.
private final class ResponseCollector: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart
  struct Response: Sendable {
    var status: Int
    var body: [UInt8]
  }

  private let promise: EventLoopPromise<Response>
  private let head: HTTPRequestHead
  private let body: [UInt8]
  private var response = Response(status: 0, body: [])

  init(promise: EventLoopPromise<Response>, head: HTTPRequestHead, body: [UInt8]) {
    self.promise = promise
    self.head = head
    self.body = body
  }

  func channelActive(context: ChannelHandlerContext) {
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if !body.isEmpty { context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil) }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): response.status = Int(head.status.code)
    case .body(let part): response.body.append(contentsOf: part.readableBytesView)
    case .end: promise.succeed(response)
    }
  }
  func channelInactive(context: ChannelHandlerContext) { promise.fail(DrillError("the connection was closed")) }
  func errorCaught(context: ChannelHandlerContext, error: any Error) { promise.fail(error) }
}
