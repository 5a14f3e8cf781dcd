// The supervisor's views, as control and the operator's commands read them.

/// `/v1/processes`.
package struct ProcessesView: Decodable, Sendable {
  package struct Process: Decodable, Sendable {
    package var role: String
    package var instance: Int
    package var pid: Int32
    package var state: String
    package var shards: [Int]
    package var upMilliseconds: Int64
    package var silentMilliseconds: Int64
    var vitals: Counts
  }
  /// What the process counts; the members depend on its role.
  struct Counts: Decodable, Sendable {
    var connections: Int64?
    var players: Int64?
    var messages: Int64?
    var latencyMedian: Int64?
    var latency99: Int64?
    var latencyMax: Int64?
    var latencySamples: Int64?
    var rooms: Int64?
    var members: Int64?
    var events: Int64?
    var turnMax: Int64?
  }
  package var served: Bool
  package var processes: [Process]
}

/// One of `/v1/events`.
package struct HappenedView: Codable, Sendable {
  package var number: Int64
  package var atMicroseconds: Int64
  package var role: String
  package var instance: Int
  package var kind: String
  package var text: String
}

/// One of `/v1/recoveries`.
package struct RecoveryView: Codable, Sendable {
  package var number: Int64
  package var role: String
  package var instance: Int
  package var replacement: Int
  package var cause: String
  package var shards: [Int]
  package var atMicroseconds: Int64
  package var tookMicroseconds: Int64
  package var rooms: Int64
  package var events: Int64

  /// Whether players waited for it.
  var isPause: Bool { !shards.isEmpty || role == "gateway" }
}
