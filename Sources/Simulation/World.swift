// One simulated server with its clients, in one thread: time, chance, what there is, and what went wrong.
import Core
import Journal
import SimulatedFiles
import WorkerCore
import WorkerStore

/// The black box's memory: survives a process, not a power loss.
final class BoxMemory {
  var words = [UInt64](repeating: 0, count: BlackBoxView<SimulatedBox>.wordCount)
}
/// One owner's mapping of it. A dead owner writes nothing.
final class SimulatedBox: BlackBox {
  let memory: BoxMemory
  var isFrozen = false
  init(_ memory: BoxMemory) { self.memory = memory }
  subscript(word: Int) -> UInt64 {
    get { memory.words[word] }
    set { if !isFrozen { memory.words[word] = newValue } }
  }
}

package final class World {
  package let options: SimulationOptions
  package internal(set) var time: Int64 = 1_000_000
  /// Steps of the wall clock.
  var wallOffset: Int64 = 0
  var random: RandomState
  private var queue = EventQueue()
  var trace = Trace()
  let story: Story?
  package internal(set) var violation: Violation?

  let map: ShardMap
  var disks: [SimulatedDisk] = []
  var boxes: [BoxMemory] = []
  var boot = BootID(high: 1, low: 1)
  var gatewayEpoch: UInt32 = 0
  var gateway: GatewayProcess?
  var supervisor: SimulatedSupervisor! { didSet { supervisors.append(supervisor) } }
  /// All that ever were: their processes point to them.
  private var supervisors: [SimulatedSupervisor] = []
  package internal(set) var clients: [SimulatedClient] = []
  let ledger: InputLedger
  let views: RoomViews
  let log: LogModel
  package internal(set) var counters = SimulationCounters()
  var isPowerOff = false
  /// That own shards, without the spare.
  var workerCount: Int
  /// Acknowledged inputs may be lost by what has happened, if their senders are told.
  var lossMayHappen = false
  var engineIdentity = "scripted-1"
  /// What new rooms may use for one event, in calls' fuel.
  var fuelCallsMax: UInt64 = 2
  /// Two supervisors' worth of processes live at once: the one that is to go.
  var oldSupervisor: SimulatedSupervisor?
  var oldGateway: GatewayProcess?
  /// The next record of this kind is torn: its writer dies in the middle of it.
  var fatalRecord: (shard: Int, kind: UInt8)?
  /// Shards whose disk was made to fail since their last adoption.
  var faultedDisks: Set<Int> = []
  /// Parts of their disks cannot be read.
  var ruinedDisks: Set<Int> = []

  /// Of 256: how often a `slow` input trips the watchdog, and a `crash` input kills.
  var watchdogChance: UInt64 = 0
  var deathChance: UInt64 = 0
  /// A call outside of events that kills, in rooms of that build.
  var deadly: (call: NotedCall, build: ScriptedBuild)? {
    didSet { for process in supervisor.processes { process.environment.deadly = deadly } }
  }

  static let wallAtStart: Int64 = 1_700_000_000_000_000

  package init(_ options: SimulationOptions) {
    self.options = options
    random = RandomState(seed: options.seed)
    story = options.tellsStory ? Story(at: 1_000_000) : nil
    workerCount = options.workers
    map = ShardMap(count: options.shards, key: (low: 1, high: 2))
    ledger = InputLedger()
    views = RoomViews()
    log = LogModel(shards: options.shards)
    for s in 0..<options.shards {
      let disk = SimulatedDisk(seed: options.seed &+ UInt64(s) &* 7919)
      do throws(FileError) {
        try disk.createDirectory(World.directory)
        try disk.syncDirectory("")
      } catch { preconditionFailure("a new disk takes a directory: \(error)") }
      disks.append(disk)
      boxes.append(BoxMemory())
    }
    ledger.world = self
    views.world = self
    log.world = self
    supervisor = SimulatedSupervisor(self)
    supervisor.start()
    startGateway()
    for i in 0..<options.clients { clients.append(SimulatedClient(self, index: i)) }
  }

  static let directory = "shard"

  var now: Now { Now(wall: Self.wallAtStart + time + wallOffset, monotonic: time) }

  func pick(_ range: ClosedRange<Int64>) -> Int64 {
    range.lowerBound + Int64(random.next() % UInt64(range.upperBound - range.lowerBound + 1))
  }
  func chance(_ of256: UInt64) -> Bool { random.next() % 256 < of256 }

  func after(_ delay: Int64, _ act: @escaping () -> Void) { queue.put(at: time + delay, act) }

  package func fail(_ invariant: String, _ text: String) {
    guard violation == nil else { return }
    tell("BROKEN \(invariant): \(text)")
    violation = Violation(invariant: invariant, text: text, time: time)
  }

  /// Runs until the time; stops early at a violation.
  package func run(until end: Int64) {
    while violation == nil, let next = queue.nextTime, next <= end {
      guard let (at, act) = queue.take() else { break }
      time = max(time, at)
      act()
    }
    if violation == nil { time = max(time, end) }
  }
  package func run(for duration: Int64) { run(until: time + duration) }
  /// Runs in small steps until the condition holds, or the time is over: then false.
  package func run(atMost duration: Int64, until condition: () -> Bool) -> Bool {
    let end = time + duration
    while violation == nil, time < end {
      if condition() { return true }
      guard let next = queue.nextTime, next <= end else { break }
      run(until: next)
    }
    return violation == nil && condition()
  }

  package var traceHash: UInt64 { trace.hash }
  package func traceLines(_ count: Int) -> [String] { trace.lines(count) }
}

package struct SimulationCounters: Sendable {
  package var turns: UInt64 = 0
  package var workerDeaths: UInt64 = 0
  package var gatewayDeaths: UInt64 = 0
  package var powerLosses: UInt64 = 0
  package var adoptions: UInt64 = 0
  package var quarantines: UInt64 = 0
  package var freezes: UInt64 = 0
  package var upgrades: UInt64 = 0
  package var backs: UInt64 = 0
  package var twinEnds: UInt64 = 0
  package var reloads: UInt64 = 0
  package var connections: UInt64 = 0
  package var states: UInt64 = 0
  package var outputs: UInt64 = 0
  package var inputs: UInt64 = 0
  package var acknowledged: UInt64 = 0
  package var events: UInt64 = 0
  package var snapshots: UInt64 = 0
  package var checkpoints: UInt64 = 0
  package var passivations: UInt64 = 0
  /// Of rooms, again ones among them.
  package var requests: UInt64 = 0
  package var wakes: UInt64 = 0
  package var samples: UInt64 = 0
  package var differences: UInt64 = 0

  package var summary: String {
    "\(turns) turns, \(events) events, \(inputs) inputs, \(acknowledged) acknowledged, \(outputs) outputs, "
      + "\(states) states; \(workerDeaths) workers and \(gatewayDeaths) gateways died, \(adoptions) adoptions, "
      + "\(powerLosses) power losses, \(reloads) reloads, \(quarantines) quarantines, \(freezes) freezes; \(upgrades) upgrades, \(backs) back, \(twinEnds) twins ended; "
      + "\(snapshots) snapshots, \(checkpoints) checkpoints, \(passivations) passivations, \(wakes) woken by what was due, \(samples) played again, \(requests) requests"
  }
}
