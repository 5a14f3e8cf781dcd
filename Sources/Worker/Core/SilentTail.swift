// A silent version alone: membership follows the version that speaks, so who was refused by that one left again within the
// same event. The record does not say who; what became of them does.
import Core

extension CrashBundle {
  /// For a bundle about the silent version: the leaving of those whom the one that spoke did not take stands behind their
  /// joining, under its number. `host`: the room's, after the tail.
  package func followingSpeaker(_ host: RoomHost) -> CrashBundle {
    let refused = tail.withUnsafeBytes { refusedJoins($0, host) }
    guard !refused.isEmpty else { return self }
    var bundle = self
    bundle.tail = []
    tail.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      while let item = try? TailItem(&reader) {
        TailItem.put(item.batch, item.time, item.event, into: &bundle.tail)
        var event = ByteReader(item.event)
        guard let (head, decoded) = try? event.takeEvent(), refused.contains(head.seq),
          case .joined(let joining) = decoded
        else { continue }
        var left: [UInt8] = []
        left.putEvent(head, .leave(joining.slot, InputSeq(0)))
        TailItem.put(item.batch, item.time, left, into: &bundle.tail)
      }
    }
    return bundle
  }

  private func refusedJoins(_ bytes: UnsafeRawBufferPointer, _ host: RoomHost) -> Set<EventSeq> {
    /// Joins of which nothing is known yet.
    var open: [Slot: (seq: EventSeq, membership: Membership)] = [:]
    var refused: Set<EventSeq> = []
    let undone = Set(annotations.filter { $0.verdict == .quarantined }.map(\.event))
    var reader = ByteReader(bytes)
    while let item = try? TailItem(&reader) {
      var event = ByteReader(item.event)
      guard let (head, decoded) = try? event.takeEvent(), !undone.contains(head.seq) else { continue }
      if case .joined(let joining) = decoded {
        // Its place was free.
        if let before = open[joining.slot] { refused.insert(before.seq) }
        open[joining.slot] = (head.seq, joining.membership)
      } else if let slot = decoded.addressee {
        open[slot] = nil
      }
    }
    for (slot, join) in open where host[slot]?.membership != join.membership { refused.insert(join.seq) }
    return refused
  }
}
