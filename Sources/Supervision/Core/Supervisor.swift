// Keeps the processes of one server running and every shard owned: a pure value. It is told what happened and the time,
// and says what to do; its shell (or the simulator) does it.
//
// Workers are a pool of `workers + 1` equal processes and `workers` places, each with its share of the shards. A worker
// that is ready takes the lowest place without an owner, or stays the spare. A place is free only when its owner's death
// has been reported by the kernel, so no shard is ever given to two living workers.
package import Core
import Wire

package struct Supervisor: Sendable {
  struct Place: Sendable {
    var shards: [ShardID]
    var owner: Instance?
  }
  struct Shard: Sendable {
    /// The highest epoch assigned or announced.
    var epoch = ShardEpoch(0)
    var servedBy: Instance?
  }
  struct PendingStart: Sendable {
    var role: ChildRole
    var at: Int64
  }

  let settings: SupervisionSettings
  var children: [Child] = []
  var places: [Place]
  var shards: [Shard]
  var starts: [PendingStart] = []
  var restarts: [Post: Restarts] = [:]
  var outages: [Outage] = []
  var roomShares: RoomShares
  var repaired = Recent<Recovery>(bound: 256)
  var feed = Recent<FeedEntry>(bound: 256)
  var nextInstance: UInt32 = 1
  /// When the gateway is started at the latest; nil: it has been.
  var gatewayStartsAt: Int64?
  var hasServed = false
  var stopping: StopStage?
  var perishAt: Int64?
  var over = false
  var lastTick: Int64?
  /// What control was last told to look at.
  var toldControl = Scene()
  /// The place that a fault without an instance hit last.
  var lastFaultPlace: Int?

  package init(_ settings: SupervisionSettings) {
    self.settings = settings
    places = (0..<settings.workers).map { place in
      Place(
        shards: stride(from: place, to: settings.shards, by: settings.workers).map { ShardID(UInt16($0)) }, owner: nil)
    }
    shards = Array(repeating: Shard(), count: settings.shards)
    roomShares = RoomShares(places: settings.workers)
  }

  /// The newest repaired deaths, oldest first.
  package var recoveries: [Recovery] { repaired.elements }
  /// All shards have an owner that serves them.
  package var servesAll: Bool {
    shards.allSatisfy { $0.servedBy != nil }
  }

  package var isStopping: Bool { stopping != nil }
  /// Without the spare.
  package var workerCount: Int { places.count }

  /// Appends what to do. Call with rising `now.monotonic`.
  package mutating func handle(_ event: SupervisionEvent, now: Now, into actions: inout [SupervisionAction]) {
    guard !over else { return }
    switch event {
    case .start:
      gatewayStartsAt = now.monotonic + settings.gatewayWaitMilliseconds * 1_000
      for _ in 0...settings.workers { spawn(.worker, now, &actions) }
      spawn(.control, now, &actions)
    case .spawned(let instance, let pid): spawned(instance, pid: pid, &actions)
    case .message(let instance, let message): received(message, from: instance, now, &actions)
    case .broken(let instance, let reason):
      guard let i = index(of: instance), children[i].doom == nil else { break }
      // Mostly because it is dying: then its death says more than the channel.
      children[i].doom = Doom(
        cause: "broke its channel: \(reason)", killAt: now.monotonic + Self.brokenMilliseconds * 1_000, isSure: false)
    case .died(let instance, let death, let jitter): died(instance, death, jitter, now, &actions)
    case .tick: tick(now, &actions)
    case .stop: stop(now, &actions)
    }
    settle(now, &actions)
    tellControl(&actions)
  }

  /// The longest time between two ticks: a longer one shows that the supervisor itself was away.
  static let tickMilliseconds: Int64 = 500
  /// How long a child whose channel is over may take to die by itself.
  static let brokenMilliseconds: Int64 = 200

  /// When `tick` is due, in monotonic microseconds.
  package var nextWake: Int64 {
    var times: [Int64] = starts.map(\.at)
    times.append((lastTick ?? 0) + Self.tickMilliseconds * 1_000)
    for child in children {
      if let doom = child.doom {
        if !doom.killed { times.append(doom.killAt) }
      } else if let limit = patience(with: child) {
        times.append(limit)
      }
    }
    if let gatewayStartsAt { times.append(gatewayStartsAt) }
    if let stopping { times.append(stopping.until) }
    if let perishAt { times.append(perishAt) }
    return times.min() ?? 0
  }

  // MARK: Children

  func index(of instance: Instance) -> Int? { children.firstIndex { $0.instance == instance } }

  mutating func spawn(_ role: ChildRole, _ now: Now, _ actions: inout [SupervisionAction]) {
    let instance = Instance(nextInstance)
    nextInstance += 1
    children.append(Child(instance, role, at: now.monotonic))
    actions.append(.spawn(instance, role))
  }

  private mutating func spawned(_ instance: Instance, pid: Int32, _ actions: inout [SupervisionAction]) {
    guard let i = index(of: instance) else { return }
    children[i].pid = pid
    if children[i].role != .worker { actions.append(.announce(to: instance, workers: connectable)) }
  }

  var connectable: [Instance] {
    children.filter { $0.role == .worker && $0.phase == .ready }.map(\.instance)
  }
  private func announce(_ actions: inout [SupervisionAction]) {
    for child in children where child.role != .worker && child.pid != 0 {
      actions.append(.announce(to: child.instance, workers: connectable))
    }
  }

  private mutating func received(
    _ message: ToSupervisor, from instance: Instance, _ now: Now, _ actions: inout [SupervisionAction]
  ) {
    guard let i = index(of: instance) else { return }
    switch message {
    case .ready:
      guard children[i].phase == .starting else { return }
      children[i].phase = .ready
      children[i].forgive(at: now.monotonic)
      if children[i].role == .worker {
        announce(&actions)
      } else {
        closeOutage(of: children[i].role, replacement: instance, now)
      }
    case .beat(let counters, let vitals): children[i].beat(counters, vitals, at: now.monotonic)
    case .adopted(let shard, let epoch, let rooms, let events, _):
      adopted(shard, epoch, rooms: rooms, events: events, by: i, now, &actions)
    case .event(SupervisorChannel.adoptionWaits, _):
      // No hang: it adopts when there is space.
      children[i].adoptAt = now.monotonic
    case .event(SupervisorChannel.putAside, _): restarts[Post(of: children[i])]?.forgiveEvent()
    case .event(let kind, let text):
      note(kind, text, of: children[i], now)
      actions.append(.log(LogLevel(ofEvent: kind), "\(children[i].roleName) \(instance): \(kind): \(text)"))
    case .rooms(let counts): counted(counts, by: i, &actions)
    case .request(let id, let verb, let body): answer(id, verb, body, to: i, now, &actions)
    }
  }

  mutating func note(_ kind: String, _ text: String, of child: Child, _ now: Now) {
    feed.append(
      FeedEntry(at: now.wall, role: child.roleName, instance: child.instance, kind: kind, text: Self.cut(text)))
  }
  /// All that is remembered must fit into one answer, each byte six of JSON's: children quote what others wrote.
  static let textBytesMax = 2_048
  private static func cut(_ text: String) -> String {
    text.utf8.count <= textBytesMax ? text : String(decoding: text.utf8.prefix(textBytesMax), as: UTF8.self) + "…"
  }

  private mutating func died(
    _ instance: Instance, _ death: Death, _ jitter: UInt32, _ now: Now, _ actions: inout [SupervisionAction]
  ) {
    guard let i = index(of: instance) else { return }
    let child = children.remove(at: i)
    let doom = child.doom.flatMap { $0.isSure || $0.killed ? $0.cause : nil }
    let cause = child.invited ?? doom ?? "\(death)"
    if let place = child.place { places[place].owner = nil }
    for shard in shards.indices where shards[shard].servedBy == instance { shards[shard].servedBy = nil }
    // First of all: every moment before this is part of the players' pause.
    if stopping == nil {
      fillPlaces(now, &actions)
      if child.role == .worker, child.phase != .starting { announce(&actions) }
    }
    guard stopping == nil else {
      if child.phase != .stopping || death != .exited(0) {
        actions.append(.log(.warning, "\(child.roleName) \(instance) \(death) during the stop"))
      }
      return
    }

    note("death", cause, of: child, now)
    actions.append(.log(.warning, "\(child.roleName) \(instance) (pid \(child.pid)) died: \(cause)"))
    openOutage(child, cause, now)
    guard child.invited == nil else {
      starts.append(PendingStart(role: child.role, at: now.monotonic))
      return
    }
    if let pause = restarts[Post(of: child), default: Restarts()].died(
      of: cause, at: now.monotonic, jitter: jitter, settings)
    {
      starts.append(PendingStart(role: child.role, at: now.monotonic + pause))
    } else {
      giveUp(child, death, now, &actions)
    }
  }

  /// It died too often.
  private mutating func giveUp(_ child: Child, _ death: Death, _ now: Now, _ actions: inout [SupervisionAction]) {
    let what =
      "The \(child.role.rawValue) died \(settings.intensity) times within \(settings.periodMilliseconds / 1_000) s: "
      + "it \(restarts[Post(of: child), default: Restarts()].reasons)."
    // Players need none: what was well once goes on without, and tries on.
    if child.role == .control, hasServed {
      starts.append(PendingStart(role: .control, at: now.monotonic + settings.backoffMaxMilliseconds * 1_000))
      actions.append(.log(.error, "\(what) Players are served without HTTP; it is tried again."))
      return
    }
    over = true
    // The exit status with which a worker says that a log could not be read or written.
    let isLog = child.role == .worker && death == .exited(74)
    actions.append(
      .exit(
        status: 70,
        "\(what) The server stops: read the lines above and the reports in the data directory's crashes/, repair the "
          + "cause, and start it again with the same command."
          + (isLog ? " A disk or a journal failed: `oneup journal verify DATA` names the place." : "")))
  }

  // MARK: Time

  /// Until when to wait for a sign of life, or nil where none is due.
  private func patience(with child: Child) -> Int64? {
    switch child.phase {
    case .starting: child.startedAt + settings.startMilliseconds * 1_000
    case .stopping: nil
    case .ready:
      child.awaited.isEmpty
        ? child.slowestRoseAt + settings.hangMilliseconds * 1_000
        : child.adoptAt + settings.adoptMilliseconds * 1_000
    }
  }

  private mutating func tick(_ now: Now, _ actions: inout [SupervisionAction]) {
    let time = now.monotonic
    if let lastTick, time - lastTick > (Self.tickMilliseconds + settings.absenceMilliseconds) * 1_000 {
      for i in children.indices where children[i].phase == .ready { children[i].forgive(at: time) }
      actions.append(.log(.warning, "the supervisor was away for \((time - lastTick) / 1_000) ms; nobody is blamed"))
    }
    lastTick = time
    if let perishAt, time >= perishAt {
      over = true
      actions.append(.perish)
      return
    }
    for i in children.indices {
      if let doom = children[i].doom {
        guard !doom.killed, time >= doom.killAt else { continue }
        children[i].doom?.killed = true
        actions.append(.signal(children[i].instance, .kill))
      } else if let limit = patience(with: children[i]), time >= limit {
        condemn(i, now, &actions)
      }
    }
  }

  private mutating func condemn(_ i: Int, _ now: Now, _ actions: inout [SupervisionAction]) {
    let child = children[i]
    let cause =
      switch child.phase {
      case .starting: "was not ready after \(settings.startMilliseconds) ms"
      case .ready where !child.awaited.isEmpty: "had not adopted its shards after \(settings.adoptMilliseconds) ms"
      default: "hung: no beat for \((now.monotonic - child.slowestRoseAt) / 1_000) ms"
      }
    children[i].doom = Doom(cause: cause, killAt: now.monotonic + settings.dumpMilliseconds * 1_000, isSure: true)
    actions.append(.log(.warning, "\(child.roleName) \(child.instance) \(cause); it is dumped and killed"))
    actions.append(.signal(child.instance, .dump))
  }

  /// What follows from the state, whatever led to it.
  private mutating func settle(_ now: Now, _ actions: inout [SupervisionAction]) {
    guard !over else { return }
    if stopping != nil {
      continueStop(now, &actions)
      return
    }
    fillPlaces(now, &actions)
    closeSpareOutage(now)
    if let at = gatewayStartsAt, servesAll || now.monotonic >= at {
      gatewayStartsAt = nil
      spawn(.gateway, now, &actions)
    }
    let due = starts.filter { $0.at <= now.monotonic }
    starts.removeAll { $0.at <= now.monotonic }
    for start in due { spawn(start.role, now, &actions) }
    if !hasServed, servesAll, isReady(.gateway), isReady(.control) {
      hasServed = true
      actions.append(.serving)
    }
  }

  package func isReady(_ role: ChildRole) -> Bool {
    children.contains { $0.role == role && $0.phase == .ready && $0.doom == nil }
  }
}
