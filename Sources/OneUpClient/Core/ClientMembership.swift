// One membership as its client sees it: what is unacknowledged, and what came last.
import Core

struct ClientMembership: Sendable {
  enum Phase: Sendable, Hashable {
    /// `Attached` never came: `Join` is what goes out, with the same id.
    case joining
    /// Inputs flow.
    case attached
    /// Was attached; waits for the answer to an `Attach`.
    case attaching
    case ended
  }
  struct Pending: Sendable {
    var payload: [UInt8]
    var isLeave: Bool
  }

  let id: JoinID
  let module: String
  let key: String
  let parameters: [UInt8]
  var phase = Phase.joining
  /// When a `Join` or `Attach` is to be sent again.
  var askAgainAt = Int64.max
  /// Since it was last attached: each doubles the time to the next asking.
  var refusals: Int64 = 0
  var room = RoomID(0)
  var timeline = Timeline(0)
  /// Of the timeline; 0 with `needsState`.
  var lastOut = OutSeq(0)
  /// Attached on a new timeline, and its state has not come: nothing of that timeline is known yet, so an `Attach` must
  /// not claim it.
  var needsState = true

  /// Inputs ≤ `acked` are decided; `pending[0]` is `acked + 1`.
  var acked: UInt64 = 0
  var pending: [Pending] = []
  /// In flight: `acked + 1 ... sent`. `sent ≥ acked` always.
  var sent: UInt64 = 0
  /// The highest input whose verdict is known, by a result or by an acknowledgement.
  var verdictKnown: UInt64 = 0
  /// After an `Attached`: decided up to `through`, told once outputs up to `upTo` have come.
  var settling: (through: UInt64, upTo: OutSeq)?
  /// `Busy`: nothing numbered is sent before this time.
  var heldUntil: Int64?
  var isLeaving = false

  init(id: JoinID, module: String, key: String, parameters: [UInt8]) {
    self.id = id
    self.module = module
    self.key = key
    self.parameters = parameters
  }

  /// The number of the last input queued.
  var last: UInt64 { acked + UInt64(pending.count) }

  /// What asks the server for this membership.
  var asking: ClientRequest {
    phase == .joining
      ? .join(id, module: module, key: key, parameters: parameters)
      : .attach(id, room: room, timeline: needsState ? Timeline(0) : timeline, lastOut: lastOut)
  }

  /// Sends what may be sent: in order, within the window, not while held.
  mutating func pump(window: Int, into actions: inout ClientActions) {
    guard phase == .attached, heldUntil == nil else { return }
    while sent < last, sent - acked < UInt64(window) {
      let next = pending[Int(sent - acked)]
      sent += 1
      let seq = InputSeq(sent)
      actions.requests.append(next.isLeave ? .leave(id, seq) : .input(id, seq, payload: next.payload, stamp: 0))
    }
  }

  /// The next to be sent is `seq`, or the first that is not acknowledged.
  mutating func goBack(to seq: UInt64) {
    sent = min(sent, max(seq, 1) - 1)
    sent = max(sent, acked)
  }

  /// Everything up to `seq` is decided and its verdicts have come. Precondition: `acked ≤ seq ≤ last`.
  mutating func acknowledge(_ seq: UInt64, into actions: inout ClientActions) {
    precondition(seq >= acked && seq <= last, "acknowledged outside what waits")
    if let settling, seq >= settling.through { self.settling = nil }
    guard seq > acked else { return }
    pending.removeFirst(Int(seq - acked))
    acked = seq
    sent = max(sent, seq)
    verdictKnown = max(verdictKnown, seq)
    actions.events.append(.acked(id, through: InputSeq(seq)))
  }

  /// Numbers what waits from `next` on, `acked` becoming `next - 1`.
  mutating func renumber(from next: UInt64, into actions: inout ClientActions) {
    let old = acked + 1
    acked = next - 1
    sent = acked
    verdictKnown = acked
    settling = nil
    guard next != old else { return }
    actions.events.append(
      .renumbered(id, from: InputSeq(old), to: InputSeq(next), firstLost: next < old ? InputSeq(next) : nil))
  }
}
