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
import Synchronization
import Wire

actor ReleaseRunner {
  static let lookMilliseconds: Int64 = 250
  /// While all that is on its way waits until a room is awake.
  private static let idleLookMilliseconds: Int64 = 1_000
  static let sweepMilliseconds: Int64 = 5_000

  let options: ReleaseOptions
  let modules: String
  let pool: WorkerPool
  let note: @Sendable (String) -> Void
  private let tell: @Sendable (_ event: String, _ json: [UInt8]) -> Void
  var audit: AuditLog<PosixFileSystem>

  var core: Rollouts
  var work = ReleaseWork()
  var isPerforming = false
  var isDiskFailing = false
  /// Orders that are to be sent with the next batch.
  var waiting: [(module: String, room: RoomID, order: RoomOrder)] = []
  /// Batches on their way, by module; a list that was asked for while there is one is old when it comes.
  private var outstanding: [String: Int] = [:]
  private var issued: [String: Int] = [:]
  var owners: [RoomID: UInt32] = [:]
  var rehearsals: [RolloutID: Task<Void, Never>] = [:]
  /// What watchers were not told yet, and what they were told last.
  private var untold: [String: Rollout] = [:]
  private var told: [String: Rollout] = [:]
  var costs: [RolloutID: RolloutCost] = [:]
  /// Those that go into all rooms without a look at what they do.
  var quick: Set<RolloutID> = []
  var sweep = Sweep()
  var clearance = Clearance()
  var clearing: Task<Void, Never>?
  /// Monotonic microseconds.
  private var nextSweep: Int64 = 0
  var scan = DirectoryScan()
  private var load = ProcessorLoad()
  private var sleeper: Task<Void, Never>?
  private var isWoken = false
  var isToBeScanned = true
  private var isToBeOffered = false
  /// How often a build has become current, and of how many of those the workers were told.
  private let offers = Mutex((made: 0, told: 0))

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
    // Whoever was here before may have died between the state and the log.
    work.unwritten = try options.files.owed()?.missing(in: audit.number) ?? []
    work.covered = work.unwritten.count
  }

  // MARK: The loop

  /// Until the task is cancelled.
  func run() async {
    for module in core.modules {
      // Somebody who was trusted once may have signed it.
      guard let build = core.current(of: module), let manifest = options.files.manifest(build.hash),
        let why = options.trust.refusal(of: manifest)
      else { continue }
      handle(.distrusted(module: module, build.hash, why))
    }
    for (module, hash) in (try? options.files.current()) ?? [:] {
      guard let manifest = options.files.manifest(hash) else { continue }
      handle(.currently(module: module, Build(version: manifest.version, hash: hash)))
    }
    RehearsalReport.removeOthers(
      data: options.files.data,
      than: core.running.filter { $0.gate == .rehearse && $0.rehearsal == nil }.map(\.id))
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
      clearBuilds()
      if core.running.isEmpty {
        if clearing == nil { await pool.close() }
        await rest(milliseconds: Self.sweepMilliseconds)
      } else {
        await look()
        let isIdle = core.running.allSatisfy { $0.waitsForRoom == true }
        await rest(milliseconds: isIdle ? Self.idleLookMilliseconds : Self.lookMilliseconds)
      }
      if Self.now().monotonic >= nextSweep {
        await sweepRooms()
        nextSweep = Self.now().monotonic + Self.sweepMilliseconds * 1_000
      }
    }
  }

  private func directoryChanged() {
    isToBeScanned = true
    wake()
  }
  /// A worker that has just come may have read which builds are current a moment too early.
  func workersChanged() { offerSoon() }
  func offerSoon() {
    isToBeOffered = true
    wake()
  }
  /// A build has become current.
  func offerAnew() {
    offers.withLock { $0.made += 1 }
    offerSoon()
  }
  /// Returns once the workers have been told of every build that is current by now, or after 5 seconds.
  nonisolated func offered() async {
    let made = offers.withLock { $0.made }
    let deadline = ContinuousClock.now + .seconds(5)
    while offers.withLock({ $0.told < made }), ContinuousClock.now < deadline, !Task.isCancelled {
      try? await Task.sleep(for: .milliseconds(5))
    }
  }
  func wake() {
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
      let (looks, unknown) = RoomLook.list(answers.answers) { core.module(of: $0) }
      owners = Dictionary(looks.map { ($0.sight.id, $0.worker) }, uniquingKeysWith: { $1 })
      for module in watched where outstanding[module] ?? 0 == 0 && issued[module] == before[module] {
        handle(
          .rooms(
            module: module, looks.lazy.filter { $0.module == module }.map(\.sight),
            isWhole: answers.served.count == options.shards, unknown: unknown))
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

  // MARK: What is told

  func note(change rollout: Rollout) {
    untold[rollout.module] = rollout
    let last = told[rollout.module]
    let hasEnded = core.rollout(of: rollout.module) == nil
    if hasEnded {
      isToBeScanned = true
      clearance.soon()
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

  // MARK: Rooms

  func sendOrders() {
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
    let made = offers.withLock { $0.made }
    guard let current = try? options.files.current() else { return }
    for (module, hash) in current {
      for answer in await pool.tellAll(.offer(hash)) {
        // Who does not answer is asked again with the next look.
        guard let answer else {
          isToBeOffered = true
          continue
        }
        if case .refused(let why) = answer { note("a worker cannot make rooms of \(module): \(why)") }
      }
    }
    offers.withLock { $0.told = max($0.told, made) }
  }
}
