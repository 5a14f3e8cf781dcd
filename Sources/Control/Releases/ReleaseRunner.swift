// Owns the rollouts: tells the core what happens, and does what it says. Everything that follows from a change of state
// waits until the state is on disk, so that a control that was killed at any moment is followed by one that goes on.
//
// While a rollout runs, rooms and counts are looked at four times a second; while none does, nobody is asked anything but,
// every few seconds, whether a room has woken up with a build that was replaced meanwhile.
import Artifacts
import Core
import Glibc
import Journal
import NIOCore
import ReleaseCore
import Wire

actor ReleaseRunner {
  static let lookMilliseconds: Int64 = 250
  static let sweepMilliseconds: Int64 = 5_000
  static let whyCharactersMax = 4_000

  let options: ReleaseOptions
  let modules: String
  let pool: WorkerPool
  let note: @Sendable (String) -> Void
  private let tell: @Sendable (_ event: String, _ json: [UInt8]) -> Void
  private var audit: AuditLog<PosixFileSystem>

  var core: Rollouts
  /// What is to be done, in order; a save that fails stops what is behind it.
  private var todo: [ReleaseAction] = []
  private var isPerforming = false
  private var isDiskFailing = false
  /// Orders that are to be sent with the next batch.
  private var waiting: [(module: String, room: RoomID, order: RoomOrder)] = []
  /// Batches on their way, by module; a list that was asked for while there is one is old when it comes.
  private var outstanding: [String: Int] = [:]
  private var issued: [String: Int] = [:]
  var owners: [RoomID: UInt32] = [:]
  private var rehearsals: [RolloutID: Task<Void, Never>] = [:]
  /// What watchers were not told yet, and what they were told last.
  private var untold: [String: Rollout] = [:]
  private var told: [String: Rollout] = [:]
  var costs: [RolloutID: RolloutCost] = [:]
  /// Those that go into all rooms without a look at what they do.
  var quick: Set<RolloutID> = []
  var sweep = Sweep()
  var scan = DirectoryScan()
  private var load = ProcessorLoad()
  private var sleeper: Task<Void, Never>?
  private var isWoken = false
  private var isToBeScanned = true
  private var isToBeOffered = false

  /// Throws where what the data directory says of rollouts cannot be read.
  init(
    _ options: ReleaseOptions, modules: String, workers: @escaping @Sendable () -> [WorkerAddress],
    group: any EventLoopGroup, note: @escaping @Sendable (String) -> Void,
    tell: @escaping @Sendable (_ event: String, _ json: [UInt8]) -> Void
  ) throws {
    (self.options, self.modules, self.note, self.tell) = (options, modules, note, tell)
    pool = WorkerPool(workers, group)
    core = Rollouts(options.settings, state: try options.files.state())
    audit = try options.files.auditLog()
  }

  // MARK: The loop

  /// Until the task is cancelled.
  func run() async {
    for (module, hash) in (try? options.files.current()) ?? [:] {
      guard let manifest = options.files.manifest(hash) else { continue }
      handle(.currently(module: module, Build(version: manifest.version, hash: hash)))
    }
    // A pair of files comes as two events.
    let watch = DirectoryWatch(modules) { Task { await self.directoryChanged() } }
    if watch == nil { note("the directory \(modules) cannot be watched: push releases instead") }
    defer { withExtendedLifetime(watch) {} }
    while !Task.isCancelled {
      // What a failing disk has held up.
      perform([])
      if isToBeScanned {
        isToBeScanned = false
        scanDirectory()
      }
      if isToBeOffered { await offerAll() }
      tellChanges()
      if core.running.isEmpty {
        await pool.close()
        await rest(milliseconds: Self.sweepMilliseconds)
        if core.running.isEmpty { await sweepRooms() }
      } else {
        await look()
        await rest(milliseconds: Self.lookMilliseconds)
      }
    }
  }

  private func directoryChanged() {
    isToBeScanned = true
    wake()
  }
  /// A worker that has just come may have read which builds are current a moment too early.
  func workersChanged() {
    isToBeOffered = true
    wake()
  }
  private func wake() {
    isWoken = true
    sleeper?.cancel()
  }
  private func rest(milliseconds: Int64) async {
    if !isWoken {
      let sleep = Task { _ = try? await Task.sleep(for: .milliseconds(milliseconds)) }
      sleeper = sleep
      await withTaskCancellationHandler {
        await sleep.value
      } onCancel: {
        sleep.cancel()
      }
      sleeper = nil
    }
    isWoken = false
  }

  private func look() async {
    let watched = core.watched
    if !watched.isEmpty {
      let before = issued
      async let rooms = pool.inspect("rooms")
      handle(.statistics(await statistics()))
      let answers = await rooms
      let looks = RoomLook.list(answers.answers)
      owners = Dictionary(looks.map { ($0.sight.id, $0.worker) }, uniquingKeysWith: { $1 })
      for module in watched where outstanding[module] ?? 0 == 0 && issued[module] == before[module] {
        handle(
          .rooms(
            module: module, looks.lazy.filter { $0.module == module }.map(\.sight),
            isWhole: answers.served.count == options.shards))
      }
    }
    if let percent = load.percent(now: Self.now().monotonic) { handle(.load(percent: percent)) }
    handle(.tick)
    tellChanges()
  }

  /// What each worker that answers has counted.
  func statistics() async -> [WorkerStatistics] {
    let workers = Statistics.read(await pool.inspect("versions").answers)
    for rollout in core.running {
      costs[rollout.id, default: RolloutCost()].look(workers, at: rollout)
    }
    return workers
  }

  static func now() -> Now {
    func microseconds(_ clock: clockid_t) -> Int64 {
      var time = timespec()
      clock_gettime(clock, &time)
      return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
    return Now(wall: microseconds(CLOCK_REALTIME), monotonic: microseconds(CLOCK_MONOTONIC))
  }

  // MARK: What happens, and what is done

  func handle(_ event: ReleaseEvent) {
    var actions: [ReleaseAction] = []
    core.handle(event, at: Self.now(), into: &actions)
    perform(actions)
  }

  /// In order. What an action leads to at once is done after those that there are.
  func perform(_ actions: [ReleaseAction]) {
    todo += actions
    guard !isPerforming else { return }
    isPerforming = true
    defer { isPerforming = false }
    var done = 0
    while done < todo.count {
      do { try perform(todo[done]) } catch {
        // Nothing that follows may be done. It is tried again with the next look.
        if !isDiskFailing { note("releases stand still: \(error)") }
        isDiskFailing = true
        todo.removeFirst(done)
        return
      }
      done += 1
    }
    todo = []
    if isDiskFailing { note("releases go on: the disk takes what is written again") }
    isDiskFailing = false
    sendOrders()
  }

  private func perform(_ action: ReleaseAction) throws {
    switch action {
    case .save: try options.files.save(core)
    case .verify(let id): try verify(id)
    case .rehearse(let id, let module, let from, let to, let prepareOnly):
      rehearsals[id] = Task {
        let event = await RehearsalChild(
          data: options.files.data, module: module, from: from, to: to, prepareOnly: prepareOnly,
          seconds: options.rehearseSeconds
        ).hold(id)
        guard !Task.isCancelled else { return }
        rehearsals[id] = nil
        handle(event)
        wake()
      }
    case .stopRehearsal(let id): rehearsals.removeValue(forKey: id)?.cancel()
    case .room(let module, let room, let order): waiting.append((module, room, order))
    case .offer(let module, let build):
      var current = try options.files.current()
      current[module] = build.hash
      try options.files.setCurrent(current)
      isToBeOffered = true
      wake()
    case .audit(let entry): try append(entry)
    case .changed(let rollout): note(change: rollout)
    }
  }

  private func note(change rollout: Rollout) {
    untold[rollout.module] = rollout
    let last = told[rollout.module]
    let hasEnded = core.rollout(of: rollout.module) == nil
    if hasEnded {
      isToBeScanned = true
      quick.remove(rollout.id)
    }
    if hasEnded || last?.gate != rollout.gate || last?.state != rollout.state || last?.id != rollout.id {
      tellChanges()
      wake()
    }
  }

  /// Rooms turn over by the hundred; watchers are told the steps at once, and the rest with each look.
  private func tellChanges() {
    for (module, rollout) in untold {
      if told[module]?.state != rollout.state || told[module]?.gate != rollout.gate {
        note("\(module) \(rollout.to.version): \(rollout.gate.rawValue), \(rollout.state.rawValue): \(rollout.why)")
      }
      told[module] = rollout
      tell("release", Answer.encode(RolloutView(rollout, costs[rollout.id])))
    }
    untold = [:]
  }

  private func append(_ entry: ReleaseAudit) throws(ArtifactError) {
    var line = AuditEntry(
      at: Self.now().wall, who: entry.who, what: entry.what.rawValue, module: entry.module, build: entry.build,
      why: entry.why)
    line.rooms = entry.rooms
    // A room's own words may be long, and an entry that does not fit would hold up all that follow.
    line.why = String(line.why.prefix(ReleaseRunner.whyCharactersMax))
    do throws(ArtifactError) { try audit.append(line) } catch {
      // What is in the file now is looked at anew.
      audit = try options.files.auditLog()
      throw error
    }
  }

  private func verify(_ id: RolloutID) throws {
    guard let rollout = core.running.first(where: { $0.id == id }) else { return }
    let hash = rollout.to.hash
    guard let artifact = options.files.staged(hash) ?? options.files.kept(hash) else {
      return handle(.unverified(id, "its files are gone: bring it again"))
    }
    var standing = Standing(trusted: options.trust.trusted, now: Self.now().wall)
    standing.trustedNative = options.trust.trustedNative
    standing.current = core.current(of: rollout.module)
    standing.known = core.known(of: rollout.module)
    standing.banned = core.banned(of: rollout.module).map(\.build)
    standing.olderIsAskedFor = core.isOlderAskedFor(id)
    let verified: VerifiedArtifact
    do throws(ArtifactRefusal) {
      verified = try VerifiedArtifact.judge(artifact.manifest, module: artifact.module, standing)
    } catch {
      options.files.dropStaged(hash)
      return handle(.unverified(id, error.description))
    }
    try options.files.keep(verified, lines: artifact.lines)
    options.files.dropStaged(hash)
    handle(.verified(id))
  }

  // MARK: Rooms

  private func sendOrders() {
    guard !waiting.isEmpty else { return }
    let batch = waiting
    waiting = []
    for module in Set(batch.map(\.module)) {
      outstanding[module, default: 0] += 1
      issued[module, default: 0] += 1
    }
    let commands = batch.map { (worker: owners[$0.room] ?? 0, command: OwnedCommand($0.room, $0.order)) }
    Task {
      let answers = await pool.run(commands)
      for module in Set(batch.map(\.module)) { outstanding[module, default: 1] -= 1 }
      for (order, answer) in zip(batch, answers) {
        handle(
          .answered(module: order.module, order.room, order.order, RoomRefusal(answer)))
      }
      if outstanding.values.allSatisfy({ $0 == 0 }) { wake() }
    }
  }

  /// New rooms get the current builds in every worker.
  private func offerAll() async {
    isToBeOffered = false
    guard let current = try? options.files.current() else { return }
    for (module, hash) in current {
      for case .refused(let why)? in await pool.tellAll(.offer(hash)) {
        note("a worker cannot make rooms of \(module): \(why)")
      }
    }
  }
}
