// The supervision core with its shell played: it starts workers, is told of beats and deaths, and says who owns what. Its
// orders take time, and may overlap with a worker that is not dead yet or with another supervisor's: the lock and the
// epochs decide. The gateway and control that it starts are names only; the simulated gateway lives by itself.
import Core
import SupervisionCore
import Wire

final class SimulatedSupervisor {
  unowned let world: World
  /// Tells the processes of two supervisors apart.
  let prefix: String
  private(set) var processes: [WorkerProcess] = []
  private var core: Supervisor
  /// Rises with every start: what was on its way to an earlier core is void.
  private var life = 0
  private var isStopped = true
  private var wakeAt = Int64.max
  /// Children that are not simulated by a process.
  private var named: [Instance] = []
  /// Instances that the core has announced to gateways.
  private var announced: Set<Instance> = []
  private var started: UInt32 = 0
  /// By shard: the instance that was last told to own it.
  private(set) var assignment: [UInt32?]

  init(_ world: World, prefix: String = "") {
    self.world = world
    self.prefix = prefix
    assignment = Array(repeating: nil, count: world.options.shards)
    core = Supervisor(SupervisionSettings(shards: world.options.shards, workers: world.workerCount))
  }

  /// A supervisor begins anew: of the one before it knows nothing.
  func start() {
    var settings = SupervisionSettings(shards: world.options.shards, workers: world.workerCount)
    settings.intensity = world.options.deathsMax
    core = Supervisor(settings)
    life += 1
    isStopped = false
    wakeAt = .max
    named = []
    announced = []
    handle(.start)
    beat(life)
  }

  func stopAll(cleanly: Bool = false) {
    isStopped = true
    for process in processes { if cleanly { process.stop() } else { process.die("stopped") } }
    processes = []
    assignment = Array(repeating: nil, count: world.options.shards)
  }

  // MARK: What it is told

  private func handle(_ event: SupervisionEvent) {
    guard !isStopped else { return }
    var actions: [SupervisionAction] = []
    core.handle(event, now: Now(wall: world.now.wall, monotonic: world.time), into: &actions)
    for action in actions where !isStopped { perform(action) }
    guard !isStopped, core.nextWake < wakeAt else { return }
    wakeAt = max(core.nextWake, world.time + 100)
    let (at, life) = (wakeAt, life)
    world.after(at - world.time) { [self] in
      guard self.life == life, wakeAt == at else { return }
      wakeAt = .max
      handle(.tick)
    }
  }
  private func tell(_ event: SupervisionEvent, after delay: ClosedRange<Int64>) {
    let life = life
    world.after(world.pick(delay)) { [self] in if self.life == life { handle(event) } }
  }

  /// Every process that is not hung says that its loops turn.
  private func beat(_ life: Int) {
    world.after(500_000) { [self] in
      guard self.life == life, !isStopped else { return }
      let counter = UInt64(world.time)
      for instance in named { handle(.message(instance, .beat(counters: [counter], vitals: Vitals()))) }
      for process in processes where process.isAlive && !process.isHung {
        handle(.message(Instance(process.instance), .beat(counters: [counter], vitals: Vitals())))
      }
      beat(life)
    }
  }

  func died(_ process: WorkerProcess) {
    processes.removeAll { $0 === process }
    tell(
      .died(Instance(process.instance), .killed(signal: 9), jitter: UInt32(truncatingIfNeeded: world.random.next())),
      after: 50...2_000)
  }
  func adopted(_ process: WorkerProcess, _ s: Int, _ epoch: ShardEpoch) {
    tell(
      .message(
        Instance(process.instance), .adopted(ShardID(UInt16(s)), epoch, rooms: 0, events: 0, microseconds: 0)),
      after: 50...500)
  }
  func waits(_ process: WorkerProcess) {
    handle(.message(Instance(process.instance), .event(kind: SupervisorChannel.adoptionWaits, text: "")))
  }
  func putAside(_ process: WorkerProcess) {
    handle(.message(Instance(process.instance), .event(kind: SupervisorChannel.putAside, text: "")))
  }

  // MARK: What it wants

  private func perform(_ action: SupervisionAction) {
    switch action {
    case .spawn(let instance, let role): spawn(instance, role)
    case .send(let instance, .adopt(let shards)): order(shards, to: instance)
    case .announce(_, let workers):
      announced = Set(workers)
      for gateway in [world.oldGateway, world.gateway] where gateway?.supervisor === self { gateway?.workersChanged() }
    case .signal(let instance, .kill): process(instance)?.die("killed by the supervisor")
    case .exit(_, let text):
      world.tell("the supervisor gives up")
      world.trace.note(world.time, "the supervisor gives up", UInt64(text.utf8.count))
      // Its own keeper starts everything again.
      if world.supervisor === self { world.killEverything(downtime: 1_000_000) } else { stopAll() }
    case .send, .signal, .serving, .log, .perish: break
    }
  }

  private func process(_ instance: Instance) -> WorkerProcess? {
    processes.first { $0.instance == instance.rawValue }
  }

  private func spawn(_ instance: Instance, _ role: ChildRole) {
    guard role == .worker else {
      named.append(instance)
      tell(.spawned(instance, pid: Int32(instance.rawValue)), after: 100...100)
      return tell(.message(instance, .ready), after: 200...200)
    }
    started += 1
    let process = WorkerProcess(world, self, instance: instance.rawValue, number: started)
    processes.append(process)
    world.trace.note(world.time, "worker started", UInt64(instance.rawValue))
    world.tell("\(process.name) started")
    tell(.spawned(instance, pid: Int32(instance.rawValue)), after: 50...50)
    // The first ones have nobody to wait for; a new spare takes its time.
    tell(.message(instance, .ready), after: core.servesAll ? 10_000...400_000 : 100...2_000)
  }

  private func order(_ shards: [ShardAssignment], to instance: Instance) {
    for each in shards {
      let s = Int(each.shard.rawValue)
      if let owner = owner(of: s) {
        world.fail("I-8", "shard \(s) is given to \(instance) while \(owner.name) lives")
      }
      assignment[s] = instance.rawValue
      world.trace.note(world.time, "assigned", UInt64(s), UInt64(instance.rawValue), UInt64(each.epoch.rawValue))
      guard let process = process(instance) else { continue }
      world.tell("shard \(s) is assigned to \(process.name) from epoch \(each.epoch) on")
      world.after(world.pick(50...2_000)) { process.adopt(s, assigned: each.epoch.rawValue) }
    }
  }

  // MARK: For others

  /// Whom gateways may connect to.
  var connectable: [WorkerProcess] { processes.filter { $0.isAlive && announced.contains(Instance($0.instance)) } }
  /// A worker that owns nothing.
  var spare: WorkerProcess? {
    connectable.first { process in !process.isHung && !assignment.contains(process.instance) }
  }
  func owner(of s: Int) -> WorkerProcess? {
    processes.first { $0.isAlive && $0.instance == assignment[s] }
  }
}
