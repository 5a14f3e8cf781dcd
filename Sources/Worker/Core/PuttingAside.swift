// Calls into a room's code that are no events, where that code may kill the worker (a native module). Each is noted in the
// black box. What killed one owner is tried by the next before anything else; what killed two in a row is not called again,
// and what cannot do without it is told:
//
//   making it again, replaying   the room stops, with its record as it is, for this owner and later ones
//   any other of a new version   on probation the room goes back
//   saving, no twin              the room stops
//   saving of the silent one     the silent one ends
//   the full state               the room is frozen, by an event; a build that can do it thaws it
//   a carry                      the upgrade is refused
//   a check, the readable state  counts as failed; is not asked for any more
package import Core
import Wire

extension NotedCall {
  package init(_ view: RoomView) {
    switch view {
    case .state: self = .describe
    case .json: self = .inspect
    case .check: self = .check
    }
  }
}

extension Worker {
  // MARK: Noting

  func mayKill(_ build: ModuleHash) -> Bool { !engine.confines(build) }

  /// Before a call into a build that may kill. `target`: where the room is carried to; `besides`: another build that is
  /// called too. Returns what `noteReturn` is to be given.
  func note(
    _ call: NotedCall, _ room: Room, _ build: ModuleHash, to target: ModuleHash? = nil, besides other: ModuleHash? = nil
  ) -> Bool {
    guard mayKill(build) || target.map(mayKill) ?? false || other.map(mayKill) ?? false else { return false }
    shards[Int(room.shard.rawValue)]!.store.enter(Suspect(room: room.id, call, of: target ?? build), to: target)
    return true
  }
  func noteReturn(_ room: Room, _ isNoted: Bool) {
    if isNoted { shards[Int(room.shard.rawValue)]!.store.leave() }
  }

  /// False: it killed two owners in a row.
  func mayMake(_ call: NotedCall, _ room: Room, _ build: ModuleHash) -> Bool {
    guard let shard = shards[Int(room.shard.rawValue)], !shard.aside.isEmpty else { return true }
    return !shard.aside.contains(Suspect(room: room.id, call, of: build))
  }
  func maySave(_ room: Room) -> Bool {
    guard let host = room.host else { return true }
    return mayMake(.save, room, host.module) && host.twin.map { mayMake(.save, room, $0.module) } ?? true
  }
  /// Appends the instance's image. False: that is not asked for any more.
  func save(_ room: Room, _ instance: any RoomInstance, _ build: ModuleHash, into bytes: inout [UInt8]) -> Bool {
    guard mayMake(.save, room, build) else { return false }
    let isNoted = note(.save, room, build)
    engine.image(of: instance, into: &bytes)
    noteReturn(room, isNoted)
    return true
  }
  /// Who needs the full state waits for it, until a build that can make it thaws the room, or the room goes back.
  mutating func mayShow(_ room: Room, _ host: RoomHost) -> Bool {
    if host.frozen == .kills { return false }
    guard !mayMake(.describe, room, host.module) else { return true }
    if host.frozen == nil { unjudged.append(room) }
    return false
  }
  func whyNotCarried(_ room: Room, _ host: RoomHost, to build: ModuleHash) -> String? {
    guard let shard = shards[Int(room.shard.rawValue)], !shard.aside.isEmpty else { return nil }
    if let call = shard.aside.first(where: { $0.room == room.id && $0.isOf(build) })?.call {
      return "in this room the worker died twice in a row, with this build, while \(call.text)"
    }
    return mayMake(.save, room, host.module) ? nil : "saving the room killed the worker, twice in a row"
  }
  /// It does not go further than its record.
  func isPutAside(_ room: Room) -> Bool { !mayMake(.wake, room, Self.noBuild) }
  private static var noBuild: ModuleHash { ModuleHash(Array(repeating: 0, count: 32)) }

  private func putAside(_ call: Suspect, of room: Room) {
    let shard = shards[Int(room.shard.rawValue)]!
    shard.aside.insert(call)
    shard.store.putAside(call)
  }
  /// What is put aside is of another room of that name.
  func forgetCalls(_ room: Room) {
    let shard = shards[Int(room.shard.rawValue)]!
    guard shard.aside.contains(where: { $0.room == room.id }) else { return }
    shard.aside = shard.aside.filter { $0.room != room.id }
    shard.store.forget(room.id)
  }

  // MARK: After a death

  /// The first thing that a new owner does: if it dies too, that is the second time in a row; and calls of two rooms
  /// cannot take turns.
  mutating func tryAgain(_ room: Room, _ suspect: Suspect) {
    let shard = shards[Int(room.shard.rawValue)]!
    guard let call = suspect.call else { return }
    guard shard.previousSuspect == suspect else {
      wake(room)
      return probe(room, suspect, call)
    }
    switch call {
    case .restore, .replay, .wake:
      putAside(Suspect(room: room.id, .wake, of: Self.noBuild), of: room)
      report(sleepingBundle(room), call)
      wake(room)
    case .describe, .check, .inspect, .save, .carry:
      wake(room)
      putAside(suspect, of: room)
      guard let host = room.host else { return report(sleepingBundle(room), call) }
      report(bundle(room, suspect, host), call)
      if host.twin != nil, suspect.isOf(host.module), let counts = room.counts {
        counts.spoken.traps += 1
        counts.firstTrapAt = counts.firstTrapAt ?? now.wall
      }
      judge(room)
    }
  }

  /// The room has been woken: that was all of it where that was what killed.
  private func probe(_ room: Room, _ suspect: Suspect, _ call: NotedCall) {
    guard room.phase == .ready, let host = room.host, let speaker = room.instance else { return }
    var bytes: [UInt8] = []
    if call == .carry {
      guard let target = shards[Int(room.shard.rawValue)]!.target, let settings = engine.module(target) else { return }
      let context = RoomContext(
        time: max(host.time, now.wall), tick: host.tick, random: host.random, nextTimer: host.nextTimer)
      let isNoted = note(.carry, room, host.module, to: target)
      if let made = try? engine.carry(speaker, to: target, limits: settings.limits, context: context) {
        engine.image(of: made, into: &bytes)
        engine.discard(made)
      }
      return noteReturn(room, isNoted)
    }
    let isTwin = host.twin.map { suspect.isOf($0.module) } ?? false
    guard suspect.isOf(host.module) || isTwin, let instance = isTwin ? room.twin : speaker else { return }
    let build = isTwin ? host.twin!.module : host.module
    switch call {
    case .describe: _ = look(room, instance, build, .state(nil))
    case .check: _ = look(room, instance, build, .check)
    case .inspect: _ = look(room, instance, build, .json)
    case .save: _ = save(room, instance, build, into: &bytes)
    case .carry, .restore, .replay, .wake: break
    }
  }

  private mutating func report(_ bundle: CrashBundle, _ call: NotedCall) {
    var bundle = bundle
    bundle.call = call
    bundle.fault = RoomFault(kind: .death, text: "the worker died twice in a row while \(call.text)")
    if let room = room(bundle.room) { room.watch.note(bundle.event, "death", bundle.fault.text, now.wall) }
    reports.append(.putAside(room: bundle.room, call, fault: bundle.fault, bundle: bundle))
  }

  private func bundle(_ room: Room, _ suspect: Suspect, _ host: RoomHost) -> CrashBundle {
    var bundle = bundle(room)
    (bundle.time, bundle.tick) = (host.time, host.tick)
    if suspect.call == .carry { bundle.target = shards[Int(room.shard.rawValue)]!.target }
    guard let twin = host.twin, suspect.isOf(twin.module) else { return bundle }
    bundle.module = twin.module
    return bundle.followingSpeaker(host)
  }

  /// Of a room that is not woken: nothing is decided here, so its tail ends where its decided events do.
  private func sleepingBundle(_ room: Room) -> CrashBundle {
    var bundle = bundle(room)
    let annotations = room.foundAnnotations
    bundle.annotations = annotations.values.sorted { $0.event < $1.event }
    bundle.module = room.build ?? bundle.module
    if let snapshot = bundle.snapshot.withUnsafeBytes({ $0.isEmpty ? nil : try? RoomSnapshot($0) }) {
      bundle.moduleName = String(decoding: snapshot.host.name, as: UTF8.self)
      bundle.key = String(decoding: snapshot.host.key, as: UTF8.self)
      (bundle.event, bundle.time, bundle.tick) = (snapshot.host.eventSeq, snapshot.host.time, snapshot.host.tick)
    }
    room.found.withUnsafeBytes { bytes in
      let decided = Self.undecided(bytes, annotations) ?? EventSeq(0)
      var reader = ByteReader(bytes)
      while let item = try? TailItem(&reader) {
        var event = ByteReader(item.event)
        guard let (head, decoded) = try? event.takeEvent(), head.seq <= decided else { return }
        if case .created(let creation) = decoded {
          bundle.moduleName = String(decoding: creation.name, as: UTF8.self)
          bundle.key = String(decoding: creation.key, as: UTF8.self)
        }
        TailItem.put(item.batch, item.time, item.event, into: &bundle.tail)
        (bundle.event, bundle.time) = (head.seq, max(bundle.time, item.time))
      }
    }
    return bundle
  }

  // MARK: What follows

  /// From what is put aside of the room alone, so it is the same whenever it is asked. True: that is all for now.
  mutating func judgeCalls(_ room: Room) -> Bool {
    guard let shard = shards[Int(room.shard.rawValue)], !shard.aside.isEmpty, room.phase == .ready,
      let host = room.host, host.ended == nil, !room.isEnding
    else { return false }
    let own = shard.aside.filter { $0.isOf(host.module) && $0.room == room.id && $0.call != .carry }
    if let twin = host.twin {
      guard !room.isTwinChanging, host.frozen == nil else { return false }
      if let first = own.min(by: { $0.word < $1.word }), let call = first.call {
        return stage(room, .back("the worker died twice in a row while \(call.text)"))
      }
      return !mayMake(.save, room, twin.module) && stage(room, .endTwin)
    }
    if own.contains(where: { $0.call == .save }) {
      putAside(Suspect(room: room.id, .wake, of: Self.noBuild), of: room)
      stop(room, .kills, "saving it kills the worker; it is put aside, with its record as it is")
      return true
    }
    guard host.frozen == nil, own.contains(where: { $0.call == .describe }) else { return false }
    return stage(room, .freeze)
  }

  private enum Consequence {
    case back(String)
    case endTwin
    case freeze
  }
  private mutating func stage(_ room: Room, _ consequence: Consequence) -> Bool {
    guard fitsReserve(room, Limits.reasonBytesMax) else {
      isShortOfSpace = true
      unjudged.append(room)
      return true
    }
    switch consequence {
    case .back(let why):
      room.isTwinChanging = true
      Array(why.utf8).withUnsafeBytes { stage(room, .back(reason: $0)) }
    case .endTwin:
      room.isTwinChanging = true
      stage(room, .twinEnded(.settled))
    case .freeze:
      room.isEnding = true
      stage(room, .frozen(.kills))
    }
    return true
  }
}

extension Shard {
  /// The last owner may have died between a room's end and forgetting what was put aside of it: the next room of that name
  /// is another one.
  func forgetCallsOfRoomsThatAreNoMore() {
    for room in Set(aside.map(\.room)) where rooms[room] == nil {
      aside = aside.filter { $0.room != room }
      store.forget(room)
    }
  }
}
