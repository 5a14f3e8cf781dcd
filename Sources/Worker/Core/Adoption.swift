// Taking a shard: its rooms are found in the log, then woken, those that somebody waits for first.
package import Core
import Wire

extension Worker {
  /// Takes a shard whose journal has been adopted: reads what the last checkpoint and the log after it say. From here
  /// on the shard is served; its rooms wake turn by turn, or at once when somebody asks for them.
  package mutating func adopt(_ id: ShardID, _ store: any ShardStore, _ adoption: ShardAdoption) throws(StoreError) {
    let s = Int(id.rawValue)
    precondition(shards[s] == nil, "shard \(id) is already owned by this worker")
    let shard = Shard(store, adoption)
    var start = store.oldest
    // Without it the log is read from its beginning, which only takes longer.
    if let position = adoption.checkpoint, let bytes = try? store.read(at: position) {
      start = try shard.readCheckpoint(bytes, at: position, id)
    }
    var last = start
    shard.mayHaveOthers = try store.scan(from: start, damage: { shard.lose($0, after: last) }) {
      position, kind, payload throws(StoreError) in
      last = position
      do throws(DecodingError) {
        try shard.find(id, position, kind, payload)
      } catch {
        throw StoreError("the record at \(position) of shard \(id) \(error)")
      }
    }
    // A room that the scan met only before the checkpoint, which does not know it, is no more.
    shard.rooms = shard.rooms.filter { $0.value.snapshot != nil || !$0.value.found.isEmpty }
    shards[s] = shard
    if shard.mayHaveOthers { store.tellNextOwner() } else { shard.forgetCallsOfRoomsThatAreNoMore() }
    for room in shard.rooms.values.sorted(by: { $0.id < $1.id }) where room.isDamaged {
      stop(room, .diverged, "the log is damaged where its events may have been; see oneup journal repair")
    }
    let active = shard.rooms.values.filter { $0.isActive }.sorted { $0.id < $1.id }
    shards[s]!.waking = active.reversed()
    if !active.isEmpty { hasWaking = true }
    for room in shard.rooms.values.sorted(by: { $0.id < $1.id }) where room.timerDue != nil && !room.isActive {
      putToSleep(room)
    }
    if gateway.rawValue > 0 { awaitLists(s) }
    reports.append(.adopted(id, rooms: shard.rooms.count, active: active.count))
    for l in links.indices where links[l].isOpen { links[l].out.putServing(id, store.epoch) }
    try wakeSuspect(s)
    if let readFailure { throw readFailure }
  }

  /// What the last owner died at comes before everything else, and a verdict on it is durable before any other event is
  /// decided. Else two such events would take turns: each death at the one lets the one at the other be forgotten.
  private mutating func wakeSuspect(_ s: Int) throws(StoreError) {
    guard let suspect = shards[s]!.suspect, let room = shards[s]!.rooms[suspect.room] else { return }
    if suspect.isEvent { wake(room) } else { tryAgain(room, suspect) }
    if shards[s]!.batch.isEmpty { try writeShard(s) }
  }

  mutating func awaken(_ room: Room) {
    guard !room.isGhost else { return }
    awakeRooms.append(room)
    room.idleSince = now.monotonic
    if room.host?.memberCount == 0, room.emptySince == nil { room.emptySince = now.monotonic }
    room.nextTick = now.monotonic
    room.stagedTick = room.host?.tick ?? 0
  }

  mutating func replay(_ room: Room) throws(WakeError) {
    let annotations = room.foundAnnotations
    guard let undecided = room.found.withUnsafeBytes({ Self.undecided($0, annotations) }) else {
      throw WakeError(.diverged, "its record does not decode")
    }
    if room.snapshot == nil { try placeFirst(room) }
    let found = room.found
    room.found = []
    room.foundAnnotations = [:]
    let s = Int(room.shard.rawValue)
    found.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      while let item = try? TailItem(&reader) {
        var eventReader = ByteReader(item.event)
        guard let (head, event) = try? eventReader.takeEvent() else { continue }
        room.stagedEvent = max(room.stagedEvent, head.seq)
        guard room.phase == .ready else {
          // A repair has begun: the rest waits for it; all of it is undecided, or the room has stopped.
          room.backlog.append(.event(bytes: Array(item.event), batch: item.batch, time: item.time))
          continue
        }
        guard room.replayTrouble == nil else { return }
        guard event.follows(head, room.id, room.host) else {
          stop(room, .diverged, "event \(head.seq) of its record cannot follow what is before it")
          continue
        }
        if let annotation = annotations[head.seq], annotation.verdict == .quarantined, case .created = event {
          // Creating it failed and it never was: nothing behind this counts.
          room.phase = .stopped
          shards[s]!.rooms[room.id] = nil
          return
        }
        if annotations[head.seq] == nil, head.seq > undecided {
          guard moveToUsualStack(room) else { return }
          decide(room, head, item)
        } else {
          follow(room, item, annotations)
        }
      }
    }
    if room.replayTrouble == nil { _ = moveToUsualStack(room) }
    if let trouble = room.replayTrouble.take() {
      unwind(room, found, annotations)
      throw trouble
    }
    if room.phase == .ready, room.host == nil { stop(room, .diverged, "its record has no beginning") }
    if room.phase == .stopped {
      room.found = found
      room.foundAnnotations = annotations
    }
    guard room.phase == .ready else { return }
    finishWaking(room)
  }

  /// As it was before it was woken.
  private mutating func unwind(_ room: Room, _ found: [UInt8], _ annotations: [EventSeq: Annotation]) {
    discardInstances(room)
    awakeRooms.removeAll { $0 === room }
    tailCost -= room.tailCost
    room.tailCost = 0
    room.tail = []
    room.tailAnnotations = [:]
    room.claims = []
    room.host = nil
    room.found = found
    room.foundAnnotations = annotations
  }

  /// A place for a room whose record begins with its creation: having none is no verdict on it.
  private mutating func placeFirst(_ room: Room) throws(WakeError) {
    let creation: (EventSeq, ModuleHash, RoomLimits)? = room.found.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      guard let item = try? TailItem(&reader) else { return nil }
      var event = ByteReader(item.event)
      guard case (let head, .created(let creation))? = try? event.takeEvent() else { return nil }
      return (head.seq, creation.module, creation.limits)
    }
    guard let (seq, module, limits) = creation, room.foundAnnotations[seq] == nil else { return }
    guard engine.module(module) != nil else {
      throw WakeError(.moduleMissing, "the module build \(module) is not here")
    }
    room.hasLargerStack = room.needsLargerStack
    room.mayKill = mayKill(module)
    let isNoted = note(.restore, room, module)
    defer { noteReturn(room, isNoted) }
    room.instance = try make(module, limits, forReplay: room.hasLargerStack)
  }

  mutating func finishWaking(_ room: Room) {
    let s = Int(room.shard.rawValue)
    // Every member's connection has to say itself again; who is not in the gateway's complete lists has nobody.
    if shards[s]!.hasLists {
      unclaimSilent(room)
    } else if gateway.rawValue > 0 {
      for i in room.awake.members.indices {
        guard let member = room.awake.members[i], member.generation.gatewayEpoch < gateway else { continue }
        let c = room.claim(Slot(UInt32(i)))
        if room.claims[c].link < 0 { room.claims[c].unclaimedSince = now.monotonic }
      }
    }
    if room.ordersPending == 0, !room.awake.strangers.isEmpty { expelStrangers(room) }
    judge(room)
    if !room.awake.requests.isEmpty { noteRequests(room) }
    schedule(room)
    admitWaiting(room)
  }

  /// One undecided event, under its recorded limits. What killed two owners in a row is not run a third time.
  private mutating func decide(_ room: Room, _ head: EventHead, _ item: TailItem) {
    let s = Int(room.shard.rawValue)
    let suspect = Suspect(room: room.id, event: head.seq)
    room.isDeciding = true
    if shards[s]!.suspect == suspect, shards[s]!.previousSuspect == suspect {
      beginRepair(
        room, item.event, item.batch, item.time,
        .failed(
          RoomFault(kind: .death, text: "the worker died at this event twice in a row"),
          Spoils(speaker: false, twin: false)), .deciding)
    } else {
      perform(room, item.event, item.batch, item.time, budget: .deciding)
    }
    if room.phase == .ready { room.isDeciding = false }
  }

  /// The number of the last decided event of a tail: everything before its last batch, and everything up to the last
  /// annotation (protocol §4.3). Nil where the tail does not decode.
  static func undecided(_ bytes: UnsafeRawBufferPointer, _ annotations: [EventSeq: Annotation]) -> EventSeq? {
    var reader = ByteReader(bytes)
    var decided = annotations.keys.max() ?? EventSeq(0)
    var batch = BatchNumber(0)
    var last = EventSeq(0)
    while !reader.isAtEnd {
      guard let item = try? TailItem(&reader), BatchHead(number: item.batch, time: item.time).isPossible else {
        return nil
      }
      var event = ByteReader(item.event)
      guard let (head, _) = try? event.takeEvent() else { return nil }
      if item.batch > batch {
        batch = item.batch
        decided = max(decided, last)
      }
      last = head.seq
    }
    return decided
  }

  /// The room as a snapshot has it, in both versions where there are two.
  mutating func restore(_ room: Room, _ position: LogPosition) throws(WakeError) {
    try restore(room, try readSnapshot(room, at: position))
  }

  /// `bytes`: of a snapshot record.
  mutating func restore(_ room: Room, _ bytes: [UInt8]) throws(WakeError) {
    var failure: WakeError?
    bytes.withUnsafeBytes { buffer in
      guard let snapshot = try? RoomSnapshot(buffer), snapshot.room == room.id else {
        failure = WakeError(.diverged, "its snapshot does not decode")
        return
      }
      let host = snapshot.host
      restoredBytes += UInt64(buffer.count)
      (room.imageBytes, room.twinImageBytes) = (snapshot.image.count, snapshot.twinImage?.count ?? 0)
      let larger = room.needsLargerStack
      room.hasLargerStack = larger
      // Which of them may kill is known once they are loaded.
      for build in [host.module, host.twin?.module] { _ = build.flatMap(engine.module) }
      let isNoted = note(.restore, room, host.module, besides: host.twin?.module)
      defer { noteReturn(room, isNoted) }
      do throws(WakeError) {
        room.instance = try restore(host.module, host.limits, snapshot.image, forReplay: larger)
        if let twin = host.twin, let image = snapshot.twinImage {
          room.twin = try restore(twin.module, twin.limits, image, forReplay: larger)
        }
      } catch {
        failure = error
        return
      }
      room.host = host
      learnVersions(room)
      room.stagedEvent = host.eventSeq
    }
    if let failure { throw failure }
  }

  mutating func restore(
    _ module: ModuleHash, _ limits: RoomLimits, _ image: UnsafeRawBufferPointer, forReplay: Bool
  ) throws(WakeError) -> any RoomInstance {
    guard engine.module(module) != nil else {
      throw WakeError(.moduleMissing, "the module build \(module) is not here")
    }
    do throws(EngineError) {
      return forReplay
        ? try engine.restoreForReplay(module, limits: limits, image: image)
        : try engine.restore(module, limits: limits, image: image)
    } catch {
      throw WakeError(nil, error.description)
    }
  }

  mutating func make(
    _ module: ModuleHash, _ limits: RoomLimits, forReplay: Bool = false
  ) throws(WakeError) -> any RoomInstance {
    do throws(EngineError) {
      return forReplay ? try engine.makeForReplay(module, limits: limits) : try engine.make(module, limits: limits)
    } catch {
      throw WakeError(nil, error.description)
    }
  }
}

/// Why a room cannot be woken; without a reason it may work later.
struct WakeError: Error {
  var reason: RoomEvent.FreezeReason?
  var text: String
  init(_ reason: RoomEvent.FreezeReason?, _ text: String) {
    self.reason = reason
    self.text = text
  }
}

extension Room {
  /// What was found so far is about an earlier state, or an earlier room of that name.
  func forget() {
    found = []
    foundAnnotations = [:]
    snapshot = nil
    tailStart = nil
    isDamaged = false
    timerDue = nil
  }
  /// A snapshot includes what was found up to this event; events above it stand.
  func forget(through included: EventSeq?) {
    guard let included, !found.isEmpty else { return forget() }
    var kept: [UInt8] = []
    found.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      while let item = try? TailItem(&reader) {
        var event = ByteReader(item.event)
        guard let (head, _) = try? event.takeEvent(), head.seq > included else { continue }
        TailItem.put(item.batch, item.time, item.event, into: &kept)
      }
    }
    let annotations = foundAnnotations.filter { $0.key > included }
    let start = tailStart
    forget()
    guard !kept.isEmpty else { return }
    (found, foundAnnotations, tailStart) = (kept, annotations, start)
  }
  /// Has members or events since its snapshot, or timers soon: it is woken without being asked for.
  var isActive: Bool { wasActive || !found.isEmpty || !foundAnnotations.isEmpty }
}

extension Shard {
  /// A range of the log cannot be read: whoever may have had events in it stops, with its record as it is, until a
  /// snapshot behind the damage vouches for it. `last`: the record before; scanning from there finds the damage again.
  func lose(_ range: Range<LogPosition>, after last: LogPosition) {
    for room in rooms.values where room.foundFrom < range.upperBound {
      room.isDamaged = true
      room.tailStart = min(room.tailStart ?? last, last)
    }
  }

  /// Adds what one record says to the rooms it names.
  func find(
    _ id: ShardID, _ position: LogPosition, _ kind: UInt8, _ payload: UnsafeRawBufferPointer
  ) throws(DecodingError) {
    var r = ByteReader(payload)
    switch kind {
    case RecordKind.batch:
      let head = try BatchHead(&r)
      lastBatch = max(lastBatch, head.number)
      while !r.isAtEnd {
        let start = r.offset
        let (place, event) = try r.takeEvent()
        let room = found(place.room, id)
        guard room.foundFrom <= position else { continue }
        if case .dropped = event {
          rooms[place.room] = nil
          continue
        }
        if case .created(let creation) = event {
          room.forget()
          room.build = creation.module
        }
        if room.tailStart == nil { room.tailStart = position }
        TailItem.put(
          head.number, head.time, UnsafeRawBufferPointer(rebasing: payload[start..<r.offset]), into: &room.found)
      }
    case RecordKind.annotations:
      while !r.isAtEnd {
        let annotation = try Annotation(&r)
        guard let room = rooms[annotation.room], room.foundFrom <= position else { continue }
        room.foundAnnotations[annotation.event] = annotation
      }
    case RecordKind.snapshot:
      _ = try r.take(UInt8.self)
      let room = found(try r.take(), id)
      guard room.foundFrom <= position else { return }
      // A copy that was made of a sleeping room may stand here without its tail, where the write was cut between them.
      room.forget(through: RoomSnapshot.eventSeq(payload))
      room.build = (try? r.takeHash()) ?? room.build
      room.snapshot = position
      room.wasActive = true
    case RecordKind.tail:
      let room = found(try r.take(), id)
      guard room.foundFrom <= position else { return }
      room.tailStart = position
      room.wasActive = true
      let count: UInt32 = try r.take()
      for _ in 0..<count {
        let annotation = try Annotation(&r)
        room.foundAnnotations[annotation.event] = annotation
      }
      room.found = Array(r.takeRest())
    default: break
    }
  }

  private func found(_ room: RoomID, _ shard: ShardID) -> Room {
    if let known = rooms[room] { return known }
    // Not in the checkpoint: what stands before that is about a room that is no more.
    let made = Room(id: room, shard: shard)
    made.foundFrom = checkpointAt
    rooms[room] = made
    return made
  }
}
