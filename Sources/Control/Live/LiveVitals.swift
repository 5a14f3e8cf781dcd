// The whole server in one look, as the dashboard and `oneup top` get it once a second.

package struct LiveVitals: Codable, Sendable {
  package struct Process: Codable, Sendable {
    package var role: String
    package var instance: Int
    package var pid: Int32
    package var state: String
    /// Since its last beat, in milliseconds.
    package var beatMilliseconds: Int64
    package var upMilliseconds: Int64
    /// Cores in use: 1 is one core; nil until it has been looked at twice.
    package var cpu: Double?
    package var memoryBytes: Int64
    package var rooms: Int64
    package var members: Int64
    package var turnMilliseconds: Double
    package var shards: [Int]

    enum CodingKeys: String, CodingKey {
      case role, instance, pid, state, cpu, rooms, members, shards
      case beatMilliseconds = "beat_ms"
      case upMilliseconds = "up_ms"
      case memoryBytes = "memory_bytes"
      case turnMilliseconds = "turn_ms"
    }
  }
  /// Milliseconds since 1970.
  package var at: Int64
  /// Every shard has an owner that serves it.
  package var served: Bool
  package var players: Int64
  package var connections: Int64
  package var rooms: Int64
  package var messagesPerSecond: Double
  package var eventsPerSecond: Double
  /// Of the inputs sampled in the last two seconds; nil: there were none.
  package var medianMilliseconds: Double?
  package var p99Milliseconds: Double?
  /// The longest that a player waited within the last hour.
  package var worstPauseMilliseconds: Double
  package var processes: [Process]

  enum CodingKeys: String, CodingKey {
    case at, served, players, connections, rooms, processes
    case messagesPerSecond = "messages_per_s"
    case eventsPerSecond = "events_per_s"
    case medianMilliseconds = "p50_ms"
    case p99Milliseconds = "p99_ms"
    case worstPauseMilliseconds = "worst_pause_ms"
  }
}

/// One step of the last hour.
package struct HistoryPoint: Codable, Sendable {
  /// Of its end, in milliseconds since 1970.
  package var at: Int64
  package var players: Int64
  package var rooms: Int64
  package var messagesPerSecond: Double
  package var p50: Double?
  package var p99: Double?
  /// The longest of the samples.
  package var max: Double?
  package var cpu: Double
  package var memoryBytes: Int64

  enum CodingKeys: String, CodingKey {
    case at, players, rooms, cpu
    case messagesPerSecond = "messages_per_s"
    case p50 = "p50_ms"
    case p99 = "p99_ms"
    case max = "max_ms"
    case memoryBytes = "memory_bytes"
  }
}
