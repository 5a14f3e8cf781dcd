// A crash bundle for other eyes: whoever has it can replay the crash, and can use nothing of it against the server.
import Core
import Wire

extension CrashBundle {
  /// The same without session numbers, which are what a client proves itself with: each is replaced by a small number,
  /// the same everywhere in the bundle. A guest never sees them, so the replay is the same. What players and backends
  /// gave the room (names, messages, parameters) is what the room's code worked on, and stays; keys of signals go.
  package func withoutSecrets() throws(ReplayError) -> CrashBundle {
    var plain = self
    var names = Pseudonyms()
    do throws(DecodingError) {
      if !snapshot.isEmpty {
        plain.snapshot = try snapshot.withUnsafe { (bytes) throws(DecodingError) in
          try names.snapshot(try RoomSnapshot(bytes))
        }
      }
      plain.tail = try tail.withUnsafe { (bytes) throws(DecodingError) in try names.tail(bytes) }
      if !culprit.isEmpty {
        plain.culprit = try culprit.withUnsafe { (bytes) throws(DecodingError) in try names.event(bytes) }
      }
    } catch { throw ReplayError("its record \(error)") }
    return plain
  }
}

private struct Pseudonyms {
  private var known: [SessionID: SessionID] = [:]

  mutating func membership(_ membership: Membership) -> Membership {
    let name = known[membership.session] ?? SessionID(UInt64(known.count + 1))
    known[membership.session] = name
    return Membership(session: name, joinID: membership.joinID)
  }

  mutating func snapshot(_ snapshot: RoomSnapshot) throws(DecodingError) -> [UInt8] {
    let host = snapshot.host
    for i in host.members.indices {
      if let member = host.members[i] { host.members[i]!.membership = membership(member.membership) }
    }
    for i in host.tombstones.indices { host.tombstones[i].membership = membership(host.tombstones[i].membership) }
    for i in host.signals.indices { host.signals[i].idempotencyKey = [] }
    var out: [UInt8] = []
    RoomSnapshot.encodeHost(snapshot.room, host, into: &out)
    out.putBlob(snapshot.image)
    if let twin = snapshot.twinImage { out.putBlob(twin) }
    return out
  }

  mutating func tail(_ bytes: UnsafeRawBufferPointer) throws(DecodingError) -> [UInt8] {
    var reader = ByteReader(bytes)
    var out: [UInt8] = []
    while !reader.isAtEnd {
      let item = try TailItem(&reader)
      TailItem.put(item.batch, item.time, try event(item.event), into: &out)
    }
    return out
  }

  mutating func event(_ bytes: UnsafeRawBufferPointer) throws(DecodingError) -> [UInt8] {
    var reader = ByteReader(bytes)
    var (head, event) = try reader.takeEvent()
    switch event {
    case .joined(var joining):
      joining.membership = membership(joining.membership)
      event = .joined(joining)
    case .signal(_, let payload):
      event = .signal(idempotencyKey: UnsafeRawBufferPointer(start: nil, count: 0), payload: payload)
    default: return Array(bytes)
    }
    var out: [UInt8] = []
    out.putEvent(head, event)
    return out
  }
}
