// Control: the HTTP interface of a server. It never parses anything that came from a player.
import FoundationEssentials
import Hummingbird
import Logging
import NIOCore
import NIOPosix
import Wire

package struct ControlServer: Sendable {
  private let options: ControlOptions
  private let guarded: Guard
  private let group: MultiThreadedEventLoopGroup
  private let gatherer: Gatherer
  private let releases: ReleaseRunner
  private let builds = DevBuilds()

  /// Throws where the data directory's releases cannot be read, in a sentence that says what to do.
  package init(_ options: ControlOptions) throws {
    self.options = options
    guarded = Guard(access: Access(token: options.adminToken, isLoopback: options.isLoopback))
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let gatherer = Gatherer(ask: options.ask, crashes: options.crashes)
    self.gatherer = gatherer
    releases = try ReleaseRunner(
      options.releases, modules: options.modules, workers: options.workers, group: group, note: options.noteRelease,
      tell: { gatherer.watchers.tell($0, $1) })
  }

  /// Serves until the task is cancelled or the address cannot be listened on.
  package func run() async throws {
    var logger = Logger(label: "control")
    logger.logLevel = .error
    let application = Application(
      router: router, server: HTTPLimits.server,
      configuration: ApplicationConfiguration(
        address: .hostname(options.host, port: options.port), serverName: "oneup",
        availableConnectionsDelegate: .maximum(HTTPLimits.connectionsMax, logger: logger)),
      onServerRunning: { channel in options.serving(channel.localAddress?.port ?? options.port) },
      eventLoopGroupProvider: .shared(group), logger: logger)
    let gathering = Task { await gatherer.run() }
    let releasing = Task { await releases.run() }
    defer {
      gathering.cancel()
      releasing.cancel()
    }
    try await application.run()
  }

  /// The supervisor says that something is not as it was.
  package func changed() { Task { await gatherer.changed() } }
  /// There are other workers than before.
  package func workersChanged() { Task { await releases.workersChanged() } }
  /// Watchers' streams end; what is written to them is on its way when this returns, if they take it.
  package func endStreams() { gatherer.watchers.end() }
  /// Their ends are written.
  package var streamsHaveEnded: Bool { gatherer.watchers.areFinished }

  /// Calls `body` each `milliseconds` on the loop that serves requests: what a beat must come from.
  package func repeatOnLoop(milliseconds: Int64, _ body: @escaping @Sendable () -> Void) {
    group.next().scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(milliseconds)) { _ in body() }
  }

  // MARK: Routes

  private static let index = """
    GET  /                   the arena, or the only page of a module, or the dashboard
    GET  /dashboard          the dashboard
    GET  /play/NAME/         the page that the module NAME brings along
    GET  /oneup.js           the client library
    GET  /healthz            this process answers
    GET  /readyz             200 when every shard is served, else 503
    GET  /v1/client          where players connect
    GET  /v1/modules         modules; /v1/modules/NAME shows a manifest with its schema, ?sha256=HASH an older build's
    GET  /v1/live            the whole server once a second, and what happens at once (server-sent events)
    GET  /v1/history         the last hour, a point for each 5 s
    GET  /v1/processes       processes and shards
    GET  /v1/rooms           live rooms; ?module= &label= &property=NAME=VALUE &state= &after=ROOM &limit=N
    GET  /v1/rooms/ROOM      one room: members, last events, fuel, state
    GET  /v1/recoveries      repaired deaths, with how long each took
    GET  /v1/events          what the processes said about themselves
    GET  /v1/crashes         crash bundles and reports; /v1/crashes/ID shows one, /v1/crashes/ID/bundle is its file
    GET  /v1/releases        builds, rollouts and what lies ready; /v1/releases/NAME/history: ended rollouts
    GET  /v1/versions        what each build has done in all rooms
    GET  /v1/audit           who did what with releases; ?after=N
    POST /v1/rooms           {"module", "key", "parameters": BASE64 (optional)}: makes a room
    POST /v1/rooms/ROOM/kick {"slot", "reason"}; also /lock {"locked"} and /end {"reason"}
    POST /v1/releases        {"manifest": {…}, "module": BASE64} or {"shelf": "FILE"}; "now", "reason"
    POST /v1/releases/NAME/promote {"reason"}; also /pause /resume /rollback, and /unban {"version", "reason"}
    POST /v1/crashes/ID/replay    {"version" (optional)}: plays a crash again
    POST /v1/signals/MODULE/KEY   a message to a room, applied once for each header Idempotency-Key
    POST /v1/faults          {"kind": "worker-kill|worker-stop|gateway-kill|spare-kill|control-kill|all-kill", "instance": N (optional)}
    POST needs: Authorization: Bearer <the data directory's admin-token>

    """

  private var router: Router<ControlContext> {
    let router = Router(context: ControlContext.self, options: .autoGenerateHeadEndpoints)
    router.add(middleware: NothingThere())
    PageRoutes(options: options).add(to: router)
    addPublic(to: router)
    addViews(to: router)
    RoomRoutes(guarded: guarded, rooms: RoomsView(workers: options.workers, group: group)).add(to: router)
    CommandRoutes(guarded: guarded, workers: options.workers, group: group, note: options.note, releases: releases)
      .add(to: router)
    ReleaseRoutes(guarded: guarded, releases: releases).add(to: router)
    CrashRoutes(guarded: guarded, options: options) { await releases.modulePath($0, version: $1) }.add(to: router)
    if options.isDevelopment {
      DevRoutes(guarded: guarded, builds: builds, watchers: gatherer.watchers).add(to: router)
    }
    router.post("v1/faults") { request, _ in await guarded(.change, request) { await fault(request) } }
    return router
  }

  /// What says nothing that a stranger should not know: a load balancer or a player's page needs no token.
  private func addPublic(to router: Router<ControlContext>) {
    router.get("healthz") { _, _ in Answer.text(.ok, "ok\n") }
    router.get("readyz") { _, _ in
      await isServed() ? Answer.text(.ok, "ready\n") : Answer.text(.serviceUnavailable, "not every shard is served\n")
    }
    router.get("v1") { _, _ in Answer.text(.ok, Self.index) }
    router.get("v1/client") { request, _ in
      Answer.shared(Answer.json(.ok, ClientView(options, host: request.head.authority)))
    }
    let modules = ModulesView(directory: options.modules, data: options.data)
    router.get("v1/modules") { _, _ in Answer.shared(Answer.json(.ok, modules.list())) }
    router.get("v1/modules/:name") { request, context in
      let hash = request.uri.queryParameters["sha256"].map(String.init)
      guard let (json, _) = modules.manifest(context.parameters.get("name") ?? "", sha256: hash) else {
        return Answer.shared(Answer.error(.notFound, "there is no such module; ask /v1/modules"))
      }
      return Answer.shared(Answer.json(.ok, json))
    }
  }

  private func addViews(to router: Router<ControlContext>) {
    for verb in ["processes", "recoveries", "events"] {
      router.get("v1/\(verb)") { request, _ in
        await guarded(.read, request) { Answer.json(.ok, await options.ask(verb, [])) }
      }
    }
    router.get("v1/live") { request, context in
      await guarded(.read, request) {
        request.method == .head
          ? LiveRoutes.head : LiveRoutes.stream(gatherer.watchers, first: builds.failing, to: context.channel)
      }
    }
    router.get("v1/history") { request, _ in
      await guarded(.read, request) { Answer.json(.ok, await gatherer.history) }
    }
    let audit = AuditView(path: options.releases.files.audit)
    router.get("v1/audit") { request, _ in await guarded(.read, request) { audit.answer(to: request) } }
  }

  private func isServed() async -> Bool { await options.ask("served", []) == Array("true".utf8) }

  private struct FaultRequest: Decodable {
    var kind: String
    var instance: UInt32?
  }
  private struct Refusal: Decodable { var error: String }

  private func fault(_ request: Request) async -> Response {
    guard let body = try? await request.body.collect(upTo: 4_096),
      let wanted = try? JSONDecoder().decode(FaultRequest.self, from: Data(body.readableBytesView))
    else { return Answer.error(.badRequest, #"the body must be JSON like {"kind":"worker-kill"}"#) }
    let words = wanted.kind.filter { $0.isLetter || $0 == "-" } + (wanted.instance.map { " \($0)" } ?? "")
    let answer = await options.ask("fault", Array(words.utf8))
    let refused = (try? JSONDecoder().decode(Refusal.self, from: Data(answer))) != nil
    return Answer.json(refused ? .conflict : .ok, answer)
  }
}
