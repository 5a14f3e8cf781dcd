// What can be done to the simulated server, and what is looked at in the end.
package import Core
import Journal
package import SimulatedFiles
import WorkerCore
import WorkerStore

extension World {
  /// Ends when nobody has been in it for a while; above those of random runs.
  static let briefRoom = 5
  /// Module, key and id of the n-th room of a run.
  package func place(_ room: Int) -> (module: String, key: String, id: RoomID) {
    let (module, key) = ScriptedAsk.place(room)
    return (module, key, map.room(module: Array(module.utf8), key: Array(key.utf8)))
  }

  /// At `disk` nothing acknowledged may ever be lost; at `process` only by a power loss or a failing disk.
  var lossIsForbidden: Bool { options.durability == .disk || !lossMayHappen }

  package func killOwner(of shard: Int, at point: TurnPoint? = nil) {
    guard let process = supervisor.owner(of: shard) else { return }
    if let point {
      process.dieAt = point
    } else {
      process.die("killed")
    }
  }
  /// A second supervisor is started while the first one and its processes still live, on the same data; after the time
  /// the first is gone with all of its own.
  func overlapSupervisors(for duration: Int64) {
    guard oldSupervisor == nil, !isPowerOff else { return }
    tell("a second supervisor is started")
    let (old, gone) = (supervisor!, gateway)
    oldSupervisor = old
    oldGateway = gone
    supervisor = SimulatedSupervisor(self, prefix: old.prefix + "'")
    supervisor.start()
    startGateway()
    after(duration) { [self] in
      tell("the first supervisor ends, and its processes with it")
      old.stopAll()
      gone?.die()
      oldSupervisor = nil
      oldGateway = nil
    }
  }
  package func killSpare() { supervisor.spare?.die("spare killed") }

  package func powerLoss(downtime: Int64, leaving remains: SimulatedRemains = .drawn) {
    guard !isPowerOff else { return }
    counters.powerLosses += 1
    if options.durability == .process { lossMayHappen = true }
    isPowerOff = true
    trace.note(time, "power loss")
    tell("the power goes")
    stopAll()
    losePower(remains)
    after(downtime) { [self] in restart() }
  }
  /// Everything dies and is started again: the machine stays up.
  package func killEverything(downtime: Int64) {
    guard !isPowerOff else { return }
    isPowerOff = true
    trace.note(time, "everything killed")
    tell("everything is killed")
    stopAll()
    after(downtime) { [self] in restart() }
  }
  /// An orderly stop and a start, perhaps with another number of workers; the power may go in between.
  package func restart(workers: Int? = nil, losingPower: Bool = false, downtime: Int64 = 200_000) {
    guard !isPowerOff else { return }
    if let workers { workerCount = workers }
    isPowerOff = true
    trace.note(time, "orderly stop")
    tell("an orderly stop")
    stopAll(cleanly: true)
    if losingPower { losePower() }
    after(downtime) { [self] in restart() }
    run(for: downtime + 100_000)
  }
  private func stopAll(cleanly: Bool = false) {
    for supervisor in [oldSupervisor, supervisor] { supervisor?.stopAll(cleanly: cleanly) }
    for gateway in [oldGateway, gateway] { gateway?.die() }
  }
  private func losePower(_ remains: SimulatedRemains = .drawn) {
    for disk in disks { disk.powerLoss(leaving: remains) }
    faultedDisks = []
    for box in boxes { box.words = BoxMemory().words }
    for s in disks.indices { log.losesPower(s) }
    boot = BootID(high: boot.high + 1, low: 7)
  }
  /// The room's owner dies at its next call, if there is one that serves.
  package func doomOwner(_ s: Int, _ doom: EngineEnvironment.Doom) -> Bool {
    guard let process = supervisor.owner(of: s) else { return false }
    process.environment.doomIn = (0, doom)
    return true
  }
  private func restart() {
    isPowerOff = false
    trace.note(time, "restart")
    tell("everything is started")
    supervisor.start()
    startGateway()
  }

  /// Faults end: disks work, nobody hangs, nothing kills.
  package func heal() {
    watchdogChance = 0
    deathChance = 0
    ruinedDisks = []
    for disk in disks {
      disk.heal()
      disk.mend()
      disk.capacity = .max
    }
    for process in supervisor.processes {
      process.isHung = false
      process.dieAt = nil
      process.environment.doomIn = nil
    }
    if let gateway { for loop in gateway.loops { loop.stalledUntil = 0 } }
    for client in clients {
      client.windowBytes = SimulatedClient.windowBytesUsual
      client.loopChoice = nil
    }
    fatalRecord = nil
    trace.note(time, "healed")
    tell("faults end")
  }

  func count(_ c: WorkerCounters) {
    counters.events += c.events
    counters.snapshots += c.snapshots
    counters.checkpoints += c.checkpoints
    counters.passivations += c.passivations
    counters.requests += c.requests
    counters.wakes += c.wakes
    counters.samples += c.samples
    counters.differences += c.differences
  }

  // MARK: The end

  /// Demands progress: everything settles within the time, faults having stopped; then compares everything.
  package func finish(within limit: Int64 = 120_000_000) {
    heal()
    var settled = run(atMost: limit) { self.isSettled }
    if violation != nil { return }
    if settled, readAgain() {
      settled = run(atMost: limit) { self.isSettled }
      if let room = stoppedRooms.first, violation == nil {
        fail("I-5", "room \(room) stays stopped, although its record can be read")
      }
      if let s = (0..<options.shards).first(where: mayHaveOthers), violation == nil {
        fail("I-5", "shard \(s) is still said to have rooms that are not known, although its log can be read")
      }
      if violation != nil { return }
    }
    guard settled else {
      let texts = clients.filter { !$0.isSettled }.map(\.unsettled)
      return fail(
        "progress",
        "not settled \(limit / 1_000_000) s after the last fault: \(texts.joined(separator: " | ")); \(serverState)")
    }
    // What is on its way arrives; ticks and timers go on.
    run(for: 2_000_000)
    guard run(atMost: limit, until: { self.isSettled }) else {
      if violation == nil { fail("progress", "unsettled again") }
      return
    }
    compare()
  }

  /// Every client has everything, every shard is served, every room that somebody waits for runs.
  package var isSettled: Bool {
    !isPowerOff && clients.allSatisfy(\.isSettled)
      && (0..<options.shards).allSatisfy { s in
        guard let process = supervisor.owner(of: s), process.stores[s] != nil else { return false }
        return process.worker.roomIDs.allSatisfy { id in
          guard let room = process.worker.room(id) else { return true }
          return room.phase != .repairing && !waits(room)
        } && !process.worker.hasUrgentWork
      }
  }
  /// For another room's answer.
  private func waits(_ room: Room) -> Bool {
    guard room.phase == .ready, let host = room.host else { return false }
    return host.requests.contains { !isStopped($0) } && host.frozen == nil
  }
  /// Whoever is asked cannot be played here, so what came of it is not known.
  func isStopped(_ request: OpenRequest) -> Bool {
    guard let target = RequestTarget(request.target) else { return false }
    return isOutOfReach(map.room(module: target.module, key: target.key))
  }
  /// Players' operations are above; those of scenarios' signals are below.
  static let operationsOfPlayersMin: UInt64 = 1 << 40

  /// Its members' inputs wait for whoever thaws it.
  func isFrozen(_ room: RoomID) -> Bool {
    guard let process = supervisor.owner(of: Int(map.shard(of: room).rawValue)), let found = process.worker.room(room)
    else {
      return false
    }
    return found.phase == .stopped || found.host?.frozen != nil
  }

  private var serverState: String {
    supervisor.processes.map { process in
      "worker \(process.instance) owns \(process.worker.ownedShards) "
        + process.stores.sorted { $0.key < $1.key }.map { s, store in
          "[shard \(s): from \(store.oldest) to \(store.end), durable to \(store.store.durablePosition), "
            + "next segment: \(store.store.spaceFailure?.description ?? "well"), fits 131072: "
            + "\(store.hasRoom(bytes: 131_072, reserve: false))] "
        }.joined()
        + process.worker.roomIDs.map { id in
          let room = process.worker.room(id)!
          let asked = (room.host?.requests ?? []).map { String(decoding: $0.target, as: UTF8.self) }
          return "\(id) (\(name(id))) \(room.phase), \(room.unconfirmed) outputs unconfirmed, waits for \(asked)"
        }.joined(separator: ", ")
        + process.sockets.sorted { $0.key < $1.key }.map { link, socket in
          " link \(link): \(process.worker.pendingOutput(link)) waiting, \(socket.toGateway.inFlight) and "
            + "\(socket.fromGateway.inFlight) on the way, \(socket.toGateway.arrived.count) and "
            + "\(socket.fromGateway.arrived.count) unread"
        }.joined()
    }.joined(separator: "; ")
  }

  private func compare() {
    var requests = RequestWatch(self)
    for process in supervisor.processes where process.isAlive { count(process.worker.counters) }
    var rooms: [RoomID: [UInt64]] = [:]
    for s in 0..<options.shards {
      guard let process = supervisor.owner(of: s) else { continue }
      for id in process.worker.roomIDs where Int(map.shard(of: id).rawValue) == s {
        guard let room = process.worker.room(id) else { continue }
        guard room.phase == .ready, let host = room.host else {
          if room.phase == .repairing { fail("progress", "room \(id) is still repairing") }
          continue
        }
        let bytes = process.worker.encodeSnapshot(room)
        bytes.withUnsafeBytes { buffer in
          guard let snapshot = try? RoomSnapshot(buffer), let state = try? ScriptedRoom(snapshot.image) else {
            return fail("I-2", "room \(id)'s state does not decode")
          }
          rooms[id] = state.operations
          requests.see(id, host, state)
          let cut = process.stores[s]!.store.adoption.cutCounter
          views.compare(id, Timeline(cut: cut, own: host.ownTimeline), state.operations)
        }
      }
    }
    log.compareStates()
    ledger.compare(rooms)
    if let text = requests.broken() { fail("requests", text) }
  }
}
