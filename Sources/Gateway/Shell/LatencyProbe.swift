// Measures how long inputs take, one at a time: from the turn that reads an input to the writing of its acknowledgement.
//
//   idle ── an input is read ──▶ waiting ── its acknowledgement is written ──▶ idle, with a sample
//                                   └── the connection closes, or five seconds ──▶ idle, without one
//
// A worker's death while it waits is in the sample: that is the pause which the player sees.
import Core
import GatewayCore
import Wire

struct LatencyProbe {
  private struct Waiting {
    var connection: ConnectionID
    var joinID: JoinID
    var seq: InputSeq
    var since: Int64
  }
  private var waiting: Waiting?
  /// In microseconds, since they were last taken.
  private var samples: [UInt32] = []

  static let samplesPerTickMax = 32
  private static let patience: Int64 = 5_000_000

  var wantsInput: Bool { waiting == nil && samples.count < Self.samplesPerTickMax }

  /// What a connection sent, each frame behind its length: the first one may be a numbered input.
  mutating func look(at stream: UnsafeRawBufferPointer, of connection: ConnectionID, now: Int64) {
    guard stream.count > 4 else { return }
    let length = Int(UInt32(bigEndian: stream.loadUnaligned(as: UInt32.self)))
    guard length <= stream.count - 4,
      let input = ClientScanner.scan(UnsafeRawBufferPointer(rebasing: stream[4..<4 + length])), input.seq != InputSeq(0)
    else { return }
    waiting = Waiting(connection: connection, joinID: input.joinID, seq: input.seq, since: now)
  }

  func awaits(_ connection: ConnectionID) -> Bool { waiting?.connection == connection }

  /// What goes to a connection; `clock` is asked only for the one that is waited for.
  mutating func look(atOutput frames: UnsafeRawBufferPointer, clock: () -> Int64) {
    guard let input = waiting, AckScanner.acknowledges(frames, input.joinID, input.seq) else { return }
    samples.append(UInt32(clamping: clock() - input.since))
    waiting = nil
  }

  mutating func closed(_ connection: ConnectionID) {
    if awaits(connection) { waiting = nil }
  }

  mutating func take(now: Int64) -> [UInt32] {
    if let input = waiting, now - input.since > Self.patience { waiting = nil }
    guard !samples.isEmpty else { return [] }
    var taken: [UInt32] = []
    taken.reserveCapacity(Self.samplesPerTickMax)
    swap(&taken, &samples)
    return taken
  }
}

/// The samples of the last beats of all loops.
struct LatencyWindow {
  /// Two seconds of them.
  private static let beatsMax = 20
  private var beats: [[UInt32]] = []

  mutating func add(_ samples: [UInt32]) {
    if beats.count == Self.beatsMax { beats.removeFirst() }
    beats.append(samples)
  }

  func fill(_ vitals: inout Vitals) {
    let sorted = beats.joined().sorted()
    guard let last = sorted.last else { return }
    vitals.latencyMedian = UInt64(sorted[sorted.count / 2])
    vitals.latency99 = UInt64(sorted[min(sorted.count - 1, sorted.count * 99 / 100)])
    vitals.latencyMax = UInt64(last)
    vitals.latencySamples = UInt64(sorted.count)
  }
}
