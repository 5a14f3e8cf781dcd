// The supervisor process: one thread, one `poll`, and the pure core that decides. It runs no game code, reads no
// player's byte and serves no HTTP.
import CHost
import Core
import Glibc
import SupervisionCore
import Wire

package final class SupervisorProcess {
  private let options: SupervisorOptions
  private let data: DataDirectory
  private let listeners: [Int32]
  private let listen: Endpoint
  private let http: Endpoint
  /// Bound, not listening: keeps control's port while no control has it.
  private let httpPort: Int32
  private let signals: Int32
  private var core: Supervisor
  private var children: [ChildProcess] = []
  private var random = SystemRandomNumberGenerator()
  private var exit: (status: Int32, text: String)?
  private let environment: [String]
  private let isFirstProcess = getpid() == 1

  /// Takes the data directory and the ports, or says in a sentence why not.
  package init(_ options: SupervisorOptions) throws(StartError) {
    self.options = options
    Self.raiseDescriptorLimit()
    data = try DataDirectory(options.data, shards: options.shards)
    (httpPort, http) = try Listener.reserve(options.http, option: "http")
    (listeners, listen) = try Listener.open(options.listen, count: options.gatewayLoops, option: "listen")
    var settings = SupervisionSettings(shards: data.identity.shards, workers: options.workers)
    options.adjust(&settings)
    core = Supervisor(settings)
    let signals = oneup_signal_descriptor()
    guard signals >= 0 else { throw StartError("No signal descriptor: \(systemText(-signals)).") }
    self.signals = signals
    environment = ChildEnvironment.base(crashes: data.crashes)
  }

  /// Runs until the server has stopped; returns the exit status. Call from the main thread: the children die with the
  /// thread that starts them.
  package func run() -> Int32 {
    Log.write(
      .info,
      "data in \(data.path), \(Supervisor.count(data.identity.shards, "shard")), "
        + "\(Supervisor.count(core.workerCount, "worker")) and a spare")
    if let text = Files.readText("/proc/sys/net/core/somaxconn"), let most = Int32(text.filter(\.isNumber)),
      most < Listener.backlog
    {
      Log.write(
        .warning,
        "the kernel's accept queue holds \(most) connections; for thousands of players at once raise it with: "
          + "sysctl -w net.core.somaxconn=\(Listener.backlog)")
    }
    handle(.start)
    while exit == nil { turn() }
    // What still lives must not outlive the promise that the directory is free.
    for child in children { child.signal(SIGKILL) }
    for child in children {
      var waiting = pollfd(fd: child.pidfd, events: Int16(POLLIN), revents: 0)
      _ = poll(&waiting, 1, 5_000)
      _ = child.reap()
    }
    children = []
    data.tidy()
    for fd in listeners + [httpPort, signals] { close(fd) }
    if let exit { Log.write(exit.status == 0 ? .info : .error, exit.text) }
    return exit?.status ?? 1
  }

  /// For what is found out between the taking of the data directory and the start.
  package func warn(_ text: String) { Log.write(.warning, text) }

  // MARK: The loop

  private func turn() {
    var polled = [pollfd(fd: signals, events: Int16(POLLIN), revents: 0)]
    let current = children
    for child in current {
      polled.append(pollfd(fd: child.pidfd, events: Int16(POLLIN), revents: 0))
      let events = (child.channelIsOver ? 0 : POLLIN) | (child.wantsToWrite ? POLLOUT : 0)
      polled.append(pollfd(fd: child.channelIsOver ? -1 : child.channel, events: Int16(events), revents: 0))
    }
    let wait = max(0, core.nextWake - Self.now().monotonic)
    _ = poll(&polled, nfds_t(polled.count), Int32(clamping: (wait + 999) / 1_000))
    if polled[0].revents != 0 {
      while case let signal = oneup_signal_next(signals), signal != 0 {
        // A terminal that closes says so more than once.
        if signal == SIGHUP, core.isStopping { continue }
        Log.write(.info, core.isStopping ? "stopping at once" : "stopping; once more to stop at once")
        handle(.stop)
      }
    }
    // Deaths first: a place without a living owner is what the players wait for.
    for (i, child) in current.enumerated() where polled[1 + 2 * i].revents != 0 {
      read(child)
      guard let death = child.reap() else { continue }
      children.removeAll { $0 === child }
      handle(.died(child.instance, death, jitter: UInt32.random(in: 0...UInt32.max, using: &random)))
    }
    for (i, child) in current.enumerated() where polled[2 + 2 * i].revents != 0 {
      guard children.contains(where: { $0 === child }) else { continue }
      if let reason = child.flush() { handle(.broken(child.instance, reason)) }
      read(child)
    }
    if core.nextWake <= Self.now().monotonic { handle(.tick) }
    if isFirstProcess { reapStrangers() }
  }

  /// In a container whatever a child leaves behind at its death is given to this process, and stays until it is collected.
  private func reapStrangers() {
    let known = children.map(\.pid)
    _ = oneup_reap_strangers(known, known.count)
  }

  private func read(_ child: ChildProcess) {
    let reason = child.receive { message in handle(.message(child.instance, message)) }
    if let reason { handle(.broken(child.instance, reason)) }
  }

  private func handle(_ event: SupervisionEvent) {
    var actions: [SupervisionAction] = []
    core.handle(event, now: Self.now(), into: &actions)
    // What an action leads to (a child that could not be started) is handled after all of them.
    var consequences: [SupervisionEvent] = []
    for action in actions { perform(action, &consequences) }
    for consequence in consequences { handle(consequence) }
  }

  private func perform(_ action: SupervisionAction, _ consequences: inout [SupervisionEvent]) {
    switch action {
    case .spawn(let instance, let role): consequences.append(spawn(instance, role))
    case .send(let instance, let message): send(instance, message, &consequences)
    case .announce(let instance, let workers):
      let addresses = workers.map {
        WorkerAddress(instance: $0.rawValue, path: data.socket(ofWorker: $0.rawValue))
      }
      send(instance, .workers(addresses), &consequences)
    case .signal(let instance, let signal):
      let number =
        switch signal {
        case .kill: SIGKILL
        case .stop: SIGSTOP
        case .dump: SIGQUIT
        }
      children.first { $0.instance == instance }?.signal(number)
    case .serving:
      data.noteServing(readyLine)
      Log.ready(readyLine)
      Log.write(
        .info,
        "players connect to \(listen); http://\(http)/ is for browsers, http://\(http)/v1 lists what can be asked; Ctrl-C stops"
      )
    case .log(let level, let text): Log.write(level, text)
    case .perish:
      for child in children { child.signal(SIGKILL) }
      kill(getpid(), SIGKILL)
    case .exit(let status, let text): exit = (status, text)
    }
  }

  private func send(_ instance: Instance, _ message: FromSupervisor, _ consequences: inout [SupervisionEvent]) {
    guard let child = children.first(where: { $0.instance == instance }) else { return }
    if let reason = child.send(message) { consequences.append(.broken(instance, reason)) }
  }

  // MARK: Children

  private func spawn(_ instance: Instance, _ role: ChildRole) -> SupervisionEvent {
    do throws(StartError) {
      let child = try ChildProcess(
        instance, role, executable: options.executable, arguments: options.arguments(role),
        environment: environment + ["\(RoleConfiguration.variable)=\(try configuration(instance, role).text)"],
        descriptors: role == .gateway ? listeners : [])
      children.append(child)
      return .spawned(instance, pid: child.pid)
    } catch {
      return .died(
        instance, .notStarted(error.description), jitter: UInt32.random(in: 0...UInt32.max, using: &random))
    }
  }

  private func configuration(_ instance: Instance, _ role: ChildRole) throws(StartError) -> RoleConfiguration {
    var values = options.passedOn
    values["data"] = data.path
    values["shards"] = String(data.identity.shards)
    values["hash-key"] = data.identity.hashKey
    switch role {
    case .worker: values["socket"] = data.socket(ofWorker: instance.rawValue)
    case .gateway:
      values["gateway-epoch"] = String(try data.nextGatewayEpoch())
      values["listeners"] = String(listeners.count)
      values["session-key"] = data.sessionKeyPath
    case .control:
      values["http"] = http.description
      values["listen"] = listen.description
      values["admin-token"] = data.adminTokenPath
      values["crashes"] = data.crashes
    }
    return RoleConfiguration(values)
  }

  private var readyLine: String {
    let line = JSONText.object([
      ("ready", .flag(true)), ("listen", .text(listen.description)), ("http", .text(http.description)),
      ("pid", .number(Int64(getpid()))), ("data", .text(data.path)), ("workers", .number(Int64(core.workerCount))),
    ])
    return String(decoding: line.bytes, as: UTF8.self)
  }

  // MARK: The machine

  private static func now() -> Now {
    func microseconds(_ clock: clockid_t) -> Int64 {
      var time = timespec()
      clock_gettime(clock, &time)
      return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
    return Now(wall: microseconds(CLOCK_REALTIME), monotonic: microseconds(CLOCK_MONOTONIC))
  }

  private static func raiseDescriptorLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}
