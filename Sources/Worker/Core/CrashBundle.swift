// A crash as a file: enough to run the event again elsewhere and see it fail the same way.
package import Core

/// What a crash bundle holds, format 3. A bundle with neither culprit nor call is a live room as it is: what a rehearsal
/// runs.
package struct CrashBundle: Sendable, Hashable {
  package static let version: UInt8 = 3
  static let magic = Array("1UPCRASH".utf8)
  /// Where `stateHash` stands, so that it can be filled in when the room is whole again.
  package static let stateHashOffset = magic.count + 1
  package static let stateHashBytes = 32

  /// SHA-256 of the image just before the culprit; nil: not known. Since format 2.
  package var stateHash: [UInt8]?
  package var room: RoomID
  package var shard: ShardID
  /// The build that spoke.
  package var module: ModuleHash
  package var moduleName: String
  package var key: String
  /// The culprit's number, or the room's last.
  package var event: EventSeq
  /// The culprit's time in microseconds since 1970; 0: not known. Since format 2.
  package var time: Int64
  /// The room's tick when the culprit was run. Since format 2.
  package var tick: UInt64
  package var fault: RoomFault
  package var engine: String
  /// The snapshot record before the tail; empty where the room began without one.
  package var snapshot: [UInt8]
  /// The events since then, as `TailItem`s.
  package var tail: [UInt8]
  /// Verdicts on events of the tail, as `Annotation`s. Since format 2.
  package var annotations: [Annotation]
  /// The event that failed.
  package var culprit: [UInt8]
  /// What failed instead of an event. Since format 3.
  package var call: NotedCall?
  /// Of a carry, the build that the room was to run. Since format 3.
  package var target: ModuleHash?

  /// The magic, u8 version, then the fields in their order; texts and bytes as u32 length and bytes.
  package func encode() -> [UInt8] {
    var out = Self.magic
    out.append(Self.version)
    out.append(contentsOf: stateHash ?? [UInt8](repeating: 0, count: Self.stateHashBytes))
    out.put(room)
    out.put(shard)
    out.append(contentsOf: module.bytes)
    out.putText(moduleName)
    out.putText(key)
    out.put(event)
    out.put(time)
    out.put(tick)
    out.append(fault.kind.rawValue)
    out.putText(fault.text)
    out.put(UInt32(fault.backtrace.count))
    for frame in fault.backtrace { out.putText(frame) }
    out.putText(engine)
    out.putBlob(snapshot)
    out.putBlob(tail)
    out.putBlob([UInt8](annotations: annotations))
    out.putBlob(culprit)
    out.append(call?.rawValue ?? 0)
    if call == .carry { out.append(contentsOf: target?.bytes ?? [UInt8](repeating: 0, count: 32)) }
    return out
  }

  package init(
    room: RoomID, shard: ShardID, module: ModuleHash, moduleName: String, key: String, event: EventSeq,
    time: Int64 = 0, tick: UInt64 = 0, fault: RoomFault, engine: String, snapshot: [UInt8], tail: [UInt8],
    annotations: [Annotation] = [], culprit: [UInt8], stateHash: [UInt8]? = nil
  ) {
    self.stateHash = stateHash
    self.room = room
    self.shard = shard
    self.module = module
    self.moduleName = moduleName
    self.key = key
    self.event = event
    self.time = time
    self.tick = tick
    self.fault = fault
    self.engine = engine
    self.snapshot = snapshot
    self.tail = tail
    self.annotations = annotations
    self.culprit = culprit
  }

  package init(_ bytes: UnsafeRawBufferPointer) throws(DecodingError) {
    var r = ByteReader(bytes)
    guard Array(try r.take(bytes: Self.magic.count)) == Self.magic else { throw DecodingError("is no crash bundle") }
    let version: UInt8 = try r.take()
    guard (1...Self.version).contains(version) else {
      throw DecodingError("is a crash bundle of format \(version), which is unknown")
    }
    if version >= 2 {
      let hash = Array(try r.take(bytes: Self.stateHashBytes))
      stateHash = hash.allSatisfy { $0 == 0 } ? nil : hash
    }
    room = try r.take()
    shard = try r.take()
    module = try r.takeHash()
    moduleName = try r.takeText()
    key = try r.takeText()
    event = try r.take()
    time = version >= 2 ? try r.takeTime() : 0
    tick = version >= 2 ? try r.take() : 0
    fault = RoomFault(kind: try r.takeCode(), text: try r.takeText())
    for _ in 0..<(try r.take(UInt32.self)) { fault.backtrace.append(try r.takeText()) }
    engine = try r.takeText()
    snapshot = Array(try r.takeBlob())
    tail = Array(try r.takeBlob())
    annotations = []
    if version >= 2 {
      var verdicts = ByteReader(try r.takeBlob())
      while !verdicts.isAtEnd { annotations.append(try Annotation(&verdicts)) }
    }
    culprit = Array(try r.takeBlob())
    guard version >= 3, case let code:UInt8 = try r.take(), code != 0 else { return }
    guard let call = NotedCall(rawValue: code), call != .wake else {
      throw DecodingError("is about the unknown call \(code)")
    }
    self.call = call
    if call == .carry { target = try r.takeHash() }
  }

  /// The same for people, without the bytes. `time`: microseconds since 1970.
  package func json(time: Int64) -> String {
    let frames = fault.backtrace.map(quoted).joined(separator: ",")
    return """
      {"format":\(Self.version),"time_us":\(time),"room":"\(room)","shard":\(shard),"module":\(quoted(moduleName)),\
      "module_sha256":"\(module)","key":\(quoted(key)),"event":\(event),"fault":"\(fault.kind)",\
      "call":\(call.map { quoted("\($0)") } ?? "null"),"text":\(quoted(fault.text)),"backtrace":[\(frames)],"engine":\(quoted(engine))}
      """
  }
}

extension [UInt8] {
  init(annotations: [Annotation]) {
    self = []
    for annotation in annotations { annotation.encode(into: &self) }
  }
}
