// A rollout with what it must remember to go on: where it stands, and what it has seen.
internal import Artifacts
internal import Core

struct Course: Hashable, Codable, Sendable {
  /// Who acts where nobody asked for it.
  static let itself = "oneup"
  static let historyMax = 60

  var rollout: Rollout
  let scope: [String]
  let who: String
  let reason: String
  /// Without waiting for evidence.
  let isNow: Bool
  /// All rooms are the first step.
  let isOnTrial: Bool
  let olderIsAskedFor: Bool
  /// The way back from a permanent release, which is banned when all rooms have left it.
  let bansOld: Bool
  /// 0: one room; then `ReleaseSettings.percents`.
  var step = 0
  /// How long the step has been with all its rooms upgraded, and how long at all. Only time that was watched counts.
  var bakedMilliseconds: Int64 = 0
  var waitedMilliseconds: Int64 = 0
  /// It was paused in this step because no room was awake, and has gone on by itself.
  var hasWaitedForRoom: Bool?
  /// The new version's events when the step began.
  var eventsAtStep: UInt64 = 0
  var ledger = Ledger()
  /// Builds, by their hashes, whose rooms cannot be carried to the new one, and why.
  var staying: [String: String] = [:]
  /// Rooms that stay where they are because carrying them failed, and why.
  var failed: [String: String] = [:]
  /// Somebody's promotion: no step is waited for.
  var isPromoted = false
  /// Nothing is left to do.
  var hasEnded = false

  init(_ candidate: Candidate, id: RolloutID, from: Build?, bansOld: Bool, at now: Now) {
    rollout = Rollout(
      id: id, module: candidate.module, from: from, to: candidate.build,
      why: "its signature, names and bytes are looked at",
      at: now.wall / 1_000)
    (scope, who, reason) = (candidate.scope, candidate.who, candidate.reason)
    (isNow, isOnTrial) = (candidate.now, candidate.onTrial && !candidate.now)
    (olderIsAskedFor, self.bansOld) = (candidate.olderIsAskedFor, bansOld)
  }

  mutating func pass(milliseconds: Int64, isBaking: Bool) {
    guard rollout.gate == .canary, rollout.state == .running else { return }
    waitedMilliseconds += milliseconds
    if isBaking { bakedMilliseconds += milliseconds }
  }

  /// A change of state or gate, for people. A long history loses its middle.
  mutating func become(_ state: RolloutState, _ gate: Gate, _ why: String, _ now: Now) {
    rollout.state = state
    rollout.gate = gate
    rollout.why = why
    rollout.waitsForRoom = nil
    rollout.since = now.wall / 1_000
    note(why, now)
  }
  mutating func note(_ text: String, _ now: Now) {
    rollout.history.append(RolloutNote(at: now.wall / 1_000, gate: rollout.gate, text: text))
    if rollout.history.count > Course.historyMax { rollout.history.remove(at: Course.historyMax / 2) }
  }

  mutating func beginStep(_ number: Int) {
    step = number
    bakedMilliseconds = 0
    waitedMilliseconds = 0
    hasWaitedForRoom = nil
    eventsAtStep = ledger.new.events
  }

  /// Rooms that this release is for.
  func isFor(_ room: RoomSight) -> Bool { scope.isEmpty || scope.contains { room.key.hasPrefix($0) } }
  /// Rooms that it can be brought to.
  func canTake(_ room: RoomSight) -> Bool {
    // Asked of thousands of rooms at a time: names are written out only where something bears one.
    isFor(room) && !room.isFrozen && (staying.isEmpty || staying[room.build.description] == nil)
      && (failed.isEmpty || failed[room.id.description] == nil)
  }
  func isNew(_ room: RoomSight) -> Bool { room.build == rollout.to.hash }

  func audit(
    _ what: ReleaseAudit.What, by who: String = Course.itself, of build: Build? = nil, rooms: [RoomID] = [],
    _ why: String
  ) -> ReleaseAction {
    .audit(
      ReleaseAudit(who: who, what: what, module: rollout.module, build: build ?? rollout.to, rooms: rooms, why: why))
  }
}
