// What a process says of its work with each beat: a few numbers, cheap to count. Those that its role does not have are 0.
import Core

package struct Vitals: Sendable, Hashable {
  // The gateway's.
  /// Clients connected now.
  package var connections: UInt64 = 0
  /// Sessions with a connection now.
  package var players: UInt64 = 0
  /// Frames from and to players since the process began.
  package var messages: UInt64 = 0
  /// Of the sampled inputs of the last two seconds; from an input's reading to its acknowledgement's writing, in microseconds.
  package var latencyMedian: UInt64 = 0
  package var latency99: UInt64 = 0
  package var latencyMax: UInt64 = 0
  /// How many inputs that is.
  package var latencySamples: UInt64 = 0

  // A worker's.
  /// In memory.
  package var rooms: UInt64 = 0
  package var members: UInt64 = 0
  /// Executed since the process began.
  package var events: UInt64 = 0
  /// The longest turn of about the last second, in microseconds.
  package var turnMax: UInt64 = 0
  /// Rooms that came out differently when they were played again, since the process began.
  package var differences: UInt64 = 0

  package init() {}

  // On the channel, in the order of their declaration.

  func encode(into out: inout [UInt8]) {
    for value in [
      connections, players, messages, latencyMedian, latency99, latencyMax, latencySamples, rooms, members, events,
      turnMax, differences,
    ] { out.put(value) }
  }
  init(_ r: inout ByteReader) throws(DecodingError) {
    connections = try r.take()
    players = try r.take()
    messages = try r.take()
    latencyMedian = try r.take()
    latency99 = try r.take()
    latencyMax = try r.take()
    latencySamples = try r.take()
    rooms = try r.take()
    members = try r.take()
    events = try r.take()
    turnMax = try r.take()
    differences = try r.take()
  }
}
