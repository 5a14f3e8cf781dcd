// A release on its way into the rooms, as people and scripts see it.
package import Artifacts
internal import Core

/// Which rollout: its module and a number that rises.
package struct RolloutID: Hashable, Sendable, Codable, CustomStringConvertible {
  package let description: String
  init(_ module: String, _ number: Int) { description = "\(module)-\(number)" }
  package init(from decoder: any Decoder) throws { description = try String(from: decoder) }
  package func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}

/// What a release must pass, in order.
package enum Gate: String, Codable, Sendable, Comparable, CaseIterable {
  case verify, rehearse, canary, permanent
  private var rank: Int { Gate.allCases.firstIndex(of: self) ?? 0 }
  package static func < (a: Gate, b: Gate) -> Bool { a.rank < b.rank }
}

package enum RolloutState: String, Codable, Sendable {
  case running
  /// It waits for somebody's word; rooms stay as they are, and what is bad still takes itself back.
  case paused
  /// Every room that can runs the new build, and new rooms are made with it.
  case done
  /// It never ran in a room.
  case refused
  /// Rooms go back, or have gone back, to what they ran before.
  case rolledBack
}

/// Of the rooms that are awake, but for `asleep`.
package struct RoomCounts: Hashable, Codable, Sendable {
  package var new = 0
  package var old = 0
  /// Of the new ones: those whose old version goes on beside it.
  package var probation = 0
  package var total = 0
  /// Those that sleep: they are left alone, and follow when they wake.
  package var asleep = 0
  package init() {}

  private enum CodingKeys: String, CodingKey { case new, old, probation, total, asleep }
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    new = try container.decode(Int.self, forKey: .new)
    old = try container.decode(Int.self, forKey: .old)
    probation = try container.decode(Int.self, forKey: .probation)
    total = try container.decode(Int.self, forKey: .total)
    asleep = try container.decodeIfPresent(Int.self, forKey: .asleep) ?? 0
  }
}

/// The same events under both versions.
package struct LiveComparison: Hashable, Codable, Sendable {
  package var old: Stats
  package var new: Stats
  package var outcomeDifferences: UInt64
  package var outputDifferences: UInt64
  package init(
    old: Stats = Stats(), new: Stats = Stats(), outcomeDifferences: UInt64 = 0, outputDifferences: UInt64 = 0
  ) {
    (self.old, self.new) = (old, new)
    (self.outcomeDifferences, self.outputDifferences) = (outcomeDifferences, outputDifferences)
  }
}

package struct RolloutNote: Hashable, Codable, Sendable {
  /// Milliseconds since 1970.
  package var at: Int64
  package var gate: Gate
  package var text: String
}

/// What `GET /v1/releases` shows.
package struct Rollout: Hashable, Codable, Sendable {
  package internal(set) var id: RolloutID
  package internal(set) var module: String
  /// nil: there was no build of this module before.
  package internal(set) var from: Build?
  package internal(set) var to: Build
  package internal(set) var gate = Gate.verify
  package internal(set) var state = RolloutState.running
  /// Why it is as it is, in a sentence.
  package internal(set) var why: String
  /// It is paused only until a room is awake that could show something: then it goes on by itself. nil: it is not.
  package internal(set) var waitsForRoom: Bool?
  /// Of the rooms that can be upgraded.
  package internal(set) var percent = 0
  package internal(set) var rooms = RoomCounts()
  /// Milliseconds since 1970.
  package internal(set) var startedAt: Int64
  /// When `gate` or `state` became what they are.
  package internal(set) var since: Int64
  package internal(set) var rehearsal: Report?
  package internal(set) var live: LiveComparison?
  /// Oldest first; bounded.
  package internal(set) var history: [RolloutNote] = []

  init(id: RolloutID, module: String, from: Build?, to: Build, why: String, at: Int64) {
    (self.id, self.module, self.from, self.to, self.why) = (id, module, from, to, why)
    (startedAt, since) = (at, at)
  }

  package var isOver: Bool { state == .done || state == .refused || state == .rolledBack }

  private enum CodingKeys: String, CodingKey {
    case id, module, from, to, gate, state, why, waitsForRoom, percent, rooms, startedAt, since, rehearsal, live,
      history
  }
  /// With `null` for what is not there, so that readers find every name.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(id, forKey: .id)
    try container.encode(module, forKey: .module)
    try container.encode(from, forKey: .from)
    try container.encode(to, forKey: .to)
    try container.encode(gate, forKey: .gate)
    try container.encode(state, forKey: .state)
    try container.encode(why, forKey: .why)
    try container.encodeIfPresent(waitsForRoom, forKey: .waitsForRoom)
    try container.encode(percent, forKey: .percent)
    try container.encode(rooms, forKey: .rooms)
    try container.encode(startedAt, forKey: .startedAt)
    try container.encode(since, forKey: .since)
    try container.encode(rehearsal, forKey: .rehearsal)
    try container.encode(live, forKey: .live)
    try container.encode(history, forKey: .history)
  }
}
