// Turns what the supervisor says at one moment, and what it said before, into rates, an hour's history and the worst pause.
// A value without clock or I/O.

package struct VitalsBook: Sendable {
  package struct Totals: Sendable {
    /// What the kernel says of each process; absent where it is gone.
    var usage: [Int32: ProcessUsage]
    /// Milliseconds since 1970, for people.
    var wall: Int64
    /// For rates.
    var monotonic: Int64

    package init(usage: [Int32: ProcessUsage], wall: Int64, monotonic: Int64) {
      self.usage = usage
      self.wall = wall
      self.monotonic = monotonic
    }
  }
  private struct Before: Sendable {
    var monotonic: Int64
    var cpuSeconds: [Int32: Double]
    /// By process, for a new one counts from 0.
    var messages: [Int: Int64]
    var events: [Int: Int64]
  }
  package static let stepMilliseconds: Int64 = 5_000
  package static let stepsMax = 720
  private static let hourMilliseconds: Int64 = 3_600_000

  private var before: Before?
  package private(set) var history: [HistoryPoint] = []
  private var stepLongest: Double?
  private var stepEnds: Int64?
  private var recoveries: [RecoveryView] = []
  /// Where the rates stay while a look comes too soon after the last one.
  private var rates = (messages: 0.0, events: 0.0)
  private var cpu: [Int32: Double] = [:]

  package init() {}

  package mutating func note(_ recoveries: [RecoveryView]) { self.recoveries = recoveries }

  /// `supervisor`: its process id.
  package mutating func look(_ view: ProcessesView, supervisor: Int32, _ now: Totals) -> LiveVitals {
    takeRates(view, supervisor, now)
    let gateway = view.processes.first { $0.role == "gateway" && ($0.vitals.latencySamples ?? 0) > 0 }?.vitals
    var processes = [
      LiveVitals.Process(
        role: "supervisor", instance: 0, pid: supervisor, state: "serving", beatMilliseconds: 0, upMilliseconds: 0,
        cpu: cpu[supervisor], memoryBytes: now.usage[supervisor]?.memoryBytes ?? 0, rooms: 0, members: 0,
        turnMilliseconds: 0, shards: [])
    ]
    processes += view.processes.map { p in
      LiveVitals.Process(
        role: p.role, instance: p.instance, pid: p.pid, state: p.state, beatMilliseconds: p.silentMilliseconds,
        upMilliseconds: p.upMilliseconds, cpu: cpu[p.pid], memoryBytes: now.usage[p.pid]?.memoryBytes ?? 0,
        rooms: p.vitals.rooms ?? 0, members: p.vitals.members ?? 0,
        turnMilliseconds: Self.milliseconds(p.vitals.turnMax ?? 0), shards: p.shards)
    }
    let longest = gateway?.latencyMax.map(Self.milliseconds)
    var vitals = LiveVitals(
      at: now.wall, served: view.served, players: Self.sum(view) { $0.players },
      connections: Self.sum(view) { $0.connections }, rooms: Self.sum(view) { $0.rooms },
      messagesPerSecond: Self.rounded(rates.messages), eventsPerSecond: Self.rounded(rates.events),
      medianMilliseconds: gateway?.latencyMedian.map(Self.milliseconds),
      p99Milliseconds: gateway?.latency99.map(Self.milliseconds), worstPauseMilliseconds: 0, processes: processes)
    step(vitals, longest)
    vitals.worstPauseMilliseconds = worstPause(now.wall)
    return vitals
  }

  private mutating func takeRates(_ view: ProcessesView, _ supervisor: Int32, _ now: Totals) {
    func counts(_ field: (ProcessesView.Counts) -> Int64?) -> [Int: Int64] {
      var counts: [Int: Int64] = [:]
      for p in view.processes { counts[p.instance] = field(p.vitals) }
      return counts
    }
    let newer = Before(
      monotonic: now.monotonic, cpuSeconds: now.usage.mapValues(\.cpuSeconds), messages: counts { $0.messages },
      events: counts { $0.events })
    guard let older = before else {
      before = newer
      return
    }
    let milliseconds = now.monotonic - older.monotonic
    // Ticks of the kernel's clock are 10 ms: over less than this, a use of the processor is mere noise.
    guard milliseconds >= 500 else { return }
    let seconds = Double(milliseconds) / 1_000
    func rate(_ newer: [Int: Int64], _ older: [Int: Int64]) -> Double {
      newer.reduce(0) { $0 + Double(max(0, $1.value - (older[$1.key] ?? 0))) } / seconds
    }
    rates = (rate(newer.messages, older.messages), rate(newer.events, older.events))
    cpu = [:]
    for (pid, used) in newer.cpuSeconds {
      if let was = older.cpuSeconds[pid] { cpu[pid] = max(0, (used - was) / seconds * 100).rounded() / 100 }
    }
    before = newer
  }

  private mutating func step(_ vitals: LiveVitals, _ longest: Double?) {
    if let longest { stepLongest = max(stepLongest ?? 0, longest) }
    guard let ends = stepEnds else {
      stepEnds = vitals.at + Self.stepMilliseconds
      return
    }
    guard vitals.at >= ends else { return }
    // A clock that was set begins a new count instead of a thousand steps at once.
    stepEnds =
      vitals.at - ends > Self.stepMilliseconds ? vitals.at + Self.stepMilliseconds : ends + Self.stepMilliseconds
    history.append(
      HistoryPoint(
        at: vitals.at, players: vitals.players, rooms: vitals.rooms, messagesPerSecond: vitals.messagesPerSecond,
        p50: vitals.medianMilliseconds, p99: vitals.p99Milliseconds, max: stepLongest,
        cpu: vitals.processes.reduce(0) { $0 + ($1.cpu ?? 0) },
        memoryBytes: vitals.processes.reduce(0) { $0 + $1.memoryBytes }))
    if history.count > Self.stepsMax { history.removeFirst(history.count - Self.stepsMax) }
    stepLongest = nil
  }

  private func worstPause(_ wall: Int64) -> Double {
    let since = wall - Self.hourMilliseconds
    let deaths = recoveries.filter { $0.isPause && $0.atMicroseconds / 1_000 >= since }.map(\.tookMicroseconds).max()
    let waits = history.filter { $0.at >= since }.compactMap(\.max).max()
    return max(Self.milliseconds(deaths ?? 0), max(waits ?? 0, stepLongest ?? 0))
  }

  private static func sum(_ view: ProcessesView, _ field: (ProcessesView.Counts) -> Int64?) -> Int64 {
    view.processes.reduce(0) { $0 + (field($1.vitals) ?? 0) }
  }
  private static func milliseconds(_ microseconds: Int64) -> Double { Double(microseconds) / 1_000 }
  private static func rounded(_ rate: Double) -> Double { (rate * 10).rounded() / 10 }
}
