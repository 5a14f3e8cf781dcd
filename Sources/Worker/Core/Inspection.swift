// What a worker tells control about its rooms, as JSON.
package import Core
import Wire

extension Worker {
  /// `rooms`: an array of the rooms that are known. `room <16 hex>`: all about one of them, or null. `counters`: one
  /// object. `versions`: an array of the builds that were run. `bundle <16 hex>`: the bytes of a crash bundle of a room
  /// that lives, or nothing. Anything else: an error object.
  package func inspect(_ what: String) -> [UInt8] {
    switch what {
    case "rooms":
      var out: [UInt8] = [UInt8(ascii: "[")]
      // As long as a room's entry is as a rule.
      out.reserveCapacity(400 * awakeRooms.count)
      for room in shards.compactMap({ $0?.rooms.values }).joined().sorted(by: { $0.id < $1.id }) {
        if out.count > 1 { out.add(",") }
        out.add("{")
        describe(room, into: &out)
        out.add("}")
      }
      out.add("]")
      return out
    case "counters": return Array(countersText.utf8)
    case "versions": return versionsJSON
    case _ where what.hasPrefix("bundle "):
      guard let id = UInt64(what.dropFirst(7), radix: 16), let room = room(RoomID(id)), room.host != nil else {
        return []
      }
      return bundle(room).encode()
    default:
      guard what.hasPrefix("room "), let id = UInt64(what.dropFirst(5), radix: 16) else {
        return Array(#"{"error":"unknown: ask for rooms, room ID, counters, versions or bundle ID"}"#.utf8)
      }
      guard let room = room(RoomID(id)) else { return Array("null".utf8) }
      return inspect(room)
    }
  }

  /// The fields of one room in a list. A list of thousands holds up what the worker is there for, so it is made fast.
  private func describe(_ room: Room, into out: inout [UInt8]) {
    let host = room.host
    out.add("\"id\":")
    out.addQuoted(hex: room.id.rawValue)
    out.add(",\"room\":")
    out.addQuoted(hex: room.id.rawValue)
    out.add(",\"module\":")
    // Of one that sleeps only its build is known.
    if let host { out.addQuoted(host.name) } else { out.addQuoted((room.settings?.name ?? "").utf8) }
    out.add(",\"version\":")
    out.addQuoted((room.settings?.version ?? "").utf8)
    out.add(",\"sha256\":")
    if let counts = room.counts {
      out.addQuoted(counts.hash)
    } else if let build = room.build {
      out.addQuoted(build.description.utf8)
    } else {
      out.add("null")
    }
    out.add(",\"key\":")
    out.addQuoted(host?.key ?? [])
    out.add(",\"shard\":")
    out.add(room.shard.rawValue)
    out.add(",\"epoch\":")
    out.add(epoch(room.shard).rawValue)
    out.add(",\"phase\":")
    out.add(room.phase.quotedName)
    out.add(",\"frozen\":")
    if let frozen = host?.frozen ?? room.stopReason { out.addQuoted("\(frozen)".utf8) } else { out.add("null") }
    out.add(",\"members\":")
    out.add(host?.memberCount ?? 0)
    out.add(",\"connected\":")
    out.add(room.claims.count { $0.link >= 0 })
    out.add(",\"events\":")
    out.add(host?.eventSeq.rawValue ?? 0)
    out.add(",\"outputs\":")
    out.add(host?.outSeq.rawValue ?? 0)
    out.add(",\"timeline\":")
    out.addQuoted(hex: host == nil ? 0 : timeline(room).rawValue)
    describeShown(room, into: &out)
  }

  /// What the room shows of itself, and what waits.
  private func describeShown(_ room: Room, into out: inout [UInt8]) {
    let host = room.host
    out.add(",\"wakesAt\":")
    if room.phase == .asleep, let due = room.timerDue { out.add(due) } else { out.add("null") }
    out.add(",\"differences\":")
    out.add(room.differences)
    out.add(",\"queue\":")
    out.add(room.stagedCount + room.backlog.count + room.waiting.count)
    out.add(",\"label\":")
    out.addQuoted(host?.label ?? [])
    out.add(",\"locked\":")
    out.add(host?.isLocked ?? false)
    out.add(",\"properties\":{")
    for (i, property) in (host?.properties ?? []).enumerated() {
      if i > 0 { out.add(",") }
      out.addQuoted(property.key)
      out.add(":")
      out.addQuoted(property.value)
    }
    out.add("},\"ended\":")
    if let ended = host?.ended { out.addQuoted(ended.reason) } else { out.add("null") }
    out.add(",\"probation\":")
    guard let host, let twin = host.twin else { return out.add("null") }
    out.add("{\"from\":")
    out.addQuoted((room.twinSettings?.version ?? "").utf8)
    out.add(",\"events\":")
    out.add(host.eventSeq.rawValue &- min(twin.begunAt.rawValue, host.eventSeq.rawValue))
    out.add(",\"differences\":")
    out.add(twin.differences.count)
    out.add(",\"endsAt\":")
    out.add(twin.endsAtTime)
    out.add("}")
  }

  /// The same and what is behind it. Its readable state and its own check are made on copies.
  private func inspect(_ room: Room) -> [UInt8] {
    let last = room.watch.events
    let events = last.map { event in
      """
      {"seq":\(event.seq),"kind":"\(RoomEvent.name(ofKind: event.kind))",\
      \(event.slot.map { "\"slot\":\($0)," } ?? "")"at":\(event.time),"fuel":\(event.fuel)}
      """
    }
    let failures = room.watch.failures.map { failure in
      """
      {"seq":\(failure.event),"fault":\(quoted(failure.fault)),"text":\(quoted(failure.text)),"at":\(failure.time)}
      """
    }
    var state = Array("null".utf8)
    var check = "null"
    if room.phase == .ready, let instance = room.instance {
      let json = look(room, instance, room.awake.module, .json) ?? []
      if JSONCheck.isJSON(json) { state = json }
      let text = look(room, instance, room.awake.module, .check) ?? Array("it killed the worker and is not asked".utf8)
      if !text.isEmpty { check = quoted(String(decoding: text.prefix(4_096), as: UTF8.self)) }
    }
    var out = [UInt8(ascii: "{")]
    describe(room, into: &out)
    out.append(
      contentsOf:
        """
        ,"membersList":[\(members(of: room))],"requests":[\(requests(of: room))],\
        "fuel":{"last":\(last.last?.fuel ?? 0),"max":\(room.watch.fuelMax),\
        "limit":\(room.settings?.limits.fuel ?? 0)},\
        "lastEvents":[\(events.joined(separator: ","))],"check":\(check),"history":[\(failures.joined(separator: ","))],\
        "state":
        """.utf8)
    out.append(contentsOf: state)
    out.append(UInt8(ascii: "}"))
    return out
  }

  /// Empty where the room has nothing to show, or fails to; nil where it killed and is not asked. `build`: of the instance.
  func look(_ room: Room, _ instance: any RoomInstance, _ build: ModuleHash, _ view: RoomView) -> [UInt8]? {
    var bytes: [UInt8] = []
    let call = NotedCall(view)
    guard mayMake(call, room, build) else { return nil }
    let isNoted = note(call, room, build)
    defer { noteReturn(room, isNoted) }
    do throws(EngineError) { try engine.describe(instance, as: view, into: &bytes) } catch { return [] }
    return bytes.count <= Limits.stateBytesMax ? bytes : []
  }

  private func members(of room: Room) -> String {
    guard let host = room.host else { return "" }
    var texts: [String] = []
    for i in host.members.indices {
      guard let member = host.members[i] else { continue }
      let isAttached = i < room.claims.count && room.claims[i].link >= 0
      // The part that differs: who sees it can tell sessions apart, and cannot become one.
      let hex = String(member.membership.session.rawValue & 0xff_ffff, radix: 16)
      texts.append(
        """
        {"slot":\(i),"name":\(quoted(String(decoding: member.player, as: UTF8.self))),\
        "session":"\(String(repeating: "0", count: 6 - hex.count) + hex)","attached":\(isAttached),\
        "suspended":\(member.suspended),"inputs":\(member.lastSeq)}
        """)
    }
    return texts.joined(separator: ",")
  }

  /// What it has asked and has no answer to.
  private func requests(of room: Room) -> String {
    let texts = (room.host?.requests ?? []).map { request in
      """
      {"id":\(request.id),"kind":"\(request.kind)","room":\(quoted(String(decoding: request.target, as: UTF8.self))),\
      "event":\(request.key.event)}
      """
    }
    return texts.joined(separator: ",")
  }

  private var countersText: String {
    let modules = moduleCounters.sorted { $0.key < $1.key }.map { module, counters in
      let values = counters.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\($0.value)" }
      return "\(quoted(module)):{\(values.joined(separator: ","))}"
    }
    return "{\(counters.json(rooms: awakeRooms.count)),\"modules\":{\(modules.joined(separator: ","))}}"
  }

  package func roomCount(of shard: ShardID) -> Int { shards[Int(shard.rawValue)]?.rooms.count ?? 0 }

  // MARK: For the simulator and tests

  package var roomIDs: [RoomID] { shards.compactMap { $0?.rooms.keys }.joined().sorted() }
  package func room(_ id: RoomID) -> Room? {
    shards[Int(map.shard(of: id).rawValue)]?.rooms[id]
  }
  package var ownedShards: [ShardID] {
    shards.indices.filter { shards[$0] != nil }.map { ShardID(UInt16($0)) }
  }
  /// Entries of the queues of what is due.
  package var dueCount: Int { due.count + sleepers.count }
}

extension RoomPhase {
  fileprivate var quotedName: StaticString {
    switch self {
    case .asleep: "\"asleep\""
    case .ready: "\"ready\""
    case .repairing: "\"repairing\""
    case .stopped: "\"stopped\""
    }
  }
}

extension WorkerCounters {
  func json(rooms: Int) -> String {
    """
    "rooms":\(rooms),"events":\(events),"inputs":\(inputs),"outputs":\(outputs),"batches":\(batches),\
    "writes":\(writes),"snapshots":\(snapshots),"checkpoints":\(checkpoints),"quarantines":\(quarantines),\
    "divergences":\(divergences),"passivations":\(passivations),"wakes":\(wakes),\
    "samples":\(samples),"differences":\(differences)
    """
  }
}

/// A JSON string.
package func quoted(_ text: String) -> String {
  var out = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": out += "\\\""
    case "\\": out += "\\\\"
    case let control where control.value < 0x20:
      let hex = String(control.value, radix: 16)
      out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out + "\""
}
