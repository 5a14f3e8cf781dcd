// Who owns what: starts workers, gives a dead one's shards to the spare, as the supervisor does. Its orders take time,
// and may overlap with a worker that is not dead yet: the lock and the epochs decide.
import Core

final class SimulatedSupervisor {
  unowned let world: World
  private(set) var processes: [WorkerProcess] = []
  private var instances: UInt32 = 0
  /// By shard: the instance that was last told to own it.
  private(set) var assignment: [UInt32?]
  private var epochs: [UInt32]
  private var isStopped = false

  init(_ world: World) {
    self.world = world
    assignment = Array(repeating: nil, count: world.options.shards)
    epochs = Array(repeating: 0, count: world.options.shards)
  }

  func start() {
    isStopped = false
    for _ in 0...world.workerCount { startWorker() }
    assignAll()
  }

  @discardableResult
  func startWorker() -> WorkerProcess {
    instances += 1
    let process = WorkerProcess(world, instance: instances)
    processes.append(process)
    world.trace.note(world.time, "worker started", UInt64(instances))
    world.gateway?.workersChanged()
    return process
  }

  private func assignAll() {
    let owners = processes.filter(\.isAlive).prefix(max(1, processes.count(where: \.isAlive) - 1))
    for s in 0..<world.options.shards where assignment[s] == nil {
      order(s, to: owners[owners.startIndex + s % owners.count])
    }
  }

  /// Tells a worker to adopt a shard under the next epoch.
  func order(_ s: Int, to process: WorkerProcess, sameEpoch: Bool = false) {
    assignment[s] = process.instance
    if !sameEpoch { epochs[s] += 1 }
    let epoch = epochs[s]
    world.trace.note(world.time, "assigned", UInt64(s), UInt64(process.instance), UInt64(epoch))
    world.after(world.pick(50...2_000)) { process.adopt(s, assigned: epoch) }
  }

  /// A worker that owns nothing.
  var spare: WorkerProcess? {
    processes.first { process in process.isAlive && !process.isHung && !assignment.contains(process.instance) }
  }
  func owner(of s: Int) -> WorkerProcess? {
    processes.first { $0.isAlive && $0.instance == assignment[s] }
  }

  func died(_ process: WorkerProcess) {
    world.after(world.pick(50...2_000)) { [self] in
      processes.removeAll { $0 === process }
      guard !isStopped else { return }
      for s in assignment.indices where assignment[s] == process.instance { assignment[s] = nil }
      replace()
      // A new spare takes its time.
      world.after(world.pick(10_000...400_000)) { [self] in
        guard !isStopped, processes.count <= world.workerCount else { return }
        startWorker()
        replace()
      }
    }
  }

  private func replace() {
    guard assignment.contains(nil), let spare else { return }
    for s in assignment.indices where assignment[s] == nil { order(s, to: spare) }
  }

  /// Hung for three beats: killed.
  func watch(_ process: WorkerProcess) {
    world.after(3_000_000) {
      if process.isAlive && process.isHung { process.die("killed for hanging") }
    }
  }

  func stopAll(cleanly: Bool = false) {
    isStopped = true
    for process in processes { if cleanly { process.stop() } else { process.die("stopped") } }
    processes = []
    assignment = Array(repeating: nil, count: world.options.shards)
  }
}
