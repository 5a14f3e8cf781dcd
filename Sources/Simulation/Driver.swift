// A random run: players play and things fail, from the seed; then all faults stop and everything must come right.
import Core
import SimulatedFiles
import Wire
import WorkerCore

package struct Driver {
  private let world: World
  private var random: RandomState
  private var control: SimulatedControl?

  package init(_ world: World) {
    self.world = world
    random = RandomState(seed: world.options.seed ^ 0xd21e)
  }

  private mutating func below(_ n: Int) -> Int { Int(random.next() % UInt64(n)) }
  private mutating func chance(_ of256: UInt64) -> Bool { random.next() % 256 < of256 }

  package mutating func run() {
    world.run(for: 1_000_000)
    for _ in 0..<world.options.steps {
      guard world.violation == nil else { return }
      for client in world.clients { play(client) }
      if chance(world.options.faultChance) { fault() }
      if chance(world.options.upgradeChance) { release() }
      if world.options.passivateSeconds < Limits.passivateSeconds, chance(10) { abandon(below(world.options.rooms)) }
      let pause: Int64 = chance(4) ? 5_000_000 : chance(24) ? 700_000 : Int64(1_000 + below(60_000))
      world.run(for: pause)
    }
    if world.violation == nil { world.finish() }
  }

  // MARK: Players

  private mutating func play(_ client: SimulatedClient) {
    if client.joined == 0 || (client.joined < 3 && chance(4)) {
      if chance(100) {
        client.joinParameters = chance(12) ? [[ScriptedCommand.trap, .refuse, .wave][below(3)].rawValue] : []
        client.join(below(world.options.rooms))
      }
      return
    }
    let burst = chance(8) ? 1 + below(60) : below(4)
    for _ in 0..<burst {
      let room = below(world.options.rooms)
      let command = command()
      client.send(command, to: room, argument: UInt16(below(command == .ask ? 128 : 40)))
    }
    if chance(30) { for _ in 0...below(6) { client.wave(in: below(world.options.rooms)) } }
    if chance(6) { client.slowDown(to: below(2_000), for: Int64(below(3_000_000))) }
    if chance(2) { client.leave(below(world.options.rooms)) }
    if chance(2) { client.drop() }
    if chance(1) { client.reload(keepingToken: chance(200)) }
  }

  private mutating func command() -> ScriptedCommand {
    switch below(100) {
    case 0..<50: .append
    case 50..<55: .ask
    case 55..<62: .appendAndReply
    case 62..<66: .refuse
    case 66: chance(80) ? .trap : .append
    case 67: .append
    case 68: chance(60) ? .burn : .append
    case 69..<74: .slow
    case 74..<78: .crash
    case 78..<83: .later
    case 83: chance(40) ? .kick : .append
    case 84..<89: .draw
    case 89..<94: .split
    case 94..<97: .shower
    case 97: chance(40) ? .flood : .append
    default: .wave
    }
  }

  /// Everybody leaves the room, some with timers in it that are due after it has gone to sleep; faults go on meanwhile.
  private mutating func abandon(_ room: Int) {
    for client in world.clients {
      for _ in 0..<below(3) { client.send(.later, to: room, argument: UInt16(1_000 + below(12_000))) }
      client.leave(room)
    }
    for _ in 0..<1 + below(4) {
      world.run(for: Int64(500_000 + below(1_500_000)))
      if chance(world.options.faultChance) { fault() }
    }
  }

  // MARK: Releases

  /// Something is asked of a room; what is answered is of no interest, for a worker may die of it.
  private mutating func release() {
    let control = control ?? SimulatedControl(world)
    self.control = control
    control.hear()
    let room = below(world.options.rooms)
    let place = world.place(room)
    let builds: [ScriptedBuild] = [.first, .same, .odd, .odd, .odd, .wide, .restive, .strange]
    guard let first = ScriptedEngine.standard(1).first(where: { $0.name == place.module }) else { return }
    let build = builds[below(builds.count)].hash(of: first.hash)
    let (events, seconds) = (UInt32(below(60)), UInt32(below(12)))
    switch below(10) {
    case 0..<6:
      _ = control.ask(
        { _, _ in .upgrade(place.id, to: build, probationEvents: events, probationSeconds: seconds) }, room: room)
    case 6..<8:
      Array("asked".utf8).withUnsafeBytes { reason in
        _ = control.ask({ _, _ in .back(place.id, reason: reason) }, room: room)
      }
    case 8: _ = control.ask({ _, _ in .settle(place.id) }, room: room)
    default: _ = control.ask({ _, _ in .offer(build) }, room: room)
    }
  }

  // MARK: Faults

  private mutating func fault() {
    let s = below(world.options.shards)
    world.watchdogChance = chance(60) ? [0, 40, 200][below(3)] : world.watchdogChance
    world.deathChance = chance(60) ? [0, 40, 128][below(3)] : 0
    if world.options.readErrors, chance(64) { return ruin(s) }
    switch below(20) {
    case 0..<3: world.killOwner(of: s)
    case 3..<7: world.killOwner(of: s, at: TurnPoint.allCases[below(TurnPoint.allCases.count)])
    case 7: world.doom(s, after: below(30), chance(128) ? .before : .after)
    case 8: world.killSpare()
    case 9..<11: world.killGateway(restartAfter: Int64(1_000 + below(5_000_000)))
    case 11:
      world.killGateway()
      world.killOwner(of: s)
    case 12: world.hang(s)
    case 13: world.stallGateway(for: Int64(below(6_000_000)))
    case 14: world.stepClock(by: Int64(below(20_000_000)) - 10_000_000)
    case 15: if world.options.diskErrors { diskFault(s) }
    case 16: world.dieAtDiskOperation(s, after: 1 + below(60), within: chance(128))
    case 17:
      // An adopter that dies while it adopts.
      world.killOwner(of: s)
      world.dieAtDiskOperation(s, after: 1 + below(40), within: chance(128))
    case 18: if world.options.powerLoss { world.powerLoss(downtime: Int64(below(10_000_000))) }
    default:
      if chance(40) { world.killEverything(downtime: Int64(below(60_000_000))) }
      if chance(80) { world.restart(workers: 1 + below(3)) }
    }
  }

  /// What holds a record cannot be read for a while: mostly a snapshot, which a worker may have to read at any time.
  private mutating func ruin(_ s: Int) {
    let kind = chance(200) ? RecordKind.snapshot : nil
    guard let record = world.log.record(s, kind, random.next()) else { return }
    world.ruin(record, of: s)
    // One in four stays as long as faults happen at all.
    let pause = Int64(below(8_000_000))
    if pause % 4 != 0 { world.after(pause) { [world] in world.mend(s) } }
    if chance(60) { world.killOwner(of: s) }
  }

  private mutating func diskFault(_ s: Int) {
    switch below(3) {
    case 0: world.failDisk(s, after: 1 + below(40), .error(5))
    case 1: world.failDisk(s, after: 1 + below(40), .shortWrite)
    default: world.fillDisk(s, for: Int64(below(8_000_000)))
    }
  }
}

extension World {
  func doom(_ s: Int, after calls: Int, _ doom: EngineEnvironment.Doom) {
    supervisor.owner(of: s)?.environment.doomIn = (calls, doom)
  }
  func hang(_ s: Int) {
    guard let process = supervisor.owner(of: s), !process.isHung else { return }
    trace.note(time, "hangs", UInt64(process.instance))
    tell("\(process.name) hangs")
    process.isHung = true
    after(pick(100_000...6_000_000)) {
      process.isHung = false
      process.wake(after: 10)
    }
  }
  func stallGateway(for duration: Int64) {
    trace.note(time, "gateway stalls", UInt64(duration))
    tell("the gateway stalls for \(duration / 1_000) ms")
    if let gateway { for loop in gateway.loops { loop.stalledUntil = time + duration } }
  }
  func stepClock(by step: Int64) {
    trace.note(time, "clock steps", UInt64(bitPattern: step))
    tell("the wall clock steps by \(step / 1_000_000) s")
    wallOffset += step
  }
  func dieAtDiskOperation(_ s: Int, after operations: Int, within: Bool) {
    trace.note(time, "death at disk operation", UInt64(s), UInt64(operations))
    faultedDisks.insert(s)
    disks[s].fail(at: disks[s].operations + operations, with: within ? .deathWithin : .death)
  }
  func failDisk(_ s: Int, after operations: Int, _ fault: SimulatedDisk.Fault) {
    trace.note(time, "disk fails", UInt64(s), UInt64(operations))
    tell("the disk of shard \(s) will fail: \(fault)")
    faultedDisks.insert(s)
    if options.durability == .process { lossMayHappen = true }
    log.mayLose(s)
    disks[s].fail(at: disks[s].operations + operations, with: fault)
  }
  func fillDisk(_ s: Int, for duration: Int64) {
    trace.note(time, "disk full", UInt64(s), UInt64(duration))
    tell("the disk of shard \(s) is full for \(duration / 1_000_000) s")
    disks[s].capacity = 0
    after(duration) { [self] in disks[s].capacity = .max }
  }
  /// The first operation for which `isIt` holds, or the one so many after it.
  func strike(
    _ s: Int, _ fault: SimulatedDisk.Fault, after: Int = 0, at isIt: @escaping @Sendable (SimulatedOperation) -> Bool
  ) {
    faultedDisks.insert(s)
    disks[s].strike(fault, after: after, at: isIt)
  }
  /// Flips a bit of the operation where the log has it first.
  func flip(operation: UInt64, of s: Int) {
    var pattern: [UInt8] = []
    pattern.put(operation)
    for path in disks[s].paths where path.hasSuffix(".segment") {
      guard let bytes = disks[s].bytes(of: path) else { continue }
      for at in 0..<max(0, bytes.count - 8) where bytes[at] == pattern[0] && Array(bytes[at..<at + 8]) == pattern {
        tell("a bit of what holds an input flips")
        log.expectDamage(s)
        faultedDisks.insert(s)
        return disks[s].flip(path, at: at)
      }
    }
    fail("scenario", "no operation to flip a bit of")
  }
  /// Of the newest segment's records.
  func flipLastByte(_ s: Int) {
    guard let path = disks[s].paths.filter({ $0.hasSuffix(".segment") }).max(), let bytes = disks[s].bytes(of: path),
      let last = bytes.lastIndex(where: { $0 != 0 })
    else { return }
    disks[s].flip(path, at: last - 4)
  }
}
