// Crash bundles and reports over HTTP: listed, shown, taken away and played again.
import FoundationEssentials
import Hummingbird

struct CrashRoutes: Sendable {
  let guarded: Guard
  let options: ControlOptions
  /// The file of a module's build that a server has taken, by version.
  let build: @Sendable (_ module: String, _ version: String) async -> String?

  /// A replay runs a room's last events once.
  private static let replaySeconds = 60

  func add(to router: Router<ControlContext>) {
    router.get("v1/crashes") { request, _ in
      await guarded(.read, request) { Answer.json(.ok, CrashEntry.list(in: options.crashes)) }
    }
    router.get("v1/crashes/:id") { request, context in
      await guarded(.read, request) {
        guard let id = context.parameters.get("id"), let report = CrashEntry.report(id, in: options.crashes) else {
          return Self.unknown
        }
        return Answer.json(.ok, report)
      }
    }
    router.get("v1/crashes/:id/bundle") { request, context in
      await guarded(.read, request) {
        guard let id = context.parameters.get("id"), let bundle = CrashEntry.bundle(id, in: options.crashes) else {
          return Answer.error(
            .notFound, "there is no such bundle; a process's crash has a report only. Ask /v1/crashes")
        }
        return Answer.bytes(bundle)
      }
    }
    router.post("v1/crashes/:id/replay") { request, context in
      await guarded(.change, request) { await replay(context.parameters.get("id") ?? "", request) }
    }
  }

  private static var unknown: Response { Answer.error(.notFound, "there is no such crash; ask /v1/crashes") }

  private struct Replay: Decodable { var version: String? }
  private struct Told: Decodable { var module: String }

  private func replay(_ id: String, _ request: Request) async -> Response {
    guard let report = CrashEntry.report(id, in: options.crashes) else { return Self.unknown }
    guard CrashEntry.bundle(id, in: options.crashes) != nil,
      let told = try? JSONDecoder().decode(Told.self, from: Data(report))
    else { return Answer.error(.conflict, "\(id) is a process's crash: it has a report and cannot be played again") }
    guard let body = try? await request.body.collect(upTo: 4_096) else {
      return Answer.error(.contentTooLarge, "a replay is asked for in a few bytes")
    }
    var arguments = ["crash", "replay", id, "--data", options.data, "--json"]
    let bytes = Data(body.readableBytesView)
    if !bytes.isEmpty {
      guard let wanted = try? JSONDecoder().decode(Replay.self, from: bytes) else {
        return Answer.error(.badRequest, #"the body must be empty, or JSON like {"version":"1.0.1"}"#)
      }
      if let version = wanted.version {
        guard let file = await build(told.module, version) else {
          return Answer.error(
            .notFound, "there is no version \(version) of \(told.module) on this server; ask /v1/releases")
        }
        arguments += ["--module", file]
      }
    }
    let outcome = await OwnProgram.run(arguments, seconds: Self.replaySeconds)
    // Its last words are the answer; it ends with 1 where the crash did not come again.
    if case .exited(0...1) = outcome.end, outcome.output.first == UInt8(ascii: "{") {
      return Answer.json(.ok, outcome.output)
    }
    return Answer.error(
      .internalServerError, "the crash could not be played again; say `oneup crash replay \(id)` to see why")
  }
}
