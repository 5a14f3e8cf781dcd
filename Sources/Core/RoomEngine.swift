// The seam between a worker and whatever runs game code: wasmtime in production, scripted rooms in the simulator.

/// A call into a room's module. Every one of these is an event, except `check`.
package enum RoomCall: Sendable, Hashable {
  case create
  case join(Slot)
  case leave(Slot, LeaveReason)
  case suspended(Slot)
  case returned(Slot)
  /// A member's message; the stamp is 0 for a numbered one.
  case message(Slot, stamp: UInt64)
  /// `skipped`: ticks that were left out before this one.
  case tick(number: UInt64, skipped: UInt32)
  case timer(TimerID)
  /// From the game's own backend, or from another room; answered by `reply`.
  case signal
  /// What came of a request of its own; the payload is the reply, or the reason.
  case answered(RequestID, RequestOutcome)
}

/// What can be seen of a room without an event.
package enum RoomView: Sendable, Hashable {
  /// The full state as a member may see it, or as everybody may.
  case state(Slot?)
  /// Readable, for people: JSON. Empty where the module does not offer it.
  case json
  /// What the room finds wrong with itself; empty: nothing.
  case check
}

package enum LeaveReason: UInt8, Sendable, Hashable {
  case left = 0
  case kicked = 1
  case expired = 2
}

/// A timer of one room; the room's counter, from 1.
package struct TimerID: Identifier {
  package let rawValue: UInt32
  package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

extension TimerID {
  /// The one after it; begins anew at the end, for which a module that starts timers all day must not kill a worker.
  package var next: TimerID { TimerID(rawValue == UInt32.max ? 1 : rawValue + 1) }
}

/// What one call asked the host to do, in order. Reused: `reset` before each call, never reallocated when warm.
package struct RoomEffects {
  package enum Target: Sendable, Hashable {
    case all
    case only(Slot)
    case except(Slot)
    /// Slots, each four bytes, little endian; those that nobody has are passed over.
    case some(Range<Int>)
  }
  package enum Command: Sendable, Hashable {
    case send(Target, reliable: Bool, payload: Range<Int>)
    /// A small answer that rides with the verdict on the message being handled.
    case reply(payload: Range<Int>)
    /// The message is refused; the room promises that it changed nothing.
    case refuse(reason: Range<Int>)
    case after(TimerID, milliseconds: UInt64, payload: Range<Int>)
    case cancel(TimerID)
    case kick(Slot, reason: Range<Int>)
    case log(level: UInt8, text: Range<Int>)
    /// Adds to a counter of the module.
    case count(name: Range<Int>, amount: Int64)
    /// What the list of rooms says of this one.
    case label(Range<Int>)
    /// `key=value`; an empty value removes the key.
    case property(Range<Int>)
    /// A locked room takes no new members.
    case lock(Bool)
    /// The room is over after this event.
    case end(reason: Range<Int>)
    /// Asks the room that `target` names for something, `module/key`. The payload is the room's parameters, or the signal.
    case ask(RequestID, RequestKind, target: Range<Int>, payload: Range<Int>)
  }
  package var commands: [Command] = []
  /// What the ranges of the commands point into.
  package var bytes: [UInt8] = []
  package init() {}
  package mutating func reset() {
    commands.removeAll(keepingCapacity: true)
    bytes.removeAll(keepingCapacity: true)
  }
}

/// What a call sees of the world. `random`, `nextTimer`, `nextRequest` are the room's state and come back changed.
package struct RoomContext: Sendable, Hashable {
  /// Microseconds since 1970.
  package var time: Int64
  package var tick: UInt64
  package var random: RandomState
  /// The id that the next `after` gets.
  package var nextTimer: TimerID
  /// The id that the next `ask` gets.
  package var nextRequest: RequestID
  /// Requests without an answer, those of the call under way among them: at the limit there is no further one.
  package var openRequests: Int
  package init(
    time: Int64, tick: UInt64, random: RandomState, nextTimer: TimerID, nextRequest: RequestID = RequestID(1),
    openRequests: Int = 0
  ) {
    self.time = time
    self.tick = tick
    self.random = random
    self.nextTimer = nextTimer
    self.nextRequest = nextRequest
    self.openRequests = openRequests
  }
  /// The id of a request, or nil where too many are open or it is too long. The engine puts the `ask` into its effects.
  package mutating func takeRequest(_ kind: RequestKind, targetBytes: Int, payloadBytes: Int) -> RequestID? {
    guard openRequests < Limits.requestsPerRoomMax, targetBytes <= Limits.requestTargetBytesMax,
      payloadBytes <= (kind == .open ? Limits.joinParametersBytesMax : Limits.inputBytesMax)
    else { return nil }
    defer { nextRequest = nextRequest.next }
    openRequests += 1
    return nextRequest
  }
}

/// What a call may use. Recorded with the room, so that replay agrees.
package struct RoomLimits: Sendable, Hashable {
  /// Per event.
  package var fuel: UInt64
  package var memoryBytes: UInt32
  package var stackBytes: UInt32
  /// Bytes of sends, replies and timers of one event.
  package var outputBytes: UInt32
  package init(fuel: UInt64, memoryBytes: UInt32, stackBytes: UInt32, outputBytes: UInt32) {
    self.fuel = fuel
    self.memoryBytes = memoryBytes
    self.stackBytes = stackBytes
    self.outputBytes = outputBytes
  }
}

/// How strictly a call is bounded.
package enum RoomBudget: Sendable, Hashable {
  /// Live: the recorded limits and the watchdog.
  case live
  /// Deciding an event anew after a death: the recorded limits and the watchdog (whose trip counts as a death).
  case deciding
  /// Replaying a decided event: fuel unlimited, no watchdog.
  case decided
}

package struct RoomFault: Sendable, Hashable {
  package enum Kind: UInt8, Sendable {
    case trap = 1
    case fuel = 2
    case stack = 3
    case memory = 4
    case output = 5
    /// The CPU-time watchdog: the environment's fault as often as the room's.
    case watchdog = 6
    /// The worker died at it, twice in a row.
    case death = 7
  }
  package var kind: Kind
  /// One line for people.
  package var text: String
  /// Demangled function names, innermost first.
  package var backtrace: [String]
  package init(kind: Kind, text: String, backtrace: [String] = []) {
    self.kind = kind
    self.text = text
    self.backtrace = backtrace
  }
}

package enum RoomOutcome: Sendable, Hashable {
  case applied(fuelUsed: UInt64)
  /// By the module, before it changed anything; the reason is in the effects (`refuse`).
  case refused(fuelUsed: UInt64)
  /// The instance is spoiled: only `discard` may follow. The effects are void.
  case failed(RoomFault)
}

/// What a module says of itself.
package struct ModuleSettings: Sendable, Hashable {
  package var name: String
  package var version: String
  package var hash: ModuleHash
  /// Ticks a second; 0: none.
  package var ticksPerSecond: UInt32
  package var membersMax: UInt32
  package var ticksWhenEmpty: Bool
  package var limits: RoomLimits
  /// Else rooms come from the HTTP interface only.
  package var clientsMayCreate = true
  /// On the whole server; 0: no limit of its own.
  package var roomsMax: UInt32 = 0
  /// How long a room stays with nobody in it; 0: for ever.
  package var keepEmptySeconds: UInt32 = 0
  /// How long a member's place is kept without a connection; 0: the server's usual.
  package var graceSeconds: UInt32 = 0
  package init(
    name: String, version: String, hash: ModuleHash, ticksPerSecond: UInt32, membersMax: UInt32,
    ticksWhenEmpty: Bool, limits: RoomLimits
  ) {
    self.name = name
    self.version = version
    self.hash = hash
    self.ticksPerSecond = ticksPerSecond
    self.membersMax = membersMax
    self.ticksWhenEmpty = ticksWhenEmpty
    self.limits = limits
  }
}

package struct EngineError: Error, Sendable, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}

/// Why a room's state could not be carried to another build. Nothing was changed.
package struct CarryError: Error, Sendable {
  package enum Kind: Sendable, Hashable {
    /// The older build has no `save`, or the newer one no `restore`.
    case cannotSave
    case saveFailed
    /// The newer build does not understand what was saved.
    case refused
    case restoreFailed
    /// A build's bytes are not here, or there is no place for another instance.
    case unavailable
  }
  package var kind: Kind
  /// One line for people.
  package var text: String
  /// Where code failed.
  package var fault: RoomFault?
  package init(_ kind: Kind, _ text: String, fault: RoomFault? = nil) {
    self.kind = kind
    self.text = text
    self.fault = fault
  }
}

/// One room's instance. Only the engine that made it knows what it is, and only that engine may be given it.
package protocol RoomInstance: AnyObject {}

/// Runs modules. Deterministic: the same instance state, call, payload and context give the same outcome, effects and
/// state, on every host, as long as `identity` is the same. Called from one thread.
package protocol RoomEngine: AnyObject {
  /// Engine, version and settings that can change fuel or stack use; journal segments carry it.
  var identity: String { get }
  /// What the last call asked for; void after a failed one.
  var effects: RoomEffects { get set }
  /// How many things the last call asked for; cheaper than a look at `effects`.
  var effectCount: Int { get }
  /// In: what the next call sees. Out: what it left.
  var context: RoomContext { get set }

  /// The newest build of a module that players may be given, or nil.
  func module(named name: String) -> ModuleSettings?
  /// A build that a room was made with, newest or not; nil when its bytes are gone.
  func module(_ hash: ModuleHash) -> ModuleSettings?

  /// A fresh instance: the module's start state, `create` not called yet.
  func make(_ module: ModuleHash, limits: RoomLimits) throws(EngineError) -> any RoomInstance
  func call(
    _ instance: any RoomInstance, _ call: RoomCall, payload: UnsafeRawBufferPointer, budget: RoomBudget
  ) -> RoomOutcome
  /// The whole mutable state: memory without its zero pages, and globals. Appends.
  func image(of instance: any RoomInstance, into bytes: inout [UInt8])
  /// An instance with that state.
  func restore(
    _ module: ModuleHash, limits: RoomLimits, image: UnsafeRawBufferPointer
  ) throws(EngineError) -> any RoomInstance
  /// Like `make` and `restore`, with a larger stack than rooms have: for events that were decided under an engine whose
  /// code needed less. Nothing is to be decided there, and the state goes on by its image.
  func makeForReplay(_ module: ModuleHash, limits: RoomLimits) throws(EngineError) -> any RoomInstance
  func restoreForReplay(
    _ module: ModuleHash, limits: RoomLimits, image: UnsafeRawBufferPointer
  ) throws(EngineError) -> any RoomInstance
  /// Carries a room's state to another build, aside: `save` on a throw-away copy of `instance`, then `restore` in a fresh
  /// instance of `module`, which is returned; `instance` is as before. Both under their recorded limits and the watchdog.
  func carry(
    _ instance: any RoomInstance, to module: ModuleHash, limits: RoomLimits, context: RoomContext
  ) throws(CarryError) -> any RoomInstance
  /// Rooms of its name are made with this build from now on.
  func offer(_ module: ModuleHash) throws(EngineError)
  /// Whether rooms of that build may be run a second time to see that they come out the same: not where a failure of
  /// theirs would be the process's.
  func repeats(_ module: ModuleHash) -> Bool
  /// Whether code of that build is confined: a failure of it is the room's alone. Else it may be the process's, and every
  /// call is noted.
  func confines(_ module: ModuleHash) -> Bool
  /// A snapshot was taken of the instance: from here on it does what one does that is restored from that.
  func beginAnew(_ instance: any RoomInstance)
  /// Gives the instance's place back to the pool.
  func discard(_ instance: any RoomInstance)
  /// Looks at a throw-away copy of the instance. Appends what is seen.
  func describe(_ instance: any RoomInstance, as view: RoomView, into bytes: inout [UInt8]) throws(EngineError)
}

extension RoomEngine {
  package func repeats(_ module: ModuleHash) -> Bool { true }
  package func confines(_ module: ModuleHash) -> Bool { true }
  package func beginAnew(_ instance: any RoomInstance) {}
  package func makeForReplay(_ module: ModuleHash, limits: RoomLimits) throws(EngineError) -> any RoomInstance {
    try make(module, limits: limits)
  }
  package func restoreForReplay(
    _ module: ModuleHash, limits: RoomLimits, image: UnsafeRawBufferPointer
  ) throws(EngineError) -> any RoomInstance {
    try restore(module, limits: limits, image: image)
  }
}
