// What a game's own backend, or an operator, does with rooms. Everything here needs the admin token. An answer is given when
// it is durable; a shard that is changing hands is waited for.
import Core
import FoundationEssentials
import Hummingbird
import NIOCore
import Wire

struct CommandRoutes: Sendable {
  let guarded: Guard
  let workers: @Sendable () -> [WorkerAddress]
  let group: any EventLoopGroup
  /// Tells the log and the feed what an operator did.
  let note: @Sendable (_ text: String) -> Void
  let releases: ReleaseRunner

  /// How long a shard without an owner, or a busy room, is waited for.
  private static let patience = Duration.seconds(5)
  private static let pause = Duration.milliseconds(20)
  private static let bodyBytesMax = 65_536

  func add(to router: Router<ControlContext>) {
    router.post("v1/rooms") { request, _ in await guarded(.change, request) { await create(request) } }
    router.post("v1/signals/:module/**") { request, _ in await guarded(.change, request) { await signal(request) } }
    for verb in ["kick", "lock", "end"] {
      router.post("v1/rooms/:id/\(verb)") { request, context in
        await guarded(.change, request) { await operate(verb, context.parameters.get("id") ?? "", request) }
      }
    }
  }

  // MARK: Requests

  private struct Create: Decodable {
    var module: String
    var key: String
    /// In base64.
    var parameters: Data?
  }
  private func create(_ request: Request) async -> Response {
    guard let wanted = await decoded(Create.self, request) else {
      return Answer.error(
        .badRequest,
        #"the body must be JSON like {"module":"arena","key":"match-7","parameters":"BASE64, or left out"}"#)
    }
    let parameters = Array(wanted.parameters ?? Data())
    if let refusal = Self.check(wanted.module, wanted.key) { return refusal }
    guard parameters.count <= Limits.joinParametersBytesMax else {
      return Answer.error(.contentTooLarge, "parameters are at most \(Limits.joinParametersBytesMax) bytes")
    }
    // Whoever has read that a build is current gets a room of it.
    await releases.offered()
    let answer = await run(
      .create(module: Array(wanted.module.utf8), key: Array(wanted.key.utf8), parameters: parameters))
    return Self.response(answer) { room, _ in Answer.json(.created, ["room": room.description]) }
  }

  private func signal(_ request: Request) async -> Response {
    let path = request.uri.path.split(separator: "/", maxSplits: 3)
    guard path.count == 4, let module = PercentEncoding.decode(path[2]), let key = PercentEncoding.decode(path[3])
    else {
      return Answer.error(.badRequest, "a signal goes to /v1/signals/MODULE/KEY")
    }
    if let refusal = Self.check(module, key) { return refusal }
    guard let idempotencyKey = request.headers[.init("idempotency-key")!], !idempotencyKey.isEmpty,
      idempotencyKey.utf8.count <= Limits.idempotencyKeyBytesMax
    else {
      return Answer.error(
        .badRequest,
        "send a header Idempotency-Key of 1 to \(Limits.idempotencyKeyBytesMax) bytes, new for each signal and "
          + "the same when you send it again: it is then applied once")
    }
    guard let body = try? await request.body.collect(upTo: Limits.inputBytesMax) else {
      return Answer.error(.contentTooLarge, "a signal's body is at most \(Limits.inputBytesMax) bytes")
    }
    let answer = await run(
      .signal(
        module: Array(module.utf8), key: Array(key.utf8), idempotencyKey: Array(idempotencyKey.utf8),
        payload: Array(body.readableBytesView)))
    return Self.response(answer) { _, reply in Answer.bytes(reply) }
  }

  private struct Operation: Decodable {
    var slot: UInt32?
    var reason: String?
    var locked: Bool?
  }
  private func operate(_ verb: String, _ id: String, _ request: Request) async -> Response {
    guard RoomsView.isID(id), let number = UInt64(id, radix: 16) else {
      return Answer.error(.badRequest, "a room's id is 16 hexadecimal digits; ask /v1/rooms")
    }
    let wanted = await decoded(Operation.self, request)
    let reason = Array((wanted?.reason ?? "").utf8)
    guard reason.count <= Limits.reasonBytesMax else {
      return Answer.error(.badRequest, "a reason is at most \(Limits.reasonBytesMax) bytes")
    }
    let room = RoomID(number)
    let (command, done): (OwnedCommand, String)
    switch (verb, wanted?.slot, wanted?.locked) {
    case ("kick", let slot?, _):
      (command, done) = (.kick(room, Slot(slot), reason: reason), "removed slot \(slot) from room \(id)")
    case ("lock", _, let locked?):
      (command, done) = (.lock(room, locked), "\(locked ? "locked" : "unlocked") room \(id)")
    case ("end", _, _) where wanted != nil: (command, done) = (.end(room, reason: reason), "ended room \(id)")
    default:
      let example = ["kick": #"{"slot":0,"reason":"why"}"#, "lock": #"{"locked":true}"#, "end": #"{"reason":"why"}"#][
        verb]
      return Answer.error(.badRequest, "the body must be JSON like \(example ?? "{}")")
    }
    let answer = await run(command)
    if case .done = answer { note(done) }
    return Self.response(answer) { room, _ in Answer.json(.ok, ["room": room.description]) }
  }

  private func decoded<T: Decodable>(_: T.Type, _ request: Request) async -> T? {
    guard let body = try? await request.body.collect(upTo: Self.bodyBytesMax) else { return nil }
    return try? JSONDecoder().decode(T.self, from: Data(body.readableBytesView))
  }

  private static func check(_ module: String, _ key: String) -> Response? {
    guard ModulesView.isName(module) else {
      return Answer.error(.badRequest, "a module's name is 1 to 64 of a-z, 0-9, - and _; ask /v1/modules")
    }
    guard !key.isEmpty, key.utf8.count <= Limits.roomKeyBytesMax else {
      return Answer.error(.badRequest, "a room's key is 1 to \(Limits.roomKeyBytesMax) bytes")
    }
    return nil
  }

  // MARK: Workers

  /// Every worker is asked; only the owner of the room's shard does it. nil: nobody owned it in time.
  private func run(_ command: OwnedCommand) async -> CommandAnswer? {
    let deadline = ContinuousClock.now + Self.patience
    var busy: CommandAnswer?
    while true {
      let answer = await ask(command)
      var pause = Self.pause
      switch answer {
      case .busy(let retry):
        busy = answer
        pause = .milliseconds(max(1, Int64(retry)))
      // A slot may be somebody else's by now: whether the first try came through is for the caller to look up.
      case nil where !command.isSafeToRepeat: return nil
      case .notMine, nil: break
      default: return answer
      }
      guard ContinuousClock.now + pause < deadline, (try? await Task.sleep(for: pause)) != nil else { return busy }
    }
  }

  /// nil: a worker did not answer, and it may have been the owner.
  private func ask(_ command: OwnedCommand) async -> CommandAnswer? {
    await withTaskGroup(of: CommandAnswer?.self) { tasks in
      var nobody: CommandAnswer?
      var isUnsure = false
      for worker in workers() { tasks.addTask { try? await WorkerQuery.command(command, worker, group) } }
      for await answer in tasks {
        switch answer {
        case .notMine: nobody = answer
        case nil: isUnsure = true
        default:
          tasks.cancelAll()
          return answer
        }
      }
      return isUnsure ? nil : nobody
    }
  }

  private static func response(
    _ answer: CommandAnswer?, _ done: (RoomID, [UInt8]) -> Response
  ) -> Response {
    switch answer {
    case .done(let room, let reply): return done(room, reply)
    case .refused(let reason): return Answer.error(.conflict, reason)
    case .notFound: return Answer.error(.notFound, "there is no such room or member; ask /v1/rooms")
    case .failed(let text):
      return Answer.error(.internalServerError, "the room's code failed at it, and it was undone: \(text)")
    case .busy, .notMine, nil:
      var response = Answer.error(
        .serviceUnavailable,
        "the room is busy, or its shard is changing hands; send the same again in a moment (look first who is in the slot of a kick)"
      )
      response.headers[.retryAfter] = "1"
      return response
    }
  }
}
