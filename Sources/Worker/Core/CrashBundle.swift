// A crash as a file: enough to run the event again elsewhere and see it fail the same way.
package import Core

/// What a crash bundle holds, format 1.
package struct CrashBundle: Sendable, Hashable {
  package static let version: UInt8 = 1
  static let magic = Array("1UPCRASH".utf8)

  package var room: RoomID
  package var shard: ShardID
  package var module: ModuleHash
  package var moduleName: String
  package var key: String
  package var event: EventSeq
  package var fault: RoomFault
  package var engine: String
  /// The snapshot record before the tail; empty where the room began without one.
  package var snapshot: [UInt8]
  /// The events since then, as `TailItem`s.
  package var tail: [UInt8]
  /// The event that failed.
  package var culprit: [UInt8]

  /// The magic, u8 version, then the fields in their order; texts and bytes as u32 length and bytes.
  package func encode() -> [UInt8] {
    var out = Self.magic
    out.append(Self.version)
    out.put(room)
    out.put(shard)
    out.append(contentsOf: module.bytes)
    out.putText(moduleName)
    out.putText(key)
    out.put(event)
    out.append(fault.kind.rawValue)
    out.putText(fault.text)
    out.put(UInt32(fault.backtrace.count))
    for frame in fault.backtrace { out.putText(frame) }
    out.putText(engine)
    out.putBlob(snapshot)
    out.putBlob(tail)
    out.putBlob(culprit)
    return out
  }

  package init(
    room: RoomID, shard: ShardID, module: ModuleHash, moduleName: String, key: String, event: EventSeq,
    fault: RoomFault, engine: String, snapshot: [UInt8], tail: [UInt8], culprit: [UInt8]
  ) {
    self.room = room
    self.shard = shard
    self.module = module
    self.moduleName = moduleName
    self.key = key
    self.event = event
    self.fault = fault
    self.engine = engine
    self.snapshot = snapshot
    self.tail = tail
    self.culprit = culprit
  }

  package init(_ bytes: UnsafeRawBufferPointer) throws(DecodingError) {
    var r = ByteReader(bytes)
    guard Array(try r.take(bytes: Self.magic.count)) == Self.magic else { throw DecodingError("no crash bundle") }
    let version: UInt8 = try r.take()
    guard version == Self.version else { throw DecodingError("crash bundle format \(version) is unknown") }
    room = try r.take()
    shard = try r.take()
    module = try r.takeHash()
    moduleName = try r.takeText()
    key = try r.takeText()
    event = try r.take()
    fault = RoomFault(kind: try r.takeCode(), text: try r.takeText())
    for _ in 0..<(try r.take(UInt32.self)) { fault.backtrace.append(try r.takeText()) }
    engine = try r.takeText()
    snapshot = Array(try r.takeBlob())
    tail = Array(try r.takeBlob())
    culprit = Array(try r.takeBlob())
  }

  /// The same for people, without the bytes. `time`: microseconds since 1970.
  package func json(time: Int64) -> String {
    let frames = fault.backtrace.map(quoted).joined(separator: ",")
    return """
      {"format":\(Self.version),"time_us":\(time),"room":"\(room)","shard":\(shard),"module":\(quoted(moduleName)),\
      "module_sha256":"\(module)","key":\(quoted(key)),"event":\(event),"fault":"\(fault.kind)",\
      "text":\(quoted(fault.text)),"backtrace":[\(frames)],"engine":\(quoted(engine))}
      """
  }
}
