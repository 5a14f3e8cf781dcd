// One simulated worker process: the worker's core, its journals and its links, turned as the shell turns them, and
// killed anywhere.
import Core
import Journal
import SimulatedFiles
import Wire
import WorkerCore
import WorkerStore

/// Where in a turn a process can die.
package enum TurnPoint: Int, Sendable, CaseIterable {
  case began, received, staged, written, executed, keptUp, outputsHalfSent, outputsSent
}

final class WorkerProcess {
  final class Socket {
    let toGateway: Pipe
    let fromGateway: Pipe
    var isOpen = true
    var order = 0
    init(toGateway: Pipe, fromGateway: Pipe) {
      self.toGateway = toGateway
      self.fromGateway = fromGateway
    }
  }

  unowned let world: World
  unowned let supervisor: SimulatedSupervisor
  let instance: UInt32
  /// Of its supervisor's workers, in all its lives.
  let number: UInt32
  var name: String { "worker \(supervisor.prefix)\(number)" }
  var worker: Worker
  let environment: EngineEnvironment
  var sockets: [Int: Socket] = [:]
  private(set) var stores: [Int: WatchedStore] = [:]
  private var boxes: [SimulatedBox] = []
  /// Shards whose directories it holds or has tried to.
  private(set) var shards: Set<Int> = []
  private(set) var isAlive = true
  private var isDying = false
  var isHung = false
  var dieAt: TurnPoint?
  private var turnAt: Int64 = .max
  /// Before this turn.
  private var batches: UInt64 = 0
  private var lastSync: Int64 = 0

  init(_ world: World, _ supervisor: SimulatedSupervisor, instance: UInt32, number: UInt32) {
    self.world = world
    self.number = number
    self.supervisor = supervisor
    self.instance = instance
    environment = EngineEnvironment(seed: world.random.next())
    let engine = ScriptedEngine(
      environment: environment, fuelPerCall: world.options.fuelPerCall, fuelCallsMax: world.fuelCallsMax)
    engine.identity = world.engineIdentity
    worker = Worker(engine: engine, map: world.map)
    worker.logKeptBytes = world.options.logKeptBytes
    worker.passivateSeconds = world.options.passivateSeconds
    worker.samplePermille = world.options.samplePermille
    worker.sampleEveryMicroseconds = world.options.sampleEveryMilliseconds * 1_000
    environment.onDeath = { [unowned self] in sink() }
    housekeeping()
  }

  /// From here on nothing that it does takes effect; its turn ends it.
  private func sink() {
    isDying = true
    for box in boxes { box.isFrozen = true }
    for s in shards { world.disks[s].failAlways(with: .death) }
  }

  func die(_ why: StaticString) {
    guard isAlive else { return }
    isAlive = false
    world.counters.workerDeaths += 1
    world.trace.note(world.time, why, UInt64(instance))
    world.tell("\(name) dies: \(why)")
    world.count(worker.counters)
    for box in boxes { box.isFrozen = true }
    for s in heldShards.sorted() {
      world.disks[s].processDeath()
      world.faultedDisks.remove(s)
    }
    for socket in sockets.values.sorted(by: { $0.order < $1.order }) {
      socket.toGateway.end()
      socket.fromGateway.drop()
    }
    sockets = [:]
    supervisor.died(self)
  }

  private var heldShards: Set<Int> = []
  private var lockedOut: Set<Int> = []
  private var ruinedAtAdoption: Set<Int> = []
  /// It wants a shard whose directory another process holds.
  var isLockedOut: Bool { isAlive && !lockedOut.isDisjoint(with: shards.subtracting(heldShards)) }

  private func tellAdopted(_ s: Int, _ a: Adoption) {
    var words = ["\(name) adopts shard \(s) in epoch \(a.epoch)"]
    if a.copiedRecords > 0 { words.append("\(a.copiedRecords) records copied") }
    if a.cutBytes > 0 { words.append("a torn tail cut") }
    if !a.damaged.isEmpty { words.append("damage") }
    if a.cutCounter > 0 { words.append("cut counter \(a.cutCounter)") }
    world.tell(words.joined(separator: ", "))
  }

  /// A clean end: snapshots, a checkpoint, `closed`.
  func stop() {
    guard isAlive, !isHung, !isDying else { return die("stopped") }
    do throws(StoreError) { try worker.close() } catch { return storeFailed(error.description) }
    report()
    die("stopped cleanly")
  }

  // MARK: Shards

  func adopt(_ s: Int, assigned: UInt32) {
    guard isAlive, !isDying else { return }
    if isHung {
      world.after(10_000) { [self] in adopt(s, assigned: assigned) }
      return
    }
    if let store = stores[s] { return supervisor.adopted(self, s, store.epoch) }
    shards.insert(s)
    var options = JournalOptions()
    options.segmentBytes = world.options.segmentBytes
    options.recordBytesMax = world.options.segmentBytes - (32 << 10)
    options.reserveBytes = 16 << 10
    options.checkpointBytes = world.options.checkpointBytes
    let box = SimulatedBox(world.boxes[s])
    let identity = JournalIdentity(
      shard: ShardID(UInt16(s)), boot: world.boot, durability: world.options.durability,
      engine: worker.engine.identity)
    do throws(JournalError) {
      let (store, adoption) = try RealStore.adopt(
        world.disks[s], directory: World.directory, identity: identity, assigned: ShardEpoch(assigned), box: box,
        options: options)
      heldShards.insert(s)
      if world.ruinedDisks.contains(s) { ruinedAtAdoption.insert(s) }
      boxes.append(box)
      world.counters.adoptions += 1
      world.trace.note(world.time, "adopted", UInt64(s), UInt64(store.epoch.rawValue), UInt64(adoption.cut))
      tellAdopted(s, store.adoption)
      world.log.adopted(s, store)
      let watched = WatchedStore(store, world.log)
      beginTurn()
      defer { environment.isInTurn = false }
      do throws(StoreError) { try worker.adopt(ShardID(UInt16(s)), watched, adoption) } catch {
        storeFailed(error.description)
        return
      }
      stores[s] = watched
      supervisor.adopted(self, s, store.epoch)
      do throws(StoreError) { try store.prepareAndRemove() } catch {
        storeFailed(error.description)
        return
      }
      if isDying { return die("died adopting") }
      report()
      wake(after: 10)
    } catch {
      if world.disks[s].isDead {
        heldShards.insert(s)
        return die("died adopting")
      }
      if case .locked = error {
        world.trace.note(world.time, "locked", UInt64(instance), UInt64(s))
        if lockedOut.insert(s).inserted { world.tell("\(name) waits for the lock of shard \(s)") }
        world.after(5_000) { [self] in adopt(s, assigned: assigned) }
        return
      }
      if let file = error.mayPass {
        world.trace.note(world.time, "cannot adopt yet", UInt64(instance), UInt64(s))
        let why = file.code == FileError.noSpace ? "has no space to adopt shard" : "cannot read enough to adopt shard"
        world.tell("\(name) \(why) \(s)")
        supervisor.waits(self)
        world.after(100_000) { [self] in adopt(s, assigned: assigned) }
        return
      }
      heldShards.insert(s)
      storeFailed(error.description)
    }
  }

  private func storeFailed(_ text: String) {
    if !isDying, heldShards.isDisjoint(with: world.faultedDisks.union(world.ruinedDisks)) {
      world.fail("I-7", "a store failed without a fault: \(text)")
    }
    worker.tellNextOwners()
    die("store failed")
  }

  /// What the shell does beside the turns: syncs once a second, prepares segments, removes old ones.
  private func housekeeping() {
    world.after(100_000) { [weak self] in
      guard let self, isAlive else { return }
      if !isHung {
        let isSyncDue = world.time - lastSync >= 1_000_000
        if isSyncDue { lastSync = world.time }
        for s in heldShards.sorted() {
          guard let store = stores[s] else { continue }
          if isSyncDue || store.store.hasSealedUnsynced {
            do throws(StoreError) { try store.sync() } catch {
              storeFailed(error.description)
              return
            }
          }
          do throws(StoreError) { try store.store.prepareAndRemove() } catch {
            storeFailed(error.description)
            return
          }
        }
      }
      housekeeping()
    }
  }

  // MARK: Links

  /// A gateway loop connects; returns its end.
  func connect() -> (toGateway: Pipe, toWorker: Pipe)? {
    guard isAlive else { return nil }
    let link = worker.openLink()
    let socket = Socket(
      toGateway: Pipe(world, delay: 20...200), fromGateway: Pipe(world, delay: 20...200))
    socket.order = link
    sockets[link] = socket
    socket.fromGateway.onArrival = { [weak self] in self?.wake(after: 5) }
    socket.fromGateway.onEnd = { [weak self, weak socket] in
      guard let self, let socket, isAlive, sockets[link] === socket else { return }
      socket.isOpen = false
      wake(after: 5)
    }
    wake(after: 5)
    return (socket.toGateway, socket.fromGateway)
  }

  // MARK: Turns

  func wake(after delay: Int64) {
    let at = world.time + delay
    guard isAlive, at < turnAt else { return }
    turnAt = at
    world.after(delay) { [weak self] in
      guard let self, isAlive, turnAt == at else { return }
      turnAt = .max
      if isHung { return wake(after: 50_000) }
      turn()
    }
  }

  /// A disk has told the process that it is dead.
  private var isSunk: Bool { heldShards.contains { world.disks[$0].isDead } }

  /// True: it died here.
  private func passes(_ point: TurnPoint) -> Bool {
    // A death after the write is meant for a turn that writes.
    let isMeant = dieAt == point && (point.rawValue < TurnPoint.written.rawValue || worker.counters.batches > batches)
    guard isDying || isMeant || isSunk else { return false }
    world.trace.note(world.time, "death at", UInt64(point.rawValue))
    if isMeant { world.tell("\(name) is struck: \(point)") }
    die("died in a turn")
    return true
  }

  private func beginTurn() {
    environment.watchdogChance = world.watchdogChance
    environment.deathChance = world.deathChance
    environment.deadly = world.deadly
    environment.isInTurn = true
    worker.beginTurn(world.now)
  }

  private func turn() {
    batches = worker.counters.batches
    world.counters.turns += 1
    beginTurn()
    defer { environment.isInTurn = false }
    if passes(.began) { return }
    for (link, socket) in sockets.sorted(by: { $0.key < $1.key }) {
      receive(link, socket)
      if !isAlive { return }
    }
    if passes(.received) { return }
    worker.stage()
    if passes(.staged) { return }
    do throws(StoreError) { try worker.write() } catch { return storeFailed(error.description) }
    if passes(.written) { return }
    worker.execute()
    if passes(.executed) { return }
    do throws(StoreError) { try worker.upkeep() } catch { return storeFailed(error.description) }
    if passes(.keptUp) { return }
    report()
    if let text = Bounds.broken(worker) { world.fail("I-7", "\(name): \(text)") }
    send()
    if !isAlive || passes(.outputsSent) { return }
    if worker.isFull, sockets.values.contains(where: { !$0.fromGateway.arrived.isEmpty }) { wake(after: 20) }
    if let due = worker.nextDue { wake(after: max(20, due - world.time)) }
  }

  private func receive(_ link: Int, _ socket: Socket) {
    if !socket.fromGateway.arrived.isEmpty {
      let bytes = socket.fromGateway.arrived
      var consumed = 0
      bytes.withUnsafeBytes { buffer in
        do throws(LinkError) { consumed = try worker.receive(link, buffer) } catch {
          world.fail("I-7", "a worker does not understand its gateway: \(error)")
        }
      }
      socket.fromGateway.arrived.removeFirst(consumed)
    }
    if !socket.isOpen {
      worker.closeLink(link)
      socket.toGateway.drop()
      sockets[link] = nil
    }
  }

  private func send() {
    for (link, socket) in sockets.sorted(by: { $0.key < $1.key }) {
      // A socket's buffer may be full: the rest goes with the next turn.
      var half = false
      worker.takeOutput(link) { bytes in
        var count = bytes.count
        if dieAt == .outputsHalfSent || world.chance(4) { count = Int(world.random.next() % UInt64(count + 1)) }
        half = count < bytes.count
        socket.toGateway.write(Array(bytes.prefix(count)))
        return count
      }
      if half {
        if passes(.outputsHalfSent) { return }
        wake(after: 300)
      }
    }
    if dieAt == .outputsHalfSent { _ = passes(.outputsHalfSent) }
  }

  /// What the last owner could not read this one cannot, either: only then may a room stop for it.
  private func isUnreadable(_ room: RoomID) -> Bool {
    let s = Int(world.map.shard(of: room).rawValue)
    return world.ruinedDisks.union(ruinedAtAdoption).contains(s) && stores[s]?.store.adoption.followsReadError == true
  }

  private func report() {
    for report in worker.reports {
      switch report {
      case .quarantined(let room, let event, let fault, _, let verdict):
        if verdict == .quarantined { world.counters.quarantines += 1 }
        if verdict == .quarantined, fault.kind == .death { supervisor.putAside(self) }
        world.trace.note(world.time, "quarantined", room.rawValue, event.rawValue, UInt64(fault.kind.rawValue))
        let words =
          switch verdict {
          case .quarantined: "is quarantined"
          case .back: "fails in the new version only"
          case .twinUndone: "fails in the silent version only"
          }
        world.tell("\(world.name(room)): event \(event) \(words): \(fault.kind)")
      case .frozen(let room, let reason, let text) where heldShards.isDisjoint(with: world.faultedDisks):
        world.counters.freezes += 1
        world.trace.note(world.time, "frozen", room.rawValue, UInt64(reason.rawValue))
        world.tell("\(world.name(room)) is frozen: \(reason)")
        if reason == .diverged, !isUnreadable(room) { world.fail("I-2", "room \(room) diverges: \(text)") }
      case .removedMember(let room, let slot):
        world.trace.note(world.time, "removed", room.rawValue, UInt64(slot.rawValue))
        world.tell("\(world.name(room)): the member of slot \(slot) is removed")
      case .adopted(let shard, let rooms, let active):
        world.trace.note(world.time, "served", UInt64(shard.rawValue), UInt64(rooms), UInt64(active))
      case .putAside(let room, let call, _, _):
        supervisor.putAside(self)
        world.trace.note(world.time, "put aside", room.rawValue, UInt64(call.rawValue))
        world.tell("\(world.name(room)): \(call) is put aside")
      case .frozen, .rebuilt: break
      case .upgraded(let room, let event, _, let to, let onProbation):
        world.counters.upgrades += 1
        world.trace.note(world.time, "upgraded", room.rawValue, event.rawValue)
        world.tell("\(world.name(room)): from event \(event) on it is \(to)\(onProbation ? ", on probation" : "")")
      case .wentBack(let room, let event, _, let to, let why, _):
        world.counters.backs += 1
        world.trace.note(world.time, "went back", room.rawValue, event.rawValue)
        world.tell("\(world.name(room)): at event \(event) it is back on \(to): \(why)")
      case .twinEnded(let room, let why):
        world.counters.twinEnds += 1
        world.trace.note(world.time, "twin ended", room.rawValue)
        world.tell("\(world.name(room)) has one version again: \(why)")
      case .differs(let room, let event, _, let text):
        world.trace.note(world.time, "differs", room.rawValue, event.rawValue)
        world.tell("\(world.name(room)), \(text)")
        if !world.options.mayDrift { world.fail("I-2", "room \(room), \(text)") }
      case .failed(let room, let text):
        world.tell("\(world.name(room)): \(text)")
        let s = Int(world.map.shard(of: room).rawValue)
        if !world.ruinedDisks.contains(s), !world.faultedDisks.contains(s) {
          world.fail("I-7", "room \(room): \(text)")
        }
      }
    }
    worker.reports.removeAll(keepingCapacity: true)
  }
}
