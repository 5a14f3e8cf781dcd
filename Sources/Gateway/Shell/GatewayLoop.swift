// One event loop of the gateway: its core, its connections, its links. Everything here runs on that loop alone; the
// class is Sendable only so that NIO's closures may carry it back there.
//
// The core is never entered from inside itself: its closures copy bytes and decode, channels are written outside them.
import Core
import GatewayCore
import Glibc
import NIOCore
import NIOPosix
import Wire

/// How a connection's bytes get out.
protocol ClientTransport: AnyObject {
  /// Writes what waits, if the channel takes it.
  func flush()
}

/// All mutable state is touched on its event loop only; `unchecked` for that reason.
final class GatewayLoop: @unchecked Sendable {
  let eventLoop: any EventLoop
  let number: Int
  let configuration: GatewayConfiguration
  let decoder: ClientDecoder
  let tls: TLSContexts?
  private(set) var core: GatewayCore
  /// By the connection's slot.
  private var transports: [(any ClientTransport)?] = []
  /// By the link's slot.
  private var linkTransports: [LinkHandler?] = []
  private var connectors: [WorkerConnector] = []
  /// Reused for every write that the channel takes at once.
  var scratch = ByteBufferAllocator().buffer(capacity: 65_536)
  private var isTurnScheduled = false
  /// To a worker, in this turn.
  private var sentMuch = false
  /// Some thirty small inputs. With fewer the loop rests soon.
  private static let muchBytes = 3_000
  private var turn: @Sendable () -> Void = {}
  private var ticks: RepeatedTask?
  private(set) var now = Now(wall: 0, monotonic: 0)
  /// Told of each session that was resumed here.
  var onResumed: @Sendable (SessionID, Generation) -> Void = { _, _ in }
  private var resumed: [(SessionID, Generation)] = []
  private var probe = LatencyProbe()

  init(
    _ number: Int, on eventLoop: any EventLoop, _ configuration: GatewayConfiguration, _ decoder: ClientDecoder,
    _ tls: TLSContexts?
  ) {
    self.eventLoop = eventLoop
    self.number = number
    self.configuration = configuration
    self.decoder = decoder
    self.tls = tls
    core = GatewayCore(configuration.settings(ofLoop: number))
  }

  /// Before the loop's first connection.
  func start(onTick: @escaping @Sendable (Vitals, [UInt32]) -> Void) {
    turn = { [weak self] in self?.endTurn() }
    ticks = eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(100)) { [weak self] _ in
      guard let self else { return }
      core.tick(now: readClocks())
      onTick(vitals, probe.take(now: now.monotonic))
      endTurn()
    }
  }
  private var vitals: Vitals {
    var vitals = Vitals()
    vitals.connections = UInt64(core.connectionCount)
    vitals.players = UInt64(core.sessionCount)
    vitals.messages = core.counters.framesIn + core.counters.framesOut
    return vitals
  }
  func stop() {
    ticks?.cancel()
    for connector in connectors { connector.stop() }
    connectors = []
  }

  @discardableResult
  func readClocks() -> Now {
    now = Clocks.now()
    return now
  }

  // MARK: Connections

  func open(_ transport: any ClientTransport, from address: SocketAddress?) -> ConnectionID {
    let id = core.open(ClientAddress(address), now: readClocks())
    let slot = Int(id.slot)
    while transports.count <= slot { transports.append(nil) }
    transports[slot] = transport
    scheduleTurn()
    return id
  }
  /// The connection goes on over another protocol.
  func replaceTransport(of id: ConnectionID, by transport: any ClientTransport) {
    transports[Int(id.slot)] = transport
  }
  func close(_ id: ConnectionID) {
    core.close(id)
    probe.closed(id)
    transports[Int(id.slot)] = nil
    scheduleTurn()
  }

  func receive(_ id: ConnectionID, _ bytes: UnsafeRawBufferPointer) -> Received {
    if !isTurnScheduled { readClocks() }
    let now = now
    if probe.wantsInput { probe.look(at: bytes, of: id, now: now.monotonic) }
    let received = core.receive(id, bytes, now: now) { frame in
      let message = decoder.message(frame, now: now)
      if case .hello(let hello) = message, case .session(let session, true, let counter, _) = hello.ticket {
        resumed.append((session, Generation(epoch: configuration.epoch, counter: counter)))
      }
      return message
    }
    scheduleTurn()
    return received
  }
  func claimed(_ session: SessionID, by generation: Generation) {
    core.claimed(session, by: generation)
    scheduleTurn()
  }
  /// The client's bytes are no stream of frames.
  func refuseMalformed(_ id: ConnectionID) {
    core.receive(id, .malformed, now: now)
    scheduleTurn()
  }

  // MARK: Links

  func setWorkers(_ workers: [Worker]) {
    for connector in connectors where !workers.contains(connector.worker) { connector.stop() }
    connectors.removeAll { !workers.contains($0.worker) }
    for worker in workers where !connectors.contains(where: { $0.worker == worker }) {
      let connector = WorkerConnector(worker, self)
      connectors.append(connector)
      connector.start()
    }
  }

  func openLink(_ handler: LinkHandler) -> LinkID {
    let id = core.openLink()
    let slot = Int(id.slot)
    while linkTransports.count <= slot { linkTransports.append(nil) }
    linkTransports[slot] = handler
    endTurn()
    return id
  }
  func closeLink(_ id: LinkID) {
    core.closeLink(id, now: readClocks())
    linkTransports[Int(id.slot)] = nil
    scheduleTurn()
  }
  func receive(_ id: LinkID, _ bytes: UnsafeRawBufferPointer) throws -> Int {
    try core.receive(id, bytes, now: readClocks())
  }

  // MARK: Output

  /// Once per turn of the loop, after all its reads.
  func scheduleTurn() {
    guard !isTurnScheduled else { return }
    isTurnScheduled = true
    eventLoop.execute(turn)
  }

  /// What a worker has said goes out before more is read. What goes to workers waits for the turn's end: more may come.
  func endLinkRead() {
    flushClients()
    scheduleTurn()
  }
  private func flushClients() {
    while let id = core.nextDirty() { transports[Int(id.slot)]?.flush() }
  }
  /// One write per connection and link that has something to send.
  func endTurn() {
    isTurnScheduled = false
    flushClients()
    while let id = core.nextDirtyLink() { linkTransports[Int(id.slot)]?.flush() }
    if sentMuch {
      sentMuch = false
      // A worker that shares this processor would else wait until nothing comes any more, or for the end of the kernel's
      // slice: a millisecond and more, just when there is much to do.
      sched_yield()
    }
    guard !resumed.isEmpty else { return }
    for (session, generation) in resumed { onResumed(session, generation) }
    resumed.removeAll(keepingCapacity: true)
  }

  func isClosing(_ id: ConnectionID) -> Bool { core.isClosing(id) }
  func stall(_ id: ConnectionID) { core.stall(id) }
  func writable(_ id: ConnectionID) {
    core.writable(id)
    scheduleTurn()
  }
  /// All that waits for the connection, in `scratch`.
  func takeOutput(_ id: ConnectionID) -> (closing: Bool, hasBytes: Bool) {
    scratch.clear()
    let closing = core.takeOutput(id) { scratch.writeBytes($0) }
    if probe.awaits(id) {
      scratch.withUnsafeReadableBytes { probe.look(atOutput: $0, clock: { Clocks.now().monotonic }) }
    }
    return (closing, scratch.readableBytes > 0)
  }
  func stallLink(_ id: LinkID) { core.stallLink(id) }
  func linkWritable(_ id: LinkID) {
    core.linkWritable(id)
    scheduleTurn()
  }
  func takeLinkOutput(_ id: LinkID) -> Bool {
    scratch.clear()
    core.takeLinkOutput(id) { scratch.writeBytes($0) }
    if scratch.readableBytes > Self.muchBytes { sentMuch = true }
    return scratch.readableBytes > 0
  }
}
