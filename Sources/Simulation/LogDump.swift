// A room's records as its journal holds them, for people.
package import Core
import Journal
import WorkerCore
import WorkerStore

extension World {
  /// One line for each record that speaks of the room; empty where nobody owns its shard.
  package func dump(_ room: RoomID) -> [String] {
    let shard = map.shard(of: room)
    guard let process = supervisor.owner(of: Int(shard.rawValue)), let store = process.stores[Int(shard.rawValue)]
    else { return [] }
    var lines: [String] = []
    do throws(StoreError) {
      try store.scan(from: store.oldest, damage: { _ in }) { position, kind, payload throws(StoreError) in
        lines.append(contentsOf: Self.describe(position, kind, payload, room))
      }
    } catch { lines.append("\(error)") }
    return lines
  }

  private static func describe(
    _ position: LogPosition, _ kind: UInt8, _ payload: UnsafeRawBufferPointer, _ room: RoomID
  ) -> [String] {
    var r = ByteReader(payload)
    var lines: [String] = []
    switch kind {
    case WorkerCore.RecordKind.batch:
      guard let head = try? BatchHead(&r) else { return ["\(position): a batch that does not decode"] }
      while !r.isAtEnd, let (place, event) = try? r.takeEvent() {
        guard place.room == room else { continue }
        lines.append("\(position) batch \(head.number) event \(place.seq) \(describe(event))")
      }
    case WorkerCore.RecordKind.annotations:
      while !r.isAtEnd, let annotation = try? Annotation(&r) {
        if annotation.room == room { lines.append("\(position) annotation \(annotation)") }
      }
    case WorkerCore.RecordKind.snapshot:
      if let snapshot = try? RoomSnapshot(payload), snapshot.room == room {
        let state = try? ScriptedRoom(snapshot.image)
        lines.append(
          "\(position) snapshot of event \(snapshot.host.eventSeq), output \(snapshot.host.outSeq), "
            + "\(state?.operations.count ?? -1) operations")
      }
    case Journal.RecordKind.checkpoint: lines.append("\(position) checkpoint")
    case Journal.RecordKind.adopted: lines.append("\(position) adopted")
    default: break
    }
    return lines
  }

  private static func describe(_ event: RoomEvent) -> String {
    switch event {
    case .created: "created"
    case .joined(let j): "joined \(j.slot) \(j.membership)"
    case .input(let slot, let seq, _, let payload):
      "input \(slot) \(seq) \(payload.first.flatMap { ScriptedCommand(rawValue: $0) }.map { "\($0)" } ?? "?")"
    default: "\(event)"
    }
  }
}
