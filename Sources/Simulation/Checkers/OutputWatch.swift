// I-4 as a client's wire shows it, without the client's core: the chain of `prev`, nothing twice, no gap, and a full
// state wherever the chain is broken.
import Core
import Wire

struct OutputWatch {
  private struct Chain {
    var timeline = Timeline(0)
    var last = OutSeq(0)
    /// The last numbered frame was a state: its `asOf` may lie above the member's own last output.
    var isAfterState = false
    /// Attached on another timeline: the state has to come first.
    var needsState = true
    var isAttached = false
    var wasEverAttached = false
  }
  private var chains: [JoinID: Chain] = [:]
  /// The list of operations as each membership has been told it.
  var views: [JoinID: [UInt64]] = [:]

  mutating func begin(_ id: JoinID) { chains[id] = Chain() }
  mutating func connected() {
    for id in chains.keys { chains[id]!.isAttached = false }
  }
  func timeline(_ id: JoinID) -> Timeline { chains[id]?.timeline ?? Timeline(0) }

  /// Nil, or what is wrong.
  mutating func heard(_ frame: ServerFrame) -> String? {
    switch frame {
    case .attached(let id, _, _, _, let timeline, _, _):
      guard var chain = chains[id] else { return nil }
      if !chain.wasEverAttached || chain.timeline != timeline {
        chain.needsState = true
        chain.last = OutSeq(0)
      }
      if chain.wasEverAttached, timeline < chain.timeline {
        return "membership \(id) goes back to timeline \(timeline)"
      }
      chain.timeline = timeline
      chain.isAttached = true
      chain.wasEverAttached = true
      chains[id] = chain
    case .state(let id, let timeline, let asOf, _):
      guard var chain = chains[id], chain.isAttached else { return nil }
      guard timeline == chain.timeline else { return "membership \(id) gets a state of timeline \(timeline)" }
      guard chain.needsState || asOf >= chain.last else {
        return "membership \(id) gets an older state: \(asOf) after \(chain.last)"
      }
      chain.last = asOf
      chain.isAfterState = true
      chain.needsState = false
      chains[id] = chain
    case .output(let id, let seq, let prev, _, _):
      guard var chain = chains[id], seq.rawValue > 0 else { return nil }
      guard chain.isAttached else { return "membership \(id) gets output \(seq) before it is attached" }
      guard !chain.needsState else { return "membership \(id) gets output \(seq) of a new timeline without its state" }
      guard seq > chain.last else { return "membership \(id) gets output \(seq) after \(chain.last): doubled" }
      guard prev <= chain.last else {
        return "membership \(id) gets output \(seq) whose previous is \(prev) after \(chain.last): a gap"
      }
      guard chain.isAfterState || prev == chain.last else {
        return "membership \(id) gets output \(seq) whose previous is \(prev) after \(chain.last): a wrong chain"
      }
      chain.last = seq
      chain.isAfterState = false
      chains[id] = chain
    case .gone(let id, _, _, _): chains[id]?.isAttached = false
    default: break
    }
    return nil
  }
}
