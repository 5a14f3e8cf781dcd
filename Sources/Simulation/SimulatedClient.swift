// One simulated player: the client's core, a connection that fails, and an app that remembers what it was told.
import ClientCore
import Core
import Wire

package final class SimulatedClient {
  unowned let world: World
  package let index: Int
  private(set) var core: Client
  private var connection: SimulatedConnection?
  private(set) var memberships: [Membership] = []
  private var watch = OutputWatch()
  private var actions = ClientActions()
  private var operations: UInt64 = 0
  private(set) var incarnation: UInt64 = 0
  private var wakeAt: Int64 = .max
  /// Reasons of refusals that ask to come again.
  private(set) var busyReasons: Set<String> = []
  private var lastBusy = ""
  private(set) var isAway = false
  private var isStopped = false
  /// Parameters of the next joins.
  var joinParameters: [UInt8] = []
  /// Which gateway loop the next connections come to; nil: any.
  var loopChoice: Int?
  /// Bytes on their way to it beyond which its gateway has to wait.
  var windowBytes = SimulatedClient.windowBytesUsual
  static let windowBytesUsual = 20_000
  /// What came, by kind: `Expected`, `Attached`, full states, unreliable outputs.
  private(set) var heardCount = HeardCount()
  private var fresh = FreshWatch()
  private var waves: UInt64 = 0
  var name: String { "player \(index)" }

  init(_ world: World, index: Int) {
    self.world = world
    self.index = index
    core = Client(name: "player-\(index)")
    core.start(at: world.time, into: &actions)
    perform()
  }

  // MARK: The app

  package var isUp: Bool { core.isUp }
  package var joined: Int { memberships.count }
  func membership(in room: RoomID) -> Membership? { memberships.first { $0.room == room } }
  func slot(in room: Int) -> UInt16 {
    UInt16(truncatingIfNeeded: membership(in: world.place(room).id)?.slot?.rawValue ?? 0)
  }
  /// The list of operations as this player has been told it.
  func view(of room: Int) -> [UInt64] {
    membership(in: world.place(room).id).flatMap { watch.views[$0.id] } ?? []
  }

  package func join(_ room: Int) {
    let (module, key, id) = world.place(room)
    guard !isAway, membership(in: id) == nil else { return }
    let joinID = core.join(module: module, key: key, parameters: joinParameters, at: world.time, into: &actions)
    memberships.append(Membership(id: joinID, room: id))
    watch.begin(joinID)
    world.tell(name, "joins room \(room)")
    perform()
  }

  /// A numbered input to the room; nothing where the client is no member.
  @discardableResult
  package func send(_ command: ScriptedCommand, to room: Int, argument: UInt16 = 0, padding: Int = 0) -> UInt64? {
    guard let m = membership(in: world.place(room).id), !isAway else { return nil }
    operations += 1
    let operation = UInt64(index + 1) << 40 | incarnation << 32 | operations
    var payload = [command.rawValue]
    payload.put(operation)
    switch command {
    case .later: payload.put(argument)
    case .kick, .shower, .ask: payload.append(UInt8(truncatingIfNeeded: argument))
    default: break
    }
    payload.append(contentsOf: repeatElement(0, count: padding))
    do throws(SendRefusal) {
      _ = try core.send(payload, to: m.id, into: &actions)
    } catch { return nil }
    m.pending.append(operation)
    world.tell(name, "sends \(command)", m.last)
    world.counters.inputs += 1
    world.ledger.sent(operation, command, by: self, in: m)
    perform()
    return operation
  }

  package func wave(in room: Int) {
    guard let m = membership(in: world.place(room).id), !isAway else { return }
    var payload = [ScriptedCommand.wave.rawValue]
    waves += 1
    payload.put(FreshWatch.unnumbered | UInt64(index + 1) << 40 | incarnation << 32 | waves)
    world.tell(name, "waves")
    core.sendUnnumbered(payload, stamp: UInt64(bitPattern: world.time), to: m.id, into: &actions)
    perform()
  }

  package func leave(_ room: Int) {
    guard let m = membership(in: world.place(room).id), !m.isLeaving, !isAway else { return }
    do throws(SendRefusal) { _ = try core.leave(m.id, into: &actions) } catch { return }
    m.isLeaving = true
    m.pending.append(0)
    world.tell(name, "leaves", m.last)
    perform()
  }

  /// The connection breaks without a word.
  package func drop() {
    if connection != nil { world.tell("\(name)'s connection breaks") }
    connection?.drop()
  }
  /// Its gateway has to wait for it for a while.
  func slowDown(to bytes: Int, for duration: Int64) {
    windowBytes = bytes
    world.after(duration) { [self] in windowBytes = Self.windowBytesUsual }
  }
  /// What this player sends is kept back by the network, until it is let go.
  func holdBack() { connection?.holdBack() }
  func letGo() { connection?.letGo() }
  /// Which gateway loop it is connected to.
  var loop: Int? { connection?.loop?.index }
  var isAllArrived: Bool { connection?.isAllArrived ?? true }

  /// The page is loaded anew: all that the app remembers is the token. The old connection stays open for a while.
  package func reload(keepingToken: Bool = true) {
    world.counters.reloads += 1
    world.trace.note(world.time, "reload", UInt64(index), keepingToken ? 1 : 0)
    world.tell("\(name) loads the page again\(keepingToken ? "" : ", without its token")")
    for m in memberships { world.ledger.abandoned(m) }
    memberships = []
    watch = OutputWatch()
    fresh = FreshWatch()
    waves = 0
    incarnation += 1
    operations = 0
    if let old = connection {
      connection = nil
      old.toClient.onArrival = {}
      world.after(world.pick(1_000...3_000_000)) { old.closeByClient() }
    }
    actions.removeAll()
    core = Client(name: "player-\(index)", resume: keepingToken ? core.resume : [])
    isAway = false
    isStopped = false
    core.start(at: world.time, into: &actions)
    perform()
  }

  /// Goes away for good, or until `reload`.
  package func goAway() {
    guard !isAway else { return }
    isAway = true
    world.tell("\(name) goes away")
    for m in memberships { world.ledger.abandoned(m) }
    memberships = []
    core.stop(into: &actions)
    perform()
  }

  /// Everything queued is settled, and the memberships are attached.
  package var isSettled: Bool {
    isAway
      || (core.isUp
        && memberships.allSatisfy {
          core.isAttached($0.id) && ($0.pending.isEmpty || world.isFrozen($0.room)) || world.isOutOfReach($0.room)
        })
  }
  var unsettled: String {
    "client \(index): up \(core.isUp); "
      + "last busy: \(lastBusy); "
      + memberships.map { "\($0.id) in \($0.room): attached \(core.isAttached($0.id)), pending \($0.pending.count)" }
      .joined(separator: "; ")
  }

  // MARK: The connection

  func connected(_ connection: SimulatedConnection) {
    guard self.connection === connection else { return }
    connection.toClient.onArrival = { [weak self, weak connection] in
      if let self, let connection { read(connection) }
    }
    watch.connected()
    core.connected(at: world.time, into: &actions)
    perform()
  }
  func disconnected(_ connection: SimulatedConnection?) {
    guard self.connection === connection else { return }
    if connection != nil { self.connection = nil }
    core.disconnected(at: world.time, random: world.random.next(), into: &actions)
    perform()
  }

  private func read(_ connection: SimulatedConnection) {
    guard self.connection === connection else { return }
    while true {
      let bytes = connection.toClient.arrived
      guard bytes.count >= 4 else { return }
      let length = Int(bytes[0]) << 24 | Int(bytes[1]) << 16 | Int(bytes[2]) << 8 | Int(bytes[3])
      guard bytes.count >= 4 + length else { return }
      connection.toClient.arrived.removeFirst(4 + length)
      var frame: ServerFrame?
      bytes[4..<4 + length].withUnsafeBytes { frame = try? ServerFrame($0) }
      guard let frame else {
        world.fail("I-7", "client \(index) got a frame that does not decode")
        return
      }
      heard(frame)
      guard self.connection === connection, world.violation == nil else { return }
    }
  }

  private func heard(_ frame: ServerFrame) {
    if case .busy(_, _, _, let reason) = frame {
      lastBusy = reason
      busyReasons.insert(reason)
    }
    note(frame)
    tell(frame)
    if let text = watch.heard(frame) { world.fail("I-4", "client \(index): \(text)") }
    heardCount.add(frame)
    if case .attached(let id, _, let slot, _, _, _, _) = frame {
      memberships.first { $0.id == id }?.slot = slot
    }
    if case .output(let id, let seq, _, let payload, _) = frame, seq.rawValue == 0 {
      if let text = fresh.heard(id, watch.timeline(id), payload) { world.fail("I-6", "client \(index): \(text)") }
    }
    if case .output(let id, let seq, _, let payload, let verdict) = frame,
      let m = memberships.first(where: { $0.id == id })
    {
      world.outputHeard(m.room, watch.timeline(id), seq, payload, verdict)
    }
    core.received(ServerMessage(frame), at: world.time, into: &actions)
    perform()
  }

  // MARK: What the core asks for and tells

  private func perform() {
    while !actions.events.isEmpty || !actions.requests.isEmpty {
      let taken = actions
      actions.removeAll()
      for request in taken.requests {
        if let connection, !connection.isDropped { connection.send(request) }
      }
      for event in taken.events { told(event) }
    }
    if let wake = core.nextWake, wake < wakeAt {
      wakeAt = max(wake, world.time + 1_000)
      let at = wakeAt
      world.after(at - world.time) { [weak self] in
        guard let self, wakeAt == at else { return }
        wakeAt = .max
        core.tick(at: world.time, into: &actions)
        perform()
      }
    }
  }

  private func connect() {
    world.counters.connections += 1
    let made = SimulatedConnection(world, self)
    connection = made
    world.after(world.pick(1_000...20_000)) { [self] in
      guard connection === made else { return }
      guard let gateway = world.gateway, gateway.isAlive, !world.isPowerOff else { return disconnected(made) }
      let drawn = Int(world.random.next() % UInt64(gateway.loops.count))
      let loop = gateway.loops[loopChoice ?? drawn]
      loop.accept(made)
      connected(made)
    }
  }

  private func told(_ event: ClientEvent) {
    func known(_ id: JoinID) -> Membership? { memberships.first { $0.id == id } }
    switch event {
    case .connect: connect()
    case .close:
      let old = connection
      old?.closeByClient()
      world.after(0) { [self] in if let old { disconnected(old) } }
    case .joined(let id, let room, _, _):
      if let m = known(id) {
        if m.room != room { world.fail("I-3", "client \(index) joined \(m.room) and was attached to \(room)") }
      }
    case .state(let id, _, let payload):
      if let m = known(id) { world.views.state(payload, in: m.room, watch.timeline(id), &watch.views[id]) }
    case .output(let id, _, let payload):
      if let m = known(id) { world.views.output(payload, in: m.room, watch.timeline(id), &watch.views[id], index) }
    case .verdict(let id, let verdict):
      if let operation = known(id)?.operation(verdict.seq.rawValue) { world.ledger.verdict(operation, verdict.kind) }
    case .verdictsUnknown(let id, let range):
      guard let m = known(id) else { break }
      world.tell("\(name) is not told what became of \(range.lowerBound)–\(range.upperBound)")
      for number in range.lowerBound.rawValue...range.upperBound.rawValue {
        if let operation = m.operation(number) { world.ledger.unknown(operation) }
      }
    case .acked(let id, let through): if let m = known(id) { acknowledged(m, through.rawValue) }
    case .renumbered(let id, _, let to, let firstLost):
      guard let m = known(id) else { break }
      world.tell(
        "\(name) goes on with number \(to)" + (firstLost.map { ", what was acknowledged from \($0) on is lost" } ?? ""))
      for operation in m.renumber(to: to.rawValue, firstLost: firstLost?.rawValue) { world.ledger.lost(operation) }
    case .ended(let id, let last, let isKnown, _):
      guard let m = known(id) else { break }
      world.tell("\(name)'s membership in \(world.name(m.room)) is over, \(isKnown ? "last \(last)" : "unknown")")
      world.trace.note(
        world.time, "ended (client/join, last, known)", UInt64(index) << 32 | UInt64(id.rawValue), last.rawValue,
        isKnown ? 1 : 0)
      world.ledger.ended(m, last: last.rawValue, isKnown: isKnown)
      memberships.removeAll { $0 === m }
    case .joinFailed(let id, let code, _):
      world.tell("\(name) is refused: \(code)")
      world.trace.note(world.time, "join failed", UInt64(index) << 32 | UInt64(id.rawValue), UInt64(code.rawValue))
      if let m = known(id) {
        world.ledger.ended(m, last: 0, isKnown: true)
        memberships.removeAll { $0 === m }
      }
    case .violation(let id, let violation):
      world.fail("I-4", "client \(index), membership \(id): the client's core says \(violation)")
    case .stopped:
      // The hello of a page that was left can be read after that of its successor: the player loads the page again.
      world.trace.note(world.time, "stopped", UInt64(index))
      isStopped = true
      world.after(1_000_000) { [self] in if isStopped { reload() } }
    case .welcomed, .connectionLost, .reattached, .notice, .failed, .pong: break
    }
  }

  private func acknowledged(_ m: Membership, _ through: UInt64) {
    guard through > m.base, through <= m.last else {
      return world.fail(
        "I-3", "client \(index) is told that \(through) is acknowledged of \(m.base)+\(m.pending.count)")
    }
    while m.base < through {
      world.counters.acknowledged += 1
      world.ledger.acknowledged(m.acknowledge())
    }
  }
}
