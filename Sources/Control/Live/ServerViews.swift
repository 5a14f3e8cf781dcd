// The supervisor's views, as far as control itself reads them.

package struct ProcessesView: Decodable, Sendable {
  struct Process: Decodable, Sendable {
    var role: String
    var instance: Int
    var pid: Int32
    var state: String
    var shards: [Int]
    var upMilliseconds: Int64
    var silentMilliseconds: Int64
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
  var served: Bool
  var processes: [Process]
}

struct HappenedView: Codable, Sendable {
  var number: Int64
  var atMicroseconds: Int64
  var role: String
  var instance: Int
  var kind: String
  var text: String
}

package struct RecoveryView: Codable, Sendable {
  var number: Int64
  var role: String
  var instance: Int
  var replacement: Int
  var cause: String
  var shards: [Int]
  var atMicroseconds: Int64
  var tookMicroseconds: Int64
  var rooms: Int64
  var events: Int64

  /// Whether players waited for it.
  var isPause: Bool { !shards.isEmpty || role == "gateway" }
}
