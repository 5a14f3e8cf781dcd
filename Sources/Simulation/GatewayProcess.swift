// One simulated gateway process: a core for each loop, connections to clients and links to workers.
import ClientCore
import Core
import GatewayCore
import Wire

/// A client's connection, both directions.
final class SimulatedConnection {
  unowned let client: SimulatedClient
  let toClient: Pipe
  /// Requests that arrived at the gateway.
  var inbox: [ClientRequest] = []
  private var lastArrival: Int64 = 0
  /// Nothing of the client is on its way to the gateway.
  var isAllArrived: Bool { lastArrival <= world.time && inbox.isEmpty }
  var isClosedByClient = false
  var isDropped = false
  /// Requests that the network keeps back; nil: it does not.
  /// How much waited when the gateway first found it too slow, since the last output it took.
  var stalledAt: Int?
  private var held: [ClientRequest]?
  weak var loop: GatewayLoop?
  var id: ConnectionID?
  unowned let world: World

  init(_ world: World, _ client: SimulatedClient) {
    self.world = world
    self.client = client
    toClient = Pipe(world, delay: 1_000...20_000)
  }

  func send(_ request: ClientRequest) {
    lastArrival = max(lastArrival, world.time + world.pick(1_000...20_000))
    world.after(lastArrival - world.time) { [self] in
      guard !isDropped else { return }
      if held != nil { return held!.append(request) }
      inbox.append(request)
      loop?.wake()
    }
  }
  func holdBack() { held = held ?? [] }
  func letGo() {
    inbox += held ?? []
    held = nil
    loop?.wake()
  }
  /// The client closes; the gateway sees it after what was sent.
  func closeByClient() {
    toClient.drop()
    lastArrival = max(lastArrival, world.time + world.pick(1_000...20_000))
    world.after(lastArrival - world.time) { [self] in
      isClosedByClient = true
      loop?.wake()
    }
  }
  /// The network drops it: both ends learn it by themselves, and what is on its way is lost.
  func drop() {
    guard !isDropped else { return }
    isDropped = true
    toClient.drop()
    world.after(world.pick(1_000...2_000_000)) { [self] in
      isClosedByClient = true
      loop?.wake()
    }
    world.after(world.pick(1_000...2_000_000)) { [self] in client.disconnected(self) }
  }
}

final class GatewayLoop {
  final class LinkEnd {
    let instance: UInt32
    let toWorker: Pipe
    let fromWorker: Pipe
    let id: LinkID
    var isEnded = false
    init(instance: UInt32, toWorker: Pipe, fromWorker: Pipe, id: LinkID) {
      self.instance = instance
      self.toWorker = toWorker
      self.fromWorker = fromWorker
      self.id = id
    }
  }
  unowned let world: World
  unowned let process: GatewayProcess
  var core: GatewayCore
  let index: Int
  private var connections: [SimulatedConnection] = []
  private(set) var links: [LinkEnd] = []
  private var turnAt: Int64 = .max
  var stalledUntil: Int64 = 0

  init(_ world: World, _ process: GatewayProcess, index: Int) {
    self.world = world
    self.process = process
    self.index = index
    var settings = GatewaySettings(
      epoch: GatewayEpoch(process.epoch), loop: UInt16(index), loops: UInt16(world.options.loops), shards: world.map)
    settings.framesPerSecond = 0
    settings.outboundBytesMax = world.options.outboundBytesMax
    core = GatewayCore(settings)
    tick()
  }

  private func tick() {
    world.after(200_000) { [weak self] in
      guard let self, process.isAlive else { return }
      if world.time >= stalledUntil {
        core.tick(now: world.now)
        wake()
      }
      tick()
    }
  }

  func connect(to worker: WorkerProcess) {
    guard process.isAlive, !links.contains(where: { $0.instance == worker.instance }), let ends = worker.connect()
    else {
      return
    }
    let end = LinkEnd(
      instance: worker.instance, toWorker: ends.toWorker, fromWorker: ends.toGateway, id: core.openLink())
    end.fromWorker.onArrival = { [weak self] in self?.wake() }
    end.fromWorker.onEnd = { [weak self, weak end] in
      end?.isEnded = true
      self?.wake()
    }
    links.append(end)
    wake()
  }

  func accept(_ connection: SimulatedConnection) {
    connection.loop = self
    connection.id = core.open(ClientAddress(high: 0, low: 1), now: world.now)
    connections.append(connection)
    wake()
  }

  func die() {
    for link in links {
      link.toWorker.end()
      link.fromWorker.drop()
    }
    links = []
    for connection in connections {
      let client = connection.client
      connection.isDropped = true
      connection.toClient.end()
      connection.toClient.onEnd = { client.disconnected(connection) }
    }
    connections = []
  }

  /// Turns not before the time, and then.
  func stall(until time: Int64) {
    stalledUntil = time
    turnAt = .max
    wake()
  }

  func wake() {
    guard process.isAlive, turnAt == .max else { return }
    let delay = max(10, stalledUntil - world.time)
    turnAt = world.time + delay
    let at = turnAt
    world.after(delay) { [weak self] in
      guard let self, process.isAlive, turnAt == at else { return }
      turnAt = .max
      if world.time < stalledUntil { return wake() }
      turn()
    }
  }

  private func turn() {
    for link in links { read(link) }
    for connection in connections { read(connection) }
    links.removeAll { $0.isEnded && $0.fromWorker.arrived.isEmpty }
    flush()
    connections.removeAll { $0.id == nil }
    if let text = Bounds.broken(core, connections.compactMap(\.id)) {
      world.fail("I-7", "gateway \(process.epoch), loop \(index): \(text)")
    }
  }

  private func read(_ link: LinkEnd) {
    if !link.fromWorker.arrived.isEmpty {
      var consumed = 0
      link.fromWorker.arrived.withUnsafeBytes { bytes in
        do throws(LinkError) { consumed = try core.receive(link.id, bytes, now: world.now) } catch {
          world.fail("I-7", "a gateway does not understand its worker: \(error)")
        }
      }
      link.fromWorker.arrived.removeFirst(consumed)
    }
    if link.isEnded {
      link.fromWorker.arrived = []
      core.closeLink(link.id, now: world.now)
    }
  }

  private func read(_ connection: SimulatedConnection) {
    guard let id = connection.id else { return }
    let requests = connection.inbox
    connection.inbox = []
    for request in requests { core.receive(id, message(request), now: world.now) }
    if connection.isClosedByClient {
      core.close(id)
      connection.id = nil
    }
  }

  private func message(_ request: ClientRequest) -> ClientMessage {
    switch request {
    case .hello(let version, let name, let resume):
      let (session, counter, isNew) = process.session(for: resume)
      var token: [UInt8] = []
      token.put(session)
      process.claim(session, Generation(epoch: GatewayEpoch(process.epoch), counter: counter), except: self)
      return .hello(
        .init(
          version: version, name: Array(name.utf8),
          ticket: .session(session, resumed: !isNew, counter: counter, token: token)))
    case .join(let id, let module, let key, let parameters):
      return .join(id, module: Array(module.utf8), key: Array(key.utf8), parameters: parameters)
    case .attach(let id, let room, let timeline, let lastOut): return .attach(id, room, timeline, lastOut: lastOut)
    case .input(let id, let seq, let payload, let stamp): return .input(id, seq, stamp: stamp, payload: payload)
    case .leave(let id, let seq): return .leave(id, seq)
    case .ping(let time): return .ping(time: time)
    }
  }

  func flush() {
    while let id = core.nextDirty() {
      guard let connection = connections.first(where: { $0.id == id }) else { continue }
      if connection.toClient.inFlight > connection.client.windowBytes || connection.isDropped {
        if connection.stalledAt == nil { connection.stalledAt = core.pendingOutput(id) }
        core.stall(id)
        if core.isClosing(id) { close(connection) } else { retry(connection) }
        continue
      }
      var bytes: [UInt8] = []
      let closes = core.takeOutput(id) { bytes = Array($0) }
      if let stalledAt = connection.stalledAt, let text = Conflation.broken(bytes, behind: stalledAt) {
        world.fail("I-6", "client \(connection.client.index): \(text)")
      }
      connection.stalledAt = nil
      connection.toClient.write(bytes)
      if closes { close(connection) }
    }
    while let id = core.nextDirtyLink() {
      guard let link = links.first(where: { $0.id == id }) else { continue }
      var bytes: [UInt8] = []
      core.takeLinkOutput(id) { bytes = Array($0) }
      link.toWorker.write(bytes)
    }
  }

  private func retry(_ connection: SimulatedConnection) {
    world.after(20_000) { [weak self] in
      guard let self, let id = connection.id, process.isAlive else { return }
      core.writable(id)
      wake()
    }
  }

  private func close(_ connection: SimulatedConnection) {
    guard let id = connection.id else { return }
    let client = connection.client
    connection.toClient.end()
    connection.toClient.onEnd = { client.disconnected(connection) }
    core.close(id)
    connection.id = nil
    // The other side's detaches have to go out too.
    wake()
  }
}

final class GatewayProcess {
  unowned let world: World
  /// Whose workers it is told of.
  unowned let supervisor: SimulatedSupervisor
  let epoch: UInt32
  private(set) var isAlive = true
  private(set) var loops: [GatewayLoop] = []
  private var counter: UInt32 = 0

  init(_ world: World, epoch: UInt32) {
    self.world = world
    supervisor = world.supervisor
    self.epoch = epoch
    for i in 0..<world.options.loops { loops.append(GatewayLoop(world, self, index: i)) }
  }

  func session(for resume: [UInt8]) -> (SessionID, UInt32, isNew: Bool) {
    counter += 1
    let known: SessionID? = resume.withUnsafeBytes {
      var r = ByteReader($0)
      return try? r.take()
    }
    return (known ?? SessionID(epoch: GatewayEpoch(epoch), counter: counter), counter, known == nil)
  }
  func claim(_ session: SessionID, _ generation: Generation, except loop: GatewayLoop) {
    for other in loops where other !== loop {
      other.core.claimed(session, by: generation)
      other.wake()
    }
  }
  func workersChanged() {
    for loop in loops {
      for worker in supervisor.connectable {
        let delay = world.pick(50...3_000)
        world.after(delay) { [weak loop, weak worker] in
          if let loop, let worker { loop.connect(to: worker) }
        }
      }
    }
  }
  func die() {
    guard isAlive else { return }
    isAlive = false
    world.counters.gatewayDeaths += 1
    world.trace.note(world.time, "gateway died", UInt64(epoch))
    world.tell("gateway \(epoch) dies")
    for loop in loops { loop.die() }
  }
}

extension World {
  func startGateway() {
    gatewayEpoch += 1
    let started = GatewayProcess(self, epoch: gatewayEpoch)
    gateway = started
    trace.note(time, "gateway started", UInt64(gatewayEpoch))
    tell("gateway \(gatewayEpoch) started")
    started.workersChanged()
  }
  package func killGateway(restartAfter delay: Int64 = 50_000) {
    guard let gateway, gateway.isAlive else { return }
    gateway.die()
    after(delay) { [self] in if !isPowerOff, self.gateway?.isAlive != true { startGateway() } }
  }
}
