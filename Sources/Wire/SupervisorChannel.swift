// The channel between the supervisor and each of its children: a Unix stream, at descriptor 3 in the child. Records are
// u32 length (of the whole record), u8 kind, body; little-endian.
package import Core

/// What a child says to its supervisor.
package enum ToSupervisor: Sendable, Hashable {
  /// It can do its work now: a worker's socket listens and its engine is warm, a gateway accepts, control serves.
  case ready
  /// Sent every 100 ms. One counter per loop of the process, each of which rises while its loop turns: a counter that
  /// stands still for the hang limit gets the process killed.
  case beat(counters: [UInt64], vitals: Vitals = Vitals())
  /// The shard is served in that epoch; what taking it over cost.
  case adopted(ShardID, ShardEpoch, rooms: UInt32, events: UInt32, microseconds: UInt64)
  /// A line for the log: quarantine, freeze, crash bundle written, divergence, passivation …
  case event(kind: String, text: String)
  /// Of a worker, with its beats: of each module that bounds its rooms, those that it has.
  case rooms([RoomCount])
  /// From control: answered by `response` with the same id.
  case request(id: UInt32, verb: String, body: [UInt8])
}

/// What the supervisor says to a child.
package enum FromSupervisor: Sendable, Hashable {
  /// To a worker: these shards are yours now; each previous owner is dead.
  case adopt([ShardAssignment])
  /// To gateway and control: the workers that can be connected to, the spare among them. Replaces the list before.
  case workers([WorkerAddress])
  /// Finish within so many milliseconds and exit with 0; after that the process is killed.
  case stop(graceMilliseconds: UInt32)
  case response(id: UInt32, body: [UInt8])
  /// To a worker: how many rooms of such modules it may have. Replaces what it was told before.
  case roomShares([RoomShare])
  /// To control: processes, events or recoveries are not what they were; ask again.
  case changed
}

package struct ShardAssignment: Sendable, Hashable {
  package var shard: ShardID
  /// The least epoch the new owner may take.
  package var epoch: ShardEpoch
  package init(_ shard: ShardID, _ epoch: ShardEpoch) {
    self.shard = shard
    self.epoch = epoch
  }
}

package struct RoomCount: Sendable, Hashable {
  package var module: String
  package var rooms: UInt32
  /// As the module says: on the whole server.
  package var most: UInt32
  package init(_ module: String, rooms: UInt32, most: UInt32) {
    self.module = module
    self.rooms = rooms
    self.most = most
  }
}

package struct RoomShare: Sendable, Hashable {
  package var module: String
  /// What one worker may have just now, its own included.
  package var most: UInt32
  /// No worker may have more.
  package var isAll: Bool
  package init(_ module: String, most: UInt32, isAll: Bool) {
    self.module = module
    self.most = most
    self.isAll = isAll
  }
}

package struct WorkerAddress: Sendable, Hashable {
  /// Never given twice in one life of the supervisor.
  package var instance: UInt32
  /// Of its Unix socket.
  package var path: String
  package init(instance: UInt32, path: String) {
    self.instance = instance
    self.path = path
  }
}

package enum SupervisorChannel {
  /// The child's end.
  package static let descriptor: Int32 = 3
  package static let headerBytes = 5
  /// The largest record; a longer one breaks the channel.
  package static let recordBytesMax = 4 * 1_048_576
  package static let beatEveryMilliseconds = 100
  /// Of an event's text. Longer: cut.
  package static let eventTextBytesMax = 65_536
  /// The kind of a worker's event that says: an adoption waits for its disk, for space or for what cannot be read. Said
  /// again and again while it does.
  package static let adoptionWaits = "adoption-waits"
  /// The kind of a worker's event that says: an event killed the last two owners of its shard and was put aside.
  package static let putAside = "put-aside"
}

/// Cuts a stream of bytes into records.
package struct SupervisorChannelReader {
  private let bytes: UnsafeRawBufferPointer
  /// Bytes consumed so far: whole records only.
  package private(set) var consumed = 0

  package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The next whole record's kind and body, or nil when the rest is incomplete.
  package mutating func next() throws(DecodingError) -> (kind: UInt8, body: UnsafeRawBufferPointer)? {
    let left = bytes.count - consumed
    guard left >= SupervisorChannel.headerBytes else { return nil }
    let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: consumed, as: UInt32.self)))
    guard length >= SupervisorChannel.headerBytes, length <= SupervisorChannel.recordBytesMax else {
      throw DecodingError("a supervisor record says it is \(length) bytes long")
    }
    guard left >= length else { return nil }
    let kind = bytes[consumed + 4]
    let body = UnsafeRawBufferPointer(rebasing: bytes[consumed + SupervisorChannel.headerBytes..<consumed + length])
    consumed += length
    return (kind, body)
  }
}

extension [UInt8] {
  /// One record; precondition: what `write` appends keeps it within `recordBytesMax`.
  fileprivate mutating func putRecord(_ kind: UInt8, _ write: (inout [UInt8]) -> Void) {
    let start = count
    put(UInt32(0))
    append(kind)
    write(&self)
    precondition(count - start <= SupervisorChannel.recordBytesMax, "a supervisor record is too long")
    patch(UInt32(count - start), at: start)
  }
}

extension ToSupervisor {
  package func encode(into out: inout [UInt8]) {
    switch self {
    case .ready: out.putRecord(1) { _ in }
    case .beat(let counters, let vitals):
      out.putRecord(2) { out in
        out.put(UInt16(counters.count))
        for counter in counters { out.put(counter) }
        vitals.encode(into: &out)
      }
    case .adopted(let shard, let epoch, let rooms, let events, let microseconds):
      out.putRecord(3) { out in
        out.put(shard)
        out.put(epoch)
        out.put(rooms)
        out.put(events)
        out.put(microseconds)
      }
    case .event(let kind, let text):
      out.putRecord(4) { out in
        out.putText(kind)
        out.putBlob(text.utf8.prefix(SupervisorChannel.eventTextBytesMax))
      }
    case .rooms(let counts):
      out.putRecord(6) { out in
        out.put(UInt16(counts.count))
        for each in counts {
          out.putText(each.module)
          out.put(each.rooms)
          out.put(each.most)
        }
      }
    case .request(let id, let verb, let body):
      out.putRecord(5) { out in
        out.put(id)
        out.putText(verb)
        out.append(contentsOf: body)
      }
    }
  }

  package init(kind: UInt8, _ body: UnsafeRawBufferPointer) throws(DecodingError) {
    var r = ByteReader(body)
    switch kind {
    case 1: self = .ready
    case 2:
      let count: UInt16 = try r.take()
      var counters: [UInt64] = []
      for _ in 0..<count { counters.append(try r.take()) }
      self = .beat(counters: counters, vitals: try Vitals(&r))
    case 3:
      self = .adopted(
        try r.take(), try r.take(), rooms: try r.take(), events: try r.take(), microseconds: try r.take())
    case 4: self = .event(kind: try r.takeText(), text: try r.takeText())
    case 5: self = .request(id: try r.take(), verb: try r.takeText(), body: Array(r.takeRest()))
    case 6:
      let count: UInt16 = try r.take()
      var counts: [RoomCount] = []
      for _ in 0..<count { counts.append(RoomCount(try r.takeText(), rooms: try r.take(), most: try r.take())) }
      self = .rooms(counts)
    default: throw DecodingError("a supervisor record of kind \(kind) is unknown")
    }
    guard r.isAtEnd else { throw DecodingError("a supervisor record of kind \(kind) is too long") }
  }
}

extension FromSupervisor {
  package func encode(into out: inout [UInt8]) {
    switch self {
    case .adopt(let shards):
      out.putRecord(33) { out in
        out.put(UInt16(shards.count))
        for each in shards {
          out.put(each.shard)
          out.put(each.epoch)
        }
      }
    case .workers(let workers):
      out.putRecord(34) { out in
        out.put(UInt16(workers.count))
        for worker in workers {
          out.put(worker.instance)
          out.putText(worker.path)
        }
      }
    case .stop(let graceMilliseconds): out.putRecord(35) { $0.put(graceMilliseconds) }
    case .response(let id, let body):
      out.putRecord(36) { out in
        out.put(id)
        out.append(contentsOf: body)
      }
    case .changed: out.putRecord(37) { _ in }
    case .roomShares(let shares):
      out.putRecord(38) { out in
        out.put(UInt16(shares.count))
        for each in shares {
          out.putText(each.module)
          out.put(each.most)
          out.put(UInt8(each.isAll ? 1 : 0))
        }
      }
    }
  }

  package init(kind: UInt8, _ body: UnsafeRawBufferPointer) throws(DecodingError) {
    var r = ByteReader(body)
    switch kind {
    case 33:
      let count: UInt16 = try r.take()
      var shards: [ShardAssignment] = []
      for _ in 0..<count { shards.append(ShardAssignment(try r.take(), try r.take())) }
      self = .adopt(shards)
    case 34:
      let count: UInt16 = try r.take()
      var workers: [WorkerAddress] = []
      for _ in 0..<count { workers.append(WorkerAddress(instance: try r.take(), path: try r.takeText())) }
      self = .workers(workers)
    case 35: self = .stop(graceMilliseconds: try r.take())
    case 36: self = .response(id: try r.take(), body: Array(r.takeRest()))
    case 37: self = .changed
    case 38:
      let count: UInt16 = try r.take()
      var shares: [RoomShare] = []
      for _ in 0..<count {
        shares.append(RoomShare(try r.takeText(), most: try r.take(), isAll: try r.take(UInt8.self) != 0))
      }
      self = .roomShares(shares)
    default: throw DecodingError("a supervisor record of kind \(kind) is unknown")
    }
    guard r.isAtEnd else { throw DecodingError("a supervisor record of kind \(kind) is too long") }
  }
}

/// Collects a channel's bytes, read by read, and hands out whole messages.
package struct SupervisorChannelBuffer {
  private var bytes: [UInt8] = []
  package init() {}

  package mutating func append(_ read: UnsafeRawBufferPointer) { bytes.append(contentsOf: read) }

  /// Calls `body` with the kind and body of every whole record. After an error the channel is of no more use.
  package mutating func drain<Failure: Error>(
    _ body: (UInt8, UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws {
    var consumed = 0
    try bytes.withUnsafeBytes { raw in
      var reader = SupervisorChannelReader(raw)
      while let (kind, record) = try reader.next() { try body(kind, record) }
      consumed = reader.consumed
    }
    bytes.removeFirst(consumed)
  }
}
