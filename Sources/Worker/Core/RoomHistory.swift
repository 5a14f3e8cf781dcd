// What a shard's log holds of some of its rooms: of each, a snapshot that is old enough and its events since then. Fed
// with the log's records in their order, like an adoption; what is in the midst of being written is left out.
package import Core

/// One room's. Where the log was damaged, or the room is too young, it begins later.
package struct RoomHistory: Sendable {
  /// Nil: it begins with the room's creation.
  package fileprivate(set) var snapshot: LogPosition?
  fileprivate var isBegun = false
  /// It has as many bytes as it may: what comes later is left out.
  fileprivate var isFull = false
  /// The room changed its version since: what is before that is of little use.
  fileprivate var isDivided = false
  /// What stands before it is in the snapshot, or about an earlier room of that name.
  fileprivate var from = LogPosition(0)
  fileprivate var last = EventSeq(0)
  fileprivate var items: [UInt8] = []
  fileprivate var annotations: [EventSeq: Annotation] = [:]
  /// Some snapshot includes it, whatever the events after it say: it is decided.
  fileprivate var proven = EventSeq(0)

  fileprivate mutating func begin(at position: LogPosition?, through included: EventSeq) {
    if included >= last {
      items = []
    } else {
      // A copy of a snapshot: what came after the original is behind it, too.
      items = Self.items(items, above: included)
    }
    annotations = annotations.filter { $0.key > included }
    snapshot = position
    last = max(last, included)
    (isBegun, isFull, isDivided) = (true, false, false)
  }
  fileprivate mutating func forget() { self = RoomHistory() }
  fileprivate mutating func note(_ annotation: Annotation) {
    guard isBegun else { return }
    annotations[annotation.event] = annotation
    if annotation.verdict == .back { isDivided = true }
  }
  fileprivate mutating func append(_ item: TailItem, _ head: EventHead, _ event: RoomEvent, bytesMax: Int) {
    guard isBegun, !isFull, head.seq > last else { return }
    guard items.count + item.event.count + 20 <= bytesMax else {
      isFull = true
      return
    }
    last = head.seq
    TailItem.put(item.batch, item.time, item.event, into: &items)
    switch event {
    case .upgraded, .back, .twinEnded: isDivided = true
    default: break
    }
  }
  private static func items(_ items: [UInt8], above included: EventSeq) -> [UInt8] {
    items.withUnsafeBytes { bytes in
      var kept: [UInt8] = []
      var reader = ByteReader(bytes)
      while let item = try? TailItem(&reader) {
        var event = ByteReader(item.event)
        guard let (head, _) = try? event.takeEvent(), head.seq > included else { continue }
        TailItem.put(item.batch, item.time, item.event, into: &kept)
      }
      return kept
    }
  }

  /// As a worker would give it of a room that lives, without what was not decided yet. `snapshot`: the record's bytes,
  /// none where the history begins with the creation. `known`: the room's owner has decided its events up to this one;
  /// without its word a room's last batch may be undecided. An empty name is taken from the snapshot. Nil: the room has
  /// no history here, or nothing of it was decided.
  package func bundle(
    _ room: RoomID, shard: ShardID, module: ModuleHash, moduleName: String, key: String, snapshot bytes: [UInt8],
    decided known: EventSeq = EventSeq(0)
  ) throws(DecodingError) -> CrashBundle? {
    guard isBegun else { return nil }
    var included = EventSeq(0)
    var time = Int64.min
    var (moduleName, key) = (moduleName, key)
    if !bytes.isEmpty {
      let read = try bytes.withUnsafe { (bytes) throws(DecodingError) in try RoomSnapshot(bytes) }
      guard read.room == room else { throw DecodingError("is another room's") }
      (included, time) = (read.host.eventSeq, read.host.time)
      if moduleName.isEmpty {
        moduleName = String(decoding: read.host.name, as: UTF8.self)
        key = String(decoding: read.host.key, as: UTF8.self)
      }
    }
    guard let decided = items.withUnsafeBytes({ Worker.undecided($0, annotations) }).map({ max($0, known, proven) })
    else { throw DecodingError("has events that do not decode") }
    var bundle = CrashBundle(
      room: room, shard: shard, module: module, moduleName: moduleName, key: key, event: included,
      fault: RoomFault(kind: .trap, text: ""), engine: "", snapshot: bytes, tail: [], culprit: [])
    try items.withUnsafe { (bytes) throws(DecodingError) in
      var reader = ByteReader(bytes)
      while !reader.isAtEnd {
        let item = try TailItem(&reader)
        var event = ByteReader(item.event)
        let (head, _) = try event.takeEvent()
        guard head.seq > included, head.seq <= decided else { continue }
        // A room's time does not go back.
        time = max(time, item.time)
        TailItem.put(item.batch, time, item.event, into: &bundle.tail)
        bundle.event = head.seq
      }
    }
    bundle.annotations = annotations.values.filter { $0.event > included && $0.event <= decided }
      .sorted { $0.event < $1.event }
    return bundle.snapshot.isEmpty && bundle.tail.isEmpty ? nil : bundle
  }
}

/// Of one shard.
package struct ShardHistory: Sendable {
  /// Microseconds since 1970: the newest snapshot that is no younger is where a history begins.
  private let since: Int64
  /// Of one room's events.
  private let bytesMax: Int
  private let places: [RoomID: Int]
  private var rooms: [RoomHistory]
  /// Of the last batch.
  private var time = Int64.min

  package init(of rooms: [RoomID], since: Int64, bytesMax: Int) {
    (self.since, self.bytesMax) = (since, bytesMax)
    places = Dictionary(rooms.enumerated().map { ($1, $0) }) { first, _ in first }
    self.rooms = [RoomHistory](repeating: RoomHistory(), count: rooms.count)
  }

  package subscript(room: RoomID) -> RoomHistory? { places[room].map { rooms[$0] } }
  /// Nothing that comes later is taken in any more.
  package var isFull: Bool { time > since && rooms.allSatisfy { $0.isFull && !$0.isDivided } }

  /// What was known before: an older checkpoint, at its position, of a log that begins at `oldest`. Returns from where on
  /// to feed records.
  package mutating func begin(
    _ checkpoint: Checkpoint, at position: LogPosition, oldest: LogPosition
  ) -> LogPosition {
    var start = position
    for i in rooms.indices { rooms[i].from = position }
    for entry in checkpoint.rooms {
      guard let i = places[entry.room] else { continue }
      let from = max(entry.tailStart ?? position, oldest)
      rooms[i].from = from
      start = min(start, from)
      guard let snapshot = entry.snapshot, snapshot >= oldest, from == entry.tailStart ?? position else { continue }
      rooms[i].begin(at: snapshot, through: EventSeq(0))
    }
    return start
  }

  /// The log's next record.
  package mutating func add(
    _ position: LogPosition, _ kind: UInt8, _ payload: UnsafeRawBufferPointer
  ) throws(DecodingError) {
    var r = ByteReader(payload)
    switch kind {
    case RecordKind.batch: try addBatch(position, payload)
    case RecordKind.annotations:
      while !r.isAtEnd {
        let annotation = try Annotation(&r)
        if let i = place(annotation.room, position) { rooms[i].note(annotation) }
      }
    case RecordKind.snapshot:
      _ = try r.take(UInt8.self)
      guard let i = place(try r.take(), position), let included = RoomSnapshot.eventSeq(payload) else { return }
      rooms[i].proven = max(rooms[i].proven, included)
      guard !rooms[i].isBegun || rooms[i].isDivided || time <= since else { return }
      rooms[i].begin(at: position, through: included)
    case RecordKind.tail: try addTail(position, &r)
    default: break
    }
  }

  /// Nil: nobody asks for the room, or the record is about an earlier one of that name.
  private func place(_ room: RoomID, _ position: LogPosition) -> Int? {
    guard let i = places[room], rooms[i].from <= position else { return nil }
    return i
  }

  private mutating func addBatch(_ position: LogPosition, _ payload: UnsafeRawBufferPointer) throws(DecodingError) {
    var r = ByteReader(payload)
    let batch = try BatchHead(&r)
    time = batch.time
    while !r.isAtEnd {
      let start = r.offset
      let (head, event) = try r.takeEvent()
      guard let i = place(head.room, position) else { continue }
      switch event {
      case .dropped:
        rooms[i].forget()
        continue
      case .created:
        rooms[i].forget()
        rooms[i].begin(at: nil, through: EventSeq(0))
      default: break
      }
      let item = TailItem(
        batch: batch.number, time: batch.time, event: UnsafeRawBufferPointer(rebasing: payload[start..<r.offset]))
      rooms[i].append(item, head, event, bytesMax: bytesMax)
    }
  }

  /// A tail that was copied forward: behind the snapshot that was copied with it, or known already.
  private mutating func addTail(_ position: LogPosition, _ r: inout ByteReader) throws(DecodingError) {
    guard let i = place(try r.take(), position) else { return }
    for _ in 0..<(try r.take(UInt32.self)) { rooms[i].note(try Annotation(&r)) }
    while !r.isAtEnd {
      let item = try TailItem(&r)
      var reader = ByteReader(item.event)
      let (head, event) = try reader.takeEvent()
      rooms[i].append(item, head, event, bytesMax: bytesMax)
    }
  }

  /// Something of the log cannot be read: whoever may have had events in it begins anew behind it.
  package mutating func lose() {
    for i in rooms.indices { rooms[i].forget() }
  }
}

extension Worker {
  /// For tests: a snapshot of a room, if it can be taken now.
  package mutating func snapshotNow(_ id: RoomID) throws(StoreError) {
    guard let room = room(id), room.phase == .ready, room.stagedCount == 0, room.host != nil else { return }
    try snapshot(room)
  }
}
