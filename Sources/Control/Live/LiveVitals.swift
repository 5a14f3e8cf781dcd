// The whole server in one look, as the dashboard and `oneup top` get it once a second.

struct LiveVitals: Encodable, Sendable {
  struct Process: Encodable, Sendable {
    var role: String
    var instance: Int
    var pid: Int32
    var state: String
    /// Since its last beat, in milliseconds.
    var beatMilliseconds: Int64
    var upMilliseconds: Int64
    /// Cores in use: 1 is one core; nil until it has been looked at twice.
    var cpu: Double?
    var memoryBytes: Int64
    var rooms: Int64
    var members: Int64
    var turnMilliseconds: Double
    var shards: [Int]

    enum CodingKeys: String, CodingKey {
      case role, instance, pid, state, cpu, rooms, members, shards
      case beatMilliseconds = "beat_ms"
      case upMilliseconds = "up_ms"
      case memoryBytes = "memory_bytes"
      case turnMilliseconds = "turn_ms"
    }
  }
  /// Milliseconds since 1970.
  var at: Int64
  /// Every shard has an owner that serves it.
  var served: Bool
  var players: Int64
  var connections: Int64
  var rooms: Int64
  var messagesPerSecond: Double
  var eventsPerSecond: Double
  /// Of the inputs sampled in the last two seconds; nil: there were none.
  var medianMilliseconds: Double?
  var p99Milliseconds: Double?
  /// The longest that a player waited within the last hour.
  var worstPauseMilliseconds: Double
  var processes: [Process]

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
struct HistoryPoint: Codable, Sendable {
  /// Of its end, in milliseconds since 1970.
  var at: Int64
  var players: Int64
  var rooms: Int64
  var messagesPerSecond: Double
  var p50: Double?
  var p99: Double?
  /// The longest of the samples.
  var max: Double?
  var cpu: Double
  var memoryBytes: Int64

  enum CodingKeys: String, CodingKey {
    case at, players, rooms, cpu
    case messagesPerSecond = "messages_per_s"
    case p50 = "p50_ms"
    case p99 = "p99_ms"
    case max = "max_ms"
    case memoryBytes = "memory_bytes"
  }
}
