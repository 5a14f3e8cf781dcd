// Which builds the records of a log name: what replaying its rooms may take.
package import Core

package struct NamedBuilds: Sendable {
  package private(set) var hashes: Set<ModuleHash> = []
  package init() {}

  /// Of a log's record, in any order.
  package mutating func add(_ kind: UInt8, _ payload: UnsafeRawBufferPointer) throws(DecodingError) {
    var r = ByteReader(payload)
    switch kind {
    case RecordKind.batch:
      _ = try BatchHead(&r)
      while !r.isAtEnd { add(try r.takeEvent().1) }
    case RecordKind.snapshot: try add(snapshot: payload)
    case RecordKind.tail:
      let _: RoomID = try r.take()
      for _ in 0..<(try r.take(UInt32.self)) { _ = try Annotation(&r) }
      try addItems(&r)
    default: break
    }
  }

  /// Of a crash bundle, as far as it decodes: what does not is not replayed.
  package mutating func add(_ bundle: CrashBundle) {
    hashes.insert(bundle.module)
    if let target = bundle.target { hashes.insert(target) }
    bundle.snapshot.withUnsafeBytes { if !$0.isEmpty { try? add(snapshot: $0) } }
    bundle.tail.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      try? addItems(&reader)
    }
  }

  private mutating func addItems(_ r: inout ByteReader) throws(DecodingError) {
    while !r.isAtEnd {
      var event = ByteReader(try TailItem(&r).event)
      add(try event.takeEvent().1)
    }
  }
  private mutating func add(snapshot bytes: UnsafeRawBufferPointer) throws(DecodingError) {
    let host = try RoomSnapshot(bytes).host
    hashes.insert(host.module)
    if let twin = host.twin { hashes.insert(twin.module) }
  }
  private mutating func add(_ event: RoomEvent) {
    switch event {
    case .created(let creation): hashes.insert(creation.module)
    case .upgraded(let upgrade): hashes.insert(upgrade.module)
    default: break
    }
  }
}
