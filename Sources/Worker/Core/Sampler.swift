// Determinism is watched (protocol §7.5): now and then a room is played again from its last snapshot, on a ghost that
// nobody hears, and must come out as the room was when that began. A room that does not goes on as it is; but whoever
// brings it back after a death would find another one, so it is told.
//
//   choose ──▶ restore ──▶ play ⟲ ──▶ compare
//
// Each step is a slice of some turn, and what it cost, by the measure of the replay budget, says when the next may come:
// the whole takes a small share of the worker's time, however much there is to play.
import Core

/// What a room's state comes to: equal states have equal ones.
struct StateCheck: Hashable {
  /// Of everything that the host keeps.
  var host: UInt32
  var image: UInt32
  /// Of the silent version; 0: there is none.
  var twinImage: UInt32
}

/// One room that is being played again.
struct Sample {
  var room: Room
  /// The room as it was when this began.
  var check: StateCheck
  var event: EventSeq
  var module: ModuleHash
  /// The events since the snapshot, and the verdicts on them, up to then.
  var tail: [UInt8]
  var annotations: [EventSeq: Annotation]
  /// Of the room at that time; nil: its tail begins with its creation.
  var snapshot: [UInt8]?
  /// Nil: not restored yet.
  var ghost: Room?
  var offset = 0
}

extension Worker {
  /// One step of a sample, if one is due. Call at the end of a turn.
  mutating func sampleDeterminism() {
    guard now.monotonic >= nextSampleStep else { return }
    guard sample != nil else { return chooseSample() }
    if sample!.ghost == nil {
      restoreSample()
    } else if sample!.offset < sample!.tail.count {
      playSample()
    } else {
      compareSample()
    }
  }

  /// The worker's time is its rooms': the next step waits until this one was a small part of it.
  private mutating func pay(_ fuel: UInt64) {
    let microseconds = Int64(clamping: fuel / (RoomCost.fuelPerMillisecond / 1_000))
    nextSampleStep = now.monotonic + max(1_000, microseconds * 1_000 / samplePermille)
  }

  private mutating func endSample() {
    if let ghost = sample?.ghost { discardInstances(ghost) }
    sample = nil
    nextSampleStep = max(nextSampleStep, now.monotonic + sampleEveryMicroseconds)
  }

  /// The next room in turn that has events since its snapshot.
  private mutating func chooseSample() {
    nextSampleStep = now.monotonic + sampleEveryMicroseconds
    // A room that wakes needs its place more.
    guard placesTaken + 2 <= Limits.liveRoomsMax else { return }
    for _ in 0..<min(awakeRooms.count, Limits.sampleLooksMax) {
      sampleTurn = sampleTurn + 1 < awakeRooms.count ? sampleTurn + 1 : 0
      let room = awakeRooms[sampleTurn]
      guard maySample(room) else { continue }
      var bytes: [UInt8]?
      if let position = room.snapshot {
        let store = shards[Int(room.shard.rawValue)]!.store
        do throws(StoreError) { bytes = try store.read(at: position) } catch {
          renewSnapshot(room)
          continue
        }
      }
      let (check, size) = stateCheck(of: room)
      pay(RoomCost.fuelPerCopy + UInt64(size + (bytes?.count ?? 0) + room.tail.count) * RoomCost.fuelPerByteCopied)
      // Of one that was just made nobody knew how large it is.
      guard hasSmallImage(room) else { return }
      sample = Sample(
        room: room, check: check, event: room.awake.eventSeq, module: room.awake.module, tail: room.tail,
        annotations: room.tailAnnotations, snapshot: bytes)
      return
    }
  }

  private func maySample(_ room: Room) -> Bool {
    room.phase == .ready && room.host != nil && room.instance != nil && !room.tail.isEmpty && !room.hasLostTwin
      && !room.needsSnapshot && room.awake.eventSeq != room.sampledAt
      && hasSmallImage(room)
      && room.tail.count <= Limits.sampleTailBytesMax && now.monotonic >= room.sampleNotBefore
      && engine.repeats(room.awake.module) && room.awake.twin.map { engine.repeats($0.module) } != false
  }

  private func hasSmallImage(_ room: Room) -> Bool {
    room.imageBytes + room.twinImageBytes <= Limits.sampleImageBytesMax
  }

  private mutating func stateCheck(of room: Room) -> (StateCheck, bytes: Int) {
    var bytes: [UInt8] = []
    swap(&bytes, &snapshotBytes)
    defer { swap(&bytes, &snapshotBytes) }
    func sum(_ write: (inout [UInt8]) -> Void) -> (UInt32, Int) {
      bytes.removeAll(keepingCapacity: true)
      write(&bytes)
      return (CRC32C.of(bytes), bytes.count)
    }
    let (host, hostBytes) = sum { RoomSnapshot.encodeHost(room.id, room.awake, into: &$0) }
    let (image, imageBytes) = sum { engine.image(of: room.instance!, into: &$0) }
    room.imageBytes = imageBytes
    let (twinImage, twinBytes) = sum { if let twin = room.twin { engine.image(of: twin, into: &$0) } }
    room.twinImageBytes = twinBytes
    return (StateCheck(host: host, image: image, twinImage: twinImage), hostBytes + imageBytes + twinBytes)
  }

  private mutating func restoreSample() {
    let room = sample!.room
    let bytes = sample!.snapshot.take()
    pay(RoomCost.fuelPerCopy + UInt64(bytes?.count ?? 0) * RoomCost.fuelPerByteCopied)
    do throws(WakeError) {
      sample!.ghost = try makeGhost(of: room, snapshot: bytes, tail: sample!.tail)
    } catch {
      // There is no place for it just now, or a build has gone: no verdict on the room.
      if error.reason == .diverged { tellDifference(error.text) }
      endSample()
    }
  }

  private mutating func playSample() {
    let ghost = sample!.ghost!
    let (tail, annotations) = (sample!.tail, sample!.annotations)
    var offset = sample!.offset
    var used: UInt64 = 0
    var trouble: WakeError?
    tail.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes, at: offset)
      while used < Limits.sampleSliceMicroseconds * (RoomCost.fuelPerMillisecond / 1_000), !reader.isAtEnd {
        guard let item = try? TailItem(&reader) else {
          trouble = WakeError(.diverged, "its tail does not decode")
          return
        }
        ghost.ghostCost = RoomCost.fuelPerEvent
        follow(ghost, item, annotations)
        used += ghost.ghostCost
        trouble = ghost.ghostTrouble
        if trouble == nil, ghost.hasLostTwin {
          trouble = WakeError(.diverged, "its silent version fails at an event at which it did not")
        }
        if trouble != nil { return }
      }
      offset = reader.offset
    }
    sample!.offset = offset
    isMuted = false
    pay(used)
    guard let trouble else { return }
    // The usual stack was enough for it in this process.
    let isTooDeep = ghost.needsLargerStack && !ghost.hasLargerStack
    if trouble.reason == .diverged || isTooDeep { tellDifference(trouble.text) }
    endSample()
  }

  private mutating func compareSample() {
    let (check, size) = stateCheck(of: sample!.ghost!)
    pay(RoomCost.fuelPerCopy + UInt64(size) * RoomCost.fuelPerByteCopied)
    counters.samples += 1
    sample!.room.sampledAt = sample!.event
    if check != sample!.check {
      let expected = sample!.check
      var parts: [String] = []
      if check.image != expected.image { parts.append("memory") }
      if check.twinImage != expected.twinImage { parts.append("silent version's memory") }
      if check.host != expected.host { parts.append("members, numbers, timers or outputs") }
      tellDifference("its \(parts.joined(separator: ", and its ")) came out differently")
    }
    endSample()
  }

  private mutating func tellDifference(_ what: String) {
    guard let sample else { return }
    let room = sample.room
    counters.differences += 1
    room.differences += 1
    room.sampleNotBefore = now.monotonic + Limits.sampleAgainSeconds * 1_000_000
    let text = "played again from its last snapshot up to event \(sample.event), \(what): it is not deterministic"
    room.watch.note(sample.event, "difference", text, now.wall)
    reports.append(.differs(room: room.id, event: sample.event, module: sample.module, text: text))
  }
}
