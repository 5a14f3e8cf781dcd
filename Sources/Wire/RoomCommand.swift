// What the game's own backend, or an operator, asks of a room over control's link, and what comes of it.
package import Core

/// Buffers are borrowed from the read.
package enum RoomCommand {
  /// Makes the room if there is none of that module and key.
  case create(module: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, parameters: UnsafeRawBufferPointer)
  /// A message to a room that exists. The same idempotency key gives the same answer without a second run.
  case signal(
    module: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, idempotencyKey: UnsafeRawBufferPointer,
    payload: UnsafeRawBufferPointer)
  case kick(RoomID, Slot, reason: UnsafeRawBufferPointer)
  case lock(RoomID, Bool)
  case end(RoomID, reason: UnsafeRawBufferPointer)
  /// Switches the room to another build of its module. Until so many events and seconds have passed, the old version goes
  /// on beside it in silence; both 0: it does not.
  case upgrade(RoomID, to: ModuleHash, probationEvents: UInt32, probationSeconds: UInt32)
  /// Switches the room to the version that is silent in it.
  case back(RoomID, reason: UnsafeRawBufferPointer)
  /// Probation is over: the silent version ends.
  case settle(RoomID)
  /// To every worker: new rooms of its name are made with this build.
  case offer(ModuleHash)
}

/// Given once what was asked for is durable and decided.
package enum CommandAnswer: Hashable, Sendable {
  case done(RoomID, reply: [UInt8])
  /// By the room, or because it cannot be: asking again brings the same.
  case refused(String)
  /// There is no such room or member.
  case notFound
  /// The room's shard is another worker's.
  case notMine(ShardID)
  case busy(retryMilliseconds: UInt32)
  /// It made the room's code fail and was undone.
  case failed(String)
}

extension RoomCommand {
  /// u8 kind, then the fields.
  package func encode(into out: inout [UInt8]) {
    switch self {
    case .create(let module, let key, let parameters):
      out.append(1)
      out.putBlob(module)
      out.putBlob(key)
      out.putBlob(parameters)
    case .signal(let module, let key, let idempotencyKey, let payload):
      out.append(2)
      out.putBlob(module)
      out.putBlob(key)
      out.putBlob(idempotencyKey)
      out.putBlob(payload)
    case .kick(let room, let slot, let reason):
      out.append(3)
      out.put(room)
      out.put(slot)
      out.putBlob(reason)
    case .lock(let room, let isLocked):
      out.append(4)
      out.put(room)
      out.append(isLocked ? 1 : 0)
    case .end(let room, let reason):
      out.append(5)
      out.put(room)
      out.putBlob(reason)
    case .upgrade(let room, let module, let events, let seconds):
      out.append(6)
      out.put(room)
      out.append(contentsOf: module.bytes)
      out.put(events)
      out.put(seconds)
    case .back(let room, let reason):
      out.append(7)
      out.put(room)
      out.putBlob(reason)
    case .settle(let room):
      out.append(8)
      out.put(room)
    case .offer(let module):
      out.append(9)
      out.append(contentsOf: module.bytes)
    }
  }

  init(_ r: inout ByteReader) throws(DecodingError) {
    switch try r.take(UInt8.self) {
    case 1: self = .create(module: try r.takeBlob(), key: try r.takeBlob(), parameters: try r.takeBlob())
    case 2:
      self = .signal(
        module: try r.takeBlob(), key: try r.takeBlob(), idempotencyKey: try r.takeBlob(), payload: try r.takeBlob())
    case 3: self = .kick(try r.take(), try r.take(), reason: try r.takeBlob())
    case 4:
      let room: RoomID = try r.take()
      let flag: UInt8 = try r.take()
      guard flag <= 1 else { throw DecodingError("locks by \(flag)") }
      self = .lock(room, flag == 1)
    case 5: self = .end(try r.take(), reason: try r.takeBlob())
    case 6:
      self = .upgrade(
        try r.take(), to: ModuleHash(Array(try r.take(bytes: 32))), probationEvents: try r.take(),
        probationSeconds: try r.take())
    case 7: self = .back(try r.take(), reason: try r.takeBlob())
    case 8: self = .settle(try r.take())
    case 9: self = .offer(ModuleHash(Array(try r.take(bytes: 32))))
    default: throw DecodingError("has an unknown command")
    }
  }
}

extension CommandAnswer {
  package func encode(into out: inout [UInt8]) {
    switch self {
    case .done(let room, let reply):
      out.append(1)
      out.put(room)
      out.putBlob(reply)
    case .refused(let text):
      out.append(2)
      out.putText(text)
    case .notFound: out.append(3)
    case .notMine(let shard):
      out.append(4)
      out.put(shard)
    case .busy(let retry):
      out.append(5)
      out.put(retry)
    case .failed(let text):
      out.append(6)
      out.putText(text)
    }
  }

  init(_ r: inout ByteReader) throws(DecodingError) {
    switch try r.take(UInt8.self) {
    case 1: self = .done(try r.take(), reply: Array(try r.takeBlob()))
    case 2: self = .refused(try Self.text(&r))
    case 3: self = .notFound
    case 4: self = .notMine(try r.take())
    case 5: self = .busy(retryMilliseconds: try r.take())
    case 6: self = .failed(try Self.text(&r))
    default: throw DecodingError("has an unknown answer")
    }
  }

  /// An answer goes through the gateway and into the record of the room that asked: as it was said, or not at all.
  private static func text(_ r: inout ByteReader) throws(DecodingError) -> String {
    guard let text = String(validating: try r.takeBlob(), as: UTF8.self) else {
      throw DecodingError("has a text that is not UTF-8")
    }
    return text
  }
}
