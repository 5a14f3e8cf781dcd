// What the journal took, as the story tells it.
import Core
import WorkerCore

extension World {
  /// Records of one write that has succeeded.
  func tellWritten(_ records: [(kind: UInt8, bytes: [UInt8])]) {
    guard story != nil else { return }
    for record in records { record.bytes.withUnsafeBytes { tellWritten(record.kind, $0) } }
  }

  private func tellWritten(_ kind: UInt8, _ bytes: UnsafeRawBufferPointer) {
    var r = ByteReader(bytes)
    switch kind {
    case WorkerCore.RecordKind.batch:
      guard (try? BatchHead(&r)) != nil else { return }
      while !r.isAtEnd, let (place, event) = try? r.takeEvent() { tell(place, event) }
    case WorkerCore.RecordKind.annotations:
      while !r.isAtEnd, let a = try? Annotation(&r) {
        tell(
          "\(name(a.room)): event \(a.event) is annotated: \(a.words)\(a.raisesTimeline ? ", the timeline rises" : "")")
      }
    case WorkerCore.RecordKind.snapshot:
      guard let snapshot = try? RoomSnapshot(bytes) else { return }
      tell("\(name(snapshot.room)) is written", "snapshot of event", snapshot.host.eventSeq.rawValue)
    case WorkerCore.RecordKind.tail:
      guard let room: RoomID = try? r.take() else { return }
      tell("\(name(room)) is written", "tail")
    default: break
    }
  }

  private func tell(_ place: EventHead, _ event: RoomEvent) {
    let subject = "\(name(place.room)) is written"
    switch event {
    case .created: tell(subject, "created")
    case .joined(let j): tell(subject, "slot \(j.slot) joined")
    case .attached(let slot, _): tell(subject, "slot \(slot) attached")
    case .input(let slot, let seq, _, _): tell(subject, "slot \(slot) input", seq.rawValue)
    case .rejected(let slot, let seq, _): tell(subject, "slot \(slot) rejected", seq.rawValue)
    case .leave(let slot, let seq): tell(subject, "slot \(slot) leave", seq.rawValue)
    case .removed(let slot, let reason): tell(subject, "slot \(slot) \(reason)")
    case .suspended(let slot): tell(subject, "slot \(slot) suspended")
    case .tick(let number, _): tell(subject, "tick", number)
    case .timer(let id, _): tell(subject, "timer", UInt64(id.rawValue))
    case .frozen(let reason): tell(subject, "frozen, \(reason)")
    case .signal: tell(subject, "signal")
    case .ended: tell(subject, "ended")
    case .locked(let isLocked): tell(subject, isLocked ? "locked" : "unlocked")
    case .dropped: tell(subject, "dropped")
    case .upgraded: tell(subject, "upgraded")
    case .back: tell(subject, "back")
    case .twinEnded(let why): tell(subject, "twin ended, \(why)")
    case .wake: tell(subject, "wake")
    case .answered(_, let outcome, _): tell(subject, "answered \(outcome)")
    }
  }
}

extension Annotation {
  fileprivate var words: String {
    switch verdict {
    case .quarantined: "\(fault)"
    case .back: "\(fault), back"
    case .twinUndone: "\(fault) of the silent version"
    }
  }
}
