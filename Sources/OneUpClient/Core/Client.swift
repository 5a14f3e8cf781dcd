// The client's side of protocol.md §1–3, as a value: no I/O, no clock, no randomness. Times are microseconds of one
// monotonic clock.
//
//            start                connected            Welcome
//   stopped ───────▶ connecting ───────────▶ greeting ─────────▶ up
//      ▲                 │ ▲                    │                 │
//      │                 ▼ │ tick               ▼                 ▼
//      └──────────────  waiting  ◀───────── disconnected ─────────┘
//       REPLACED, VERSION, stop
package import Core

/// Each method takes an event and the time, and appends what is to be done to `actions`, in order. The shell calls
/// `tick` at `nextWake` or regularly.
package struct Client: Sendable {
  enum Connection: Sendable, Hashable {
    case stopped
    case waiting(until: Int64)
    case connecting(giveUpAt: Int64)
    case greeting(giveUpAt: Int64)
    case up
    /// Asked to be closed; frames are ignored until it is.
    case closing
  }

  package let name: String
  package let settings: ClientSettings
  /// Continues the session on another connection; empty before the first `Welcome`. Worth keeping by an app.
  package private(set) var resume: [UInt8]
  package private(set) var session: SessionID?
  var connection = Connection.stopped
  var memberships: [ClientMembership] = []
  private var joins: UInt32 = 0
  private var attempts = 0
  private var retryFloor: Int64 = 0
  private var heardAt: Int64 = 0
  private var pinged = false

  package init(name: String, resume: [UInt8] = [], settings: ClientSettings = ClientSettings()) {
    precondition(settings.window > 0 && settings.queueMax > 0, "a client must be able to send")
    self.name = name
    self.resume = resume
    self.settings = settings
  }

  package var isUp: Bool { connection == .up }

  // MARK: The connection

  /// Begins to connect.
  package mutating func start(at now: Int64, into actions: inout ClientActions) {
    guard connection == .stopped else { return }
    attempts = 0
    open(now, &actions)
  }

  /// Ends the connection for good, until `start`. Memberships live on for the grace period.
  package mutating func stop(into actions: inout ClientActions) {
    switch connection {
    case .stopped, .waiting, .closing: break
    case .connecting, .greeting, .up: actions.events.append(.close)
    }
    connection = .stopped
    suspend()
  }

  package mutating func connected(at now: Int64, into actions: inout ClientActions) {
    guard case .connecting = connection else { return }
    connection = .greeting(giveUpAt: now + settings.greetingMicroseconds)
    heard(now)
    actions.requests.append(.hello(version: 1, name: name, resume: resume))
  }

  /// The connection is closed, or could not be opened. `random`: 64 fresh bits, for the jitter.
  package mutating func disconnected(at now: Int64, random: UInt64, into actions: inout ClientActions) {
    switch connection {
    case .stopped, .waiting: return
    case .up: actions.events.append(.connectionLost)
    case .connecting, .greeting, .closing: break
    }
    suspend()
    let doubled = settings.backoffBaseMicroseconds << Int64(min(attempts, 20))
    let bound = UInt64(max(min(doubled, settings.backoffMaxMicroseconds), 1))
    attempts += 1
    connection = .waiting(until: max(now + Int64(random.multipliedFullWidth(by: bound).high), retryFloor))
  }

  package mutating func tick(at now: Int64, into actions: inout ClientActions) {
    switch connection {
    case .stopped, .closing: return
    case .waiting(let until): if now >= until { open(now, &actions) }
    case .connecting(let giveUpAt), .greeting(let giveUpAt): if now >= giveUpAt { close(&actions) }
    case .up:
      let silence = now - heardAt
      if silence >= 2 * settings.silenceMicroseconds { return close(&actions) }
      if silence >= settings.silenceMicroseconds, !pinged {
        pinged = true
        actions.requests.append(.ping(time: UInt64(bitPattern: now)))
      }
      for i in memberships.indices { tickMembership(i, now, &actions) }
    }
  }

  /// When `tick` has something to do, if nothing happens before; nil: never.
  package var nextWake: Int64? {
    switch connection {
    case .stopped, .closing: return nil
    case .waiting(let until): return until
    case .connecting(let giveUpAt), .greeting(let giveUpAt): return giveUpAt
    case .up:
      var wake = heardAt + (pinged ? 2 : 1) * settings.silenceMicroseconds
      for m in memberships { wake = min(wake, m.askAgainAt, m.heldUntil ?? .max) }
      return wake
    }
  }

  // MARK: The app's side

  /// Asks for a room. The id is the membership's name from now on.
  package mutating func join(
    module: String, key: String, parameters: [UInt8] = [], at now: Int64, into actions: inout ClientActions
  ) -> JoinID {
    joins += 1
    memberships.append(ClientMembership(id: JoinID(joins), module: module, key: key, parameters: parameters))
    if connection == .up { ask(memberships.count - 1, now, &actions) }
    return JoinID(joins)
  }

  /// Queues a numbered input and sends it as soon as it may be. Its number holds until a `renumbered` event.
  package mutating func send(
    _ payload: [UInt8], to id: JoinID, into actions: inout ClientActions
  ) throws(SendRefusal) -> InputSeq {
    try queue(.init(payload: payload, isLeave: false), id, &actions)
  }

  /// Sends once, now, or not at all: fire and forget.
  package mutating func sendUnnumbered(
    _ payload: [UInt8], stamp: UInt64, to id: JoinID, into actions: inout ClientActions
  ) {
    guard connection == .up, let i = index(id), memberships[i].phase == .attached, !memberships[i].isLeaving else {
      return
    }
    actions.requests.append(.input(id, InputSeq(0), payload: payload, stamp: stamp))
  }

  /// Ends the membership after the inputs queued before. `ended` follows.
  package mutating func leave(_ id: JoinID, into actions: inout ClientActions) throws(SendRefusal) -> InputSeq {
    let seq = try queue(.init(payload: [], isLeave: true), id, &actions)
    if let i = index(id) { memberships[i].isLeaving = true }
    return seq
  }

  /// Inputs of the membership that are not acknowledged yet.
  package func unacknowledged(_ id: JoinID) -> Int { index(id).map { memberships[$0].pending.count } ?? 0 }
  /// The membership takes inputs and they go out at once.
  package func isAttached(_ id: JoinID) -> Bool {
    connection == .up && index(id).map { memberships[$0].phase == .attached } ?? false
  }

  private mutating func queue(
    _ input: ClientMembership.Pending, _ id: JoinID, _ actions: inout ClientActions
  ) throws(SendRefusal) -> InputSeq {
    guard let i = index(id), !memberships[i].isLeaving else { throw .notAMember }
    guard memberships[i].pending.count < settings.queueMax else { throw .full }
    memberships[i].pending.append(input)
    let seq = memberships[i].last
    if connection == .up { memberships[i].pump(window: settings.window, into: &actions) }
    return InputSeq(seq)
  }

  // MARK: Shared with what handles frames

  func index(_ id: JoinID) -> Int? { memberships.firstIndex { $0.id == id && $0.phase != .ended } }

  mutating func heard(_ now: Int64) {
    heardAt = now
    pinged = false
  }

  mutating func ask(_ i: Int, _ now: Int64, _ actions: inout ClientActions) {
    memberships[i].askAgainAt = now + settings.attachMicroseconds
    actions.requests.append(memberships[i].asking)
  }

  /// Forgets ended memberships: their ids are never used again.
  mutating func end(_ i: Int) { memberships.remove(at: i) }

  mutating func close(_ actions: inout ClientActions) {
    if connection == .up { actions.events.append(.connectionLost) }
    connection = .closing
    actions.events.append(.close)
  }

  mutating func giveUp(_ reason: String, _ actions: inout ClientActions) {
    connection = .stopped
    suspend()
    actions.events.append(.close)
    actions.events.append(.stopped(reason))
  }

  mutating func retryNotBefore(_ time: Int64) { retryFloor = time }
  mutating func forgetToken() { resume = [] }

  mutating func welcome(_ welcome: ServerMessage.Welcome, _ now: Int64, _ actions: inout ClientActions) {
    guard case .greeting = connection else { return }
    connection = .up
    attempts = 0
    let isSame = welcome.resumed && (session == nil || session == welcome.session)
    session = welcome.session
    resume = welcome.resume
    actions.events.append(.welcomed(welcome.session, resumed: isSame))
    if !isSame { endOldSession(&actions) }
    for i in memberships.indices { ask(i, now, &actions) }
  }

  /// A new session: nobody can settle what the old one had sent; what was never attached is joined now.
  private mutating func endOldSession(_ actions: inout ClientActions) {
    for m in memberships where m.phase != .joining {
      actions.events.append(
        .ended(m.id, last: InputSeq(m.acked), known: false, reason: "the server does not know the session any more"))
    }
    memberships.removeAll { $0.phase != .joining }
  }

  private mutating func open(_ now: Int64, _ actions: inout ClientActions) {
    connection = .connecting(giveUpAt: now + settings.greetingMicroseconds)
    actions.events.append(.connect)
  }

  private mutating func suspend() {
    for i in memberships.indices {
      if memberships[i].phase == .attached { memberships[i].phase = .attaching }
      memberships[i].askAgainAt = .max
      memberships[i].heldUntil = nil
    }
  }

  private mutating func tickMembership(_ i: Int, _ now: Int64, _ actions: inout ClientActions) {
    if now >= memberships[i].askAgainAt { ask(i, now, &actions) }
    if let until = memberships[i].heldUntil, now >= until {
      memberships[i].heldUntil = nil
      memberships[i].pump(window: settings.window, into: &actions)
    }
  }
}
