// What is remembered of a room for whoever looks into it: in memory only, gone with the worker.
import Core

final class RoomWatch {
  struct Event {
    var seq: EventSeq
    var kind: UInt8
    var slot: Slot?
    /// Microseconds since 1970.
    var time: Int64
    var fuel: UInt64
  }
  struct Failure {
    var event: EventSeq
    var fault: String
    var text: String
    var time: Int64
  }
  static let failuresMax = 16
  /// The newest stands before `next`, once there are as many as are remembered.
  @exclusivity(unchecked) private var ring: [Event] = []
  @exclusivity(unchecked) private var next = 0
  @exclusivity(unchecked) private(set) var fuelMax: UInt64 = 0
  private(set) var failures: [Failure] = []

  /// Allocates only while the ring grows.
  func note(_ seq: EventSeq, _ event: borrowing RoomEvent, _ kind: UInt8, _ time: Int64, _ fuel: UInt64) {
    if fuel > fuelMax { fuelMax = fuel }
    let entry = Event(seq: seq, kind: kind, slot: event.blamed, time: time, fuel: fuel)
    if ring.count < Limits.lastEventsMax {
      ring.append(entry)
    } else {
      ring[next] = entry
      next = next + 1 == Limits.lastEventsMax ? 0 : next + 1
    }
  }
  func note(_ event: EventSeq, _ fault: String, _ text: String, _ time: Int64) {
    if failures.count >= Self.failuresMax { failures.removeFirst() }
    failures.append(Failure(event: event, fault: fault, text: text, time: time))
  }
  /// The oldest first.
  var events: [Event] { Array(ring[next...] + ring[..<next]) }
}

extension RoomEvent {
  /// What a kind is called where people read it.
  static func name(ofKind kind: UInt8) -> String {
    let names = [
      "created", "joined", "attached", "input", "rejected", "leave", "removed", "suspended", "tick", "timer", "frozen",
      "signal", "ended", "locked", "dropped", "upgraded", "back", "twinEnded", "wake", "answered",
    ]
    return kind > 0 && Int(kind) <= names.count ? names[Int(kind) - 1] : "unknown"
  }
}
