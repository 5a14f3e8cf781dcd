// All bots of a drill on one event loop: their connections, their schedule, and what they tell the oracle.
import ClientCore
import Core
import NIOCore
import NIOPosix

/// Every method and property is for its event loop's thread only (`unchecked` for that reason); `on` brings others there.
final class Fleet: @unchecked Sendable {
  let loop: any EventLoop
  private var address: SocketAddress
  let rooms: Int
  let players: Int
  let bots: [Bot]
  var oracle: Oracle
  private(set) var disconnects = 0
  private(set) var histogram = LogHistogram()
  /// Disconnects by the time they were seen.
  private(set) var disconnectTimes: [Int64] = []

  // The schedule. Times are microseconds of the monotonic clock; ticks are whole milliseconds after `tickOrigin`.
  private var tickOrigin: Int64 = 0
  private var ticks: Int64 = 0
  private var isTicking = false
  private var unopened = 0
  private var load: Load?
  private var probing: [Bool]
  /// Which probes go on between faults, while a release is under way.
  private var resting: [Bool]
  /// Which number was which add is remembered.
  private(set) var keepsNumbers = false
  private var isProbing = false
  private var nextProbe: Int64 = 0
  private var random = SystemRandomNumberGenerator()
  private var writer = FrameWriter()

  /// Player `n mod players` sends the n-th add at `start + n · interval / players`.
  private struct Load {
    var start: Int64
    var end: Int64
    var perAdd: Double
    var next = 0
    func time(_ n: Int) -> Int64 {
      // On the grid of ticks, so that the loop's own granularity is not counted as latency.
      start + Int64((Double(n) * perAdd / 1_000).rounded(.up)) * 1_000
    }
  }

  init(loop: any EventLoop, address: SocketAddress, players: Int, rooms: Int, troublemakers: Int) {
    self.loop = loop
    self.address = address
    self.players = players
    self.rooms = rooms
    var bots: [Bot] = []
    for i in 0..<players {
      bots.append(Bot(index: i, role: .player, room: i % rooms, module: "tally", key: "drill-\(i % rooms)"))
    }
    for r in 0..<rooms {
      bots.append(Bot(index: players + r, role: .probe, room: r, module: "tally", key: "drill-\(r)"))
    }
    oracle = Oracle(rooms: rooms, roomOfMember: bots.map(\.room))
    for t in 0..<troublemakers {
      bots.append(Bot(index: bots.count, role: .troublemaker, room: -1, module: "faulty", key: "drill-faulty-\(t)"))
    }
    self.bots = bots
    probing = Array(repeating: false, count: rooms)
    resting = probing
  }

  func on<T: Sendable>(_ body: @escaping @Sendable (Fleet) throws -> T) async throws -> T {
    try await loop.submit { try body(self) }.get()
  }

  static func now() -> Int64 { Int64(NIODeadline.now().uptimeNanoseconds / 1_000) }

  // MARK: Its life

  func start() {
    loop.preconditionInEventLoop()
    tickOrigin = Self.now()
    isTicking = true
    scheduleTick()
  }

  func stop() {
    isTicking = false
    for bot in bots {
      bot.isClosing = true
      bot.client.stop(into: &bot.actions)
      finishTurn(bot)
    }
  }

  /// From the first tick at or after `start` on, `rate` adds a second from each player, for that long.
  func beginLoad(at start: Int64, rate: Double, microseconds: Int64) {
    let aligned = tickOrigin + (start - tickOrigin + 999) / 1_000 * 1_000
    load = Load(start: aligned, end: aligned + microseconds, perAdd: 1_000_000 / (rate * Double(players)))
  }

  static let probesOpenMax = 25

  /// Probes of these rooms add every 10 ms until they are told otherwise or their rooms have settled.
  func probe(_ wanted: [Bool]) {
    precondition(wanted.count == rooms, "one for each room")
    if !isProbing { nextProbe = tickOrigin + (ticks + 1) * 1_000 }
    probing = wanted
    isProbing = wanted.contains(true)
  }

  /// As it is between faults.
  func rest() { probe(resting) }
  func rest(_ wanted: [Bool]) {
    resting = wanted
    probe(wanted)
  }

  /// A build comes that may decide otherwise than the one before it.
  func expectChanges() {
    keepsNumbers = true
    oracle.expectsRefusals = true
  }

  /// Ends the probing of rooms that answer again: nothing of more than 100 ms ago is open. True: of all.
  func settleProbes(at now: Int64) -> Bool {
    for bot in bots[players..<players + rooms] where probing[bot.room] {
      if bot.openCount > 0, case .add(_, let scheduled) = bot.waiting[bot.waitingHead], now - scheduled > 100_000 {
        continue
      }
      probing[bot.room] = false
    }
    isProbing = probing.contains(true)
    return !isProbing
  }

  /// Makes a troublemaker's room fail.
  func trouble(_ t: Int, command: UInt8) {
    let bot = bots[players + rooms + t]
    send([command], .command, bot)
    finishTurn(bot)
  }

  func query(room: Int, from: UInt32, count: UInt32) {
    let bot = bots[players + room]
    bot.replies = []
    var payload: [UInt8] = [2]
    payload.put(from)
    payload.put(count)
    send(payload, .query, bot)
    finishTurn(bot)
  }

  var readyCount: Int { bots.count(where: \.isReady) }
  var openCount: Int { bots.reduce(0) { $0 + ($1.role == .troublemaker ? 0 : $1.openCount) } }

  // MARK: Ticks

  private func scheduleTick() {
    ticks = max(ticks + 1, (Self.now() - tickOrigin) / 1_000)
    let due = NIODeadline.uptimeNanoseconds(UInt64(tickOrigin + ticks * 1_000) * 1_000)
    loop.scheduleTask(deadline: due) { self.tick() }
  }

  private func tick() {
    guard isTicking else { return }
    let now = Self.now()
    sendDue(now)
    probeDue(now)
    if ticks % 5 == 0 { tickClients(now) }
    scheduleTick()
  }

  private func sendDue(_ now: Int64) {
    guard var load else { return }
    while true {
      let due = load.time(load.next)
      if due >= load.end {
        self.load = nil
        return
      }
      if due > now { break }
      let bot = bots[load.next % players]
      load.next += 1
      add(bot, scheduled: due)
    }
    self.load = load
  }

  private func probeDue(_ now: Int64) {
    while isProbing, nextProbe <= now {
      // The first of those that wait shows the pause; many more behind it would only be load.
      for r in 0..<rooms where probing[r] && bots[players + r].openCount < Self.probesOpenMax {
        add(bots[players + r], scheduled: nextProbe)
      }
      nextProbe += 10_000
    }
  }

  private func tickClients(_ now: Int64) {
    // Not all in one tick: the accept queue is not what is tested.
    let opened = min(unopened + 50, bots.count)
    for i in unopened..<opened {
      let bot = bots[i]
      bot.membership = bot.client.join(module: bot.module, key: bot.key, at: now, into: &bot.actions)
      bot.client.start(at: now, into: &bot.actions)
      finishTurn(bot)
    }
    unopened = opened
    for bot in bots[..<opened] {
      guard let wake = bot.client.nextWake, wake <= now else { continue }
      bot.client.tick(at: now, into: &bot.actions)
      finishTurn(bot)
    }
  }

  private func add(_ bot: Bot, scheduled: Int64) {
    guard !bot.isGone, bot.openCount < bot.client.settings.queueMax else {
      return oracle.complain("bot \(bot.index) could not send: \(bot.isGone ? "not a member" : "too much waits")")
    }
    let operation = oracle.send(member: bot.index)
    var payload: [UInt8] = [1]
    payload.put(operation)
    send(payload, .add(operation: operation, scheduled: scheduled), bot)
    finishTurn(bot)
  }

  private func send(_ payload: [UInt8], _ waiting: Bot.Waiting, _ bot: Bot) {
    guard let membership = bot.membership else { return }
    do throws(SendRefusal) {
      _ = try bot.client.send(payload, to: membership, into: &bot.actions)
      bot.waiting.append(waiting)
    } catch {
      if bot.role != .troublemaker { oracle.complain("bot \(bot.index) could not send: \(error)") }
    }
  }

  // MARK: Connections

  private func open(_ bot: Bot) {
    bot.isClosing = false
    let index = bot.index
    ClientBootstrap(group: loop)
      .connectTimeout(.seconds(10))
      .channelOption(.socketOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(BotHandler(fleet: self, bot: self.bots[index]))
        }
      }
      .connect(to: address)
      .whenFailure { _ in self.couldNotOpen(index) }
  }

  private func couldNotOpen(_ index: Int) {
    let bot = bots[index]
    guard bot.channel == nil else { return }
    bot.client.disconnected(at: Self.now(), random: random.next(), into: &bot.actions)
    finishTurn(bot)
  }

  func opened(_ bot: Bot, _ channel: any Channel) {
    guard isTicking else { return channel.close(promise: nil) }
    bot.channel = channel
    bot.client.connected(at: Self.now(), into: &bot.actions)
    finishTurn(bot)
  }

  func closed(_ bot: Bot, _ channel: any Channel) {
    guard bot.channel === channel else { return }
    bot.channel = nil
    let now = Self.now()
    if !bot.isClosing {
      disconnects += 1
      disconnectTimes.append(now)
    }
    bot.client.disconnected(at: now, random: random.next(), into: &bot.actions)
    finishTurn(bot)
  }

  func broken(_ bot: Bot, _ text: String) { oracle.complain("bot \(bot.index) received \(text)") }

  // MARK: Frames

  /// The oracle sees every frame before the client does. The bytes are borrowed.
  func received(_ bot: Bot, _ bytes: UnsafeRawBufferPointer) {
    do throws(FrameError) {
      guard let frame = try ServerFrame.read(bytes) else { return }
      if bot.role != .troublemaker { observe(bot, frame) }
      bot.client.received(frame.message, at: Self.now(), into: &bot.actions)
    } catch {
      broken(bot, "\(error)")
    }
  }

  private func observe(_ bot: Bot, _ frame: ServerFrame) {
    switch frame.message {
    case .output(let o):
      oracle.output(member: bot.index, seq: o.seq.rawValue, prev: o.prev.rawValue, payload: frame.payload)
    case .state(let s):
      bot.hasState = true
      oracle.state(
        member: bot.index, timeline: s.timeline.rawValue, asOf: s.asOf.rawValue, payload: frame.payload)
    case .attached(let a):
      oracle.attached(member: bot.index, slot: a.slot.rawValue, timeline: a.timeline.rawValue)
    case .notice(_, let kind, let text): noticed(bot, kind, text)
    default: break
    }
  }

  /// `Notice.Kind` of the client protocol: 4 another build, 5 back to the one before.
  private func noticed(_ bot: Bot, _ kind: UInt32, _ text: String) {
    switch kind {
    case 4: oracle.upgraded(member: bot.index)
    case 5: oracle.wentBack(member: bot.index, BackNotice.numbers(in: text).compactMap(bot.operation(number:)))
    default: break
    }
  }

  /// Does what the client asked for since the last time: one write for all its requests.
  func finishTurn(_ bot: Bot) {
    guard !bot.actions.requests.isEmpty || !bot.actions.events.isEmpty else { return }
    if let channel = bot.channel, !bot.actions.requests.isEmpty {
      writer.removeAll()
      for request in bot.actions.requests { writer.put(request) }
      channel.writeAndFlush(ByteBuffer(bytes: writer.bytes), promise: nil)
    }
    let events = bot.actions.events
    bot.actions.removeAll()
    for event in events { handle(event, bot) }
  }

  private func handle(_ event: ClientEvent, _ bot: Bot) {
    switch event {
    case .connect: open(bot)
    case .close:
      bot.isClosing = true
      bot.channel?.close(promise: nil)
    case .acked(_, let through): acknowledged(bot, through.rawValue)
    case .verdict(_, let verdict): decided(bot, verdict)
    case .renumbered(_, _, let to, _): bot.firstNumber = to.rawValue
    case .joined: if bot.role == .troublemaker { bot.hasState = true }
    case .joinFailed(_, let code, let text): ended(bot, "the join failed with \(code): \(text)")
    case .ended(_, _, _, let reason): ended(bot, reason)
    case .failed(let error):
      if bot.role != .troublemaker { oracle.complain("bot \(bot.index): error \(error.code): \(error.text)") }
    case .violation(_, let violation):
      // Gaps and doubles are the oracle's own finding already.
      if bot.role != .troublemaker { oracle.complain("bot \(bot.index): its client saw \(violation)") }
    case .stopped(let reason): if bot.role != .troublemaker { ended(bot, reason) }
    case .welcomed, .connectionLost, .reattached, .output, .state, .verdictsUnknown, .notice, .pong: break
    }
  }

  private func acknowledged(_ bot: Bot, _ through: UInt64) {
    let now = Self.now()
    while bot.firstNumber <= through, bot.openCount > 0 {
      guard case .add(let operation, let scheduled) = bot.takeWaiting() else { continue }
      if keepsNumbers { bot.decided[bot.firstNumber - 1] = operation }
      oracle.acknowledge(operation)
      let latency = UInt32(clamping: now - scheduled)
      bot.samples.append(WaitSample(scheduled: scheduled, latency: latency))
      if bot.role == .player { histogram.add(latency) }
    }
  }

  private func decided(_ bot: Bot, _ verdict: Verdict) {
    let number = verdict.seq.rawValue
    guard number >= bot.firstNumber, number - bot.firstNumber < UInt64(bot.openCount) else { return }
    switch bot.waiting[bot.waitingHead + Int(number - bot.firstNumber)] {
    case .query:
      if verdict.kind == .applied {
        bot.replies.append(verdict.reply)
      } else {
        oracle.complain("a query was answered \(verdict.kind): \(verdict.reason)")
      }
    case .add(let operation, _):
      if verdict.kind != .applied { oracle.refuse(operation, "\(verdict.kind) \(verdict.reason)") }
    case .command: break
    }
  }

  /// A troublemaker is thrown out of its room sooner or later, and joins again.
  private func ended(_ bot: Bot, _ reason: String) {
    guard bot.role == .troublemaker else {
      bot.isGone = true
      return oracle.gone(member: bot.index, reason)
    }
    bot.waiting = []
    bot.waitingHead = 0
    bot.firstNumber = 1
    guard bot.joins < Bot.joinsMax else {
      return oracle.complain("the troublemaker cannot stay in its room: \(reason)")
    }
    bot.joins += 1
    bot.membership = bot.client.join(module: bot.module, key: bot.key, at: Self.now(), into: &bot.actions)
    finishTurn(bot)
  }
}
