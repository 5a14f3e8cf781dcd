// A room as the record alone makes it: a second, plain reading of the protocol, sharing no code with the worker but the
// decoding of events.
import Core
import Wire
import WorkerCore

struct RoomTwin {
  struct Member: Equatable {
    var membership: Membership
    var generation: Generation
    var isSuspended = false
    var lastSeq = InputSeq(0)
    var lastOut = OutSeq(0)
  }
  struct Timer: Equatable {
    var id: TimerID
    var due: Int64
    var payload: [UInt8]
  }
  struct Request: Equatable {
    var id: RequestID
    var key: RequestKey
  }
  /// What one version of the room's code has for itself.
  struct Version: Equatable {
    var module: ModuleHash
    var limits: RoomLimits
    var state = ScriptedRoom()
    var random: RandomState
    var nextTimer = TimerID(1)
    var timers: [Timer] = []
    var nextRequest = RequestID(1)
    var requests: [Request] = []
  }
  /// The version that listens.
  struct Silent: Equatable {
    var version: Version
    var lacks: Set<UInt32> = []
  }
  /// That speaks.
  var version: Version
  var silent: Silent?
  /// Members whom the version that speaks was never told of.
  var strangers: Set<UInt32> = []
  var eventSeq = EventSeq(0)
  var outSeq = OutSeq(0)
  var ownTimeline: UInt32 = 1
  var time: Int64
  var tick: UInt64 = 0
  var members: [UInt32: Member] = [:]
  var isFrozen = false
  var isLocked = false
  var hasEnded = false
  /// Idempotency keys, the oldest first.
  var signals: [[UInt8]] = []
  /// Of each output since the record begins.
  var outputs: [UInt64: UInt64] = [:]
  /// The last batch fails and its verdict is not on record yet: nothing is known from here on.
  var isOpen = false

  init(_ creation: RoomEvent.Creation, time: Int64) {
    version = Version(
      module: creation.module, limits: creation.limits, random: RandomState(seed: creation.seed))
    self.time = time
  }

  init?(_ snapshot: RoomSnapshot) {
    let h = snapshot.host
    guard let state = try? ScriptedRoom(snapshot.image) else { return nil }
    version = Version(
      module: h.module, limits: h.limits, state: state, random: h.random, nextTimer: h.nextTimer,
      timers: Self.timers(h.timers), nextRequest: h.nextRequest, requests: Self.requests(h.requests))
    if let part = h.twin {
      guard let image = snapshot.twinImage, let state = try? ScriptedRoom(image) else { return nil }
      silent = Silent(
        version: Version(
          module: part.module, limits: part.limits, state: state, random: part.random, nextTimer: part.nextTimer,
          timers: Self.timers(part.timers), nextRequest: part.nextRequest, requests: Self.requests(part.requests)),
        lacks: Set(part.lacks.map(\.rawValue)))
    }
    strangers = Set(h.strangers.map(\.rawValue))
    eventSeq = h.eventSeq
    outSeq = h.outSeq
    ownTimeline = h.ownTimeline
    time = h.time
    tick = h.tick
    isFrozen = h.frozen != nil
    isLocked = h.isLocked
    hasEnded = h.ended != nil
    signals = h.signals.map(\.idempotencyKey)
    for (i, member) in h.members.enumerated() {
      guard let member else { continue }
      members[UInt32(i)] = Member(
        membership: member.membership, generation: member.generation, isSuspended: member.suspended,
        lastSeq: member.lastSeq, lastOut: member.lastOut)
    }
  }
  /// A signal's key, without what a room says of its other requests, which makes needless what is older; rooms' and others'
  /// have a share each.
  mutating func remember(_ key: String) {
    func parts(_ key: String) -> [String]? {
      let parts = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      return (3...4).contains(parts.count) && parts[..<3].allSatisfy { $0.count == 16 } ? parts : nil
    }
    func text(_ key: [UInt8]) -> String { String(decoding: key, as: UTF8.self) }
    let said = parts(key)
    if let said, said.count == 4, let event = UInt64(said[1], radix: 16), let before = UInt64(said[3], radix: 16) {
      signals.removeAll { other in
        guard let other = parts(text(other)), other[0] == said[0] else { return false }
        return UInt64(other[1], radix: 16)! < event - before
      }
    }
    let share = signals.indices.filter { (parts(text(signals[$0])) == nil) == (said == nil) }
    if share.count >= Limits.signalAnswersMax { signals.remove(at: share[0]) }
    signals.append(Array((said?[..<3].joined(separator: ".") ?? key).utf8))
  }
  private static func timers(_ timers: [RoomTimer]) -> [Timer] {
    timers.map { Timer(id: $0.id, due: $0.due, payload: $0.payload) }
  }

  private static func requests(_ requests: [OpenRequest]) -> [Request] {
    requests.map { Request(id: $0.id, key: $0.key) }
  }
  /// By how much its first timer is late, in microseconds; nil: it is not, but for the time that a turn may take.
  func overdue(at now: Int64) -> Int64? {
    guard !isFrozen, !hasEnded else { return nil }
    let first = [version.timers.first?.due, silent?.version.timers.first?.due].compactMap { $0 }.min()
    return first.flatMap { now - $0 > Self.lateMicrosecondsMax ? now - $0 : nil }
  }
  private static let lateMicrosecondsMax: Int64 = 1_000_000

  /// Nil: the same.
  func difference(from snapshot: RoomSnapshot, mayDrift: Bool) -> String? {
    guard var other = RoomTwin(snapshot) else { return "the image does not decode" }
    if mayDrift { other.version.state.mixed = version.state.mixed }
    if eventSeq != other.eventSeq { return "events \(eventSeq) and \(other.eventSeq)" }
    if outSeq != other.outSeq { return "outputs \(outSeq) and \(other.outSeq)" }
    if ownTimeline != other.ownTimeline { return "timelines \(ownTimeline) and \(other.ownTimeline)" }
    if let difference = Self.difference(version, other.version) { return difference }
    switch (silent, other.silent) {
    case (nil, nil): break
    case (let one?, let another?):
      if let difference = Self.difference(one.version, another.version) { return "the silent version: \(difference)" }
      // A place that nobody has may stand in the list.
      let (mine, its) = (one.lacks.filter { members[$0] != nil }, another.lacks.filter { members[$0] != nil })
      if mine != its { return "the silent version lacks \(mine) and \(its)" }
    default: return "silent versions \(silent != nil) and \(other.silent != nil)"
    }
    if strangers != other.strangers { return "strangers \(strangers) and \(other.strangers)" }
    if time != other.time { return "times \(time) and \(other.time)" }
    if tick != other.tick { return "ticks \(tick) and \(other.tick)" }
    if members != other.members { return "members \(members) and \(other.members)" }
    if isLocked != other.isLocked { return "locked \(isLocked) and \(other.isLocked)" }
    if hasEnded != other.hasEnded { return "ended \(hasEnded) and \(other.hasEnded)" }
    if signals != other.signals { return "signals \(signals) and \(other.signals)" }
    if isFrozen != other.isFrozen { return "frozen \(isFrozen) and \(other.isFrozen)" }
    return nil
  }

  private static func difference(_ a: Version, _ b: Version) -> String? {
    if a.module != b.module || a.limits != b.limits { return "builds \(a.module) and \(b.module)" }
    if a.state != b.state {
      return
        "states: \(a.state.operations.count) and \(b.state.operations.count) operations, ticks \(a.state.ticks) and "
        + "\(b.state.ticks), mixed \(a.state.mixed) and \(b.state.mixed)"
    }
    if a.random != b.random { return "random states" }
    if a.nextTimer != b.nextTimer { return "next timers \(a.nextTimer) and \(b.nextTimer)" }
    if a.timers != b.timers { return "timers \(a.timers) and \(b.timers)" }
    if a.nextRequest != b.nextRequest { return "next requests \(a.nextRequest) and \(b.nextRequest)" }
    if a.requests != b.requests { return "requests \(a.requests) and \(b.requests)" }
    return nil
  }

  static func digest(_ payload: [UInt8], _ verdict: (InputSeq, UInt8, [UInt8])?) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ value: UInt64) { hash = (hash ^ value) &* 0x0000_0100_0000_01b3 }
    mix(UInt64(payload.count))
    for byte in payload { mix(UInt64(byte)) }
    if let (seq, kind, reply) = verdict {
      mix(seq.rawValue &+ 7)
      mix(UInt64(kind))
      for byte in reply { mix(UInt64(byte)) }
    }
    return hash
  }
}

extension RoomTwin.Version {
  /// What the event asked of other rooms.
  mutating func keepRequests(_ effects: RoomEffects, _ event: EventSeq, _ time: Int64) {
    var index = 0
    for case .ask(let id, let kind, let target, let payload) in effects.commands {
      let key = RequestKey(
        event: event, time: time, index: index, kind, target: effects.bytes[target], payload: effects.bytes[payload])
      requests.append(.init(id: id, key: key))
      index += 1
    }
  }
}

extension TwinReplay {
  enum Outcome {
    case uncalled, applied, refused, failed
    /// The host alone deals with it.
    case undone
    var isApplied: Bool { if case .applied = self { true } else { false } }
  }
}
