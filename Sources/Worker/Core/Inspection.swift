// What a worker tells control about its rooms, as JSON.
package import Core
import Wire

extension Worker {
  /// `rooms`: an array of the rooms in memory. `counters`: one object. Anything else: an error object.
  package func inspect(_ what: String) -> [UInt8] {
    switch what {
    case "rooms":
      let rooms = shards.compactMap { $0?.rooms.values }.joined().sorted { $0.id < $1.id }
      return Array("[\(rooms.map(describe).joined(separator: ","))]".utf8)
    case "counters": return Array(counters.json(rooms: awakeRooms.count).utf8)
    default: return Array(#"{"error":"unknown: ask for rooms or counters"}"#.utf8)
    }
  }

  private func describe(_ room: Room) -> String {
    let name = room.host.map { String(decoding: $0.name, as: UTF8.self) } ?? ""
    let key = room.host.map { String(decoding: $0.key, as: UTF8.self) } ?? ""
    let members = room.host?.memberCount ?? 0
    let connected = room.claims.count { $0.link >= 0 }
    return """
      {"id":"\(room.id)","module":\(quoted(name)),"version":\(quoted(room.settings?.version ?? "")),"key":\(quoted(key)),\
      "shard":\(room.shard),"epoch":\(epoch(room.shard)),"phase":"\(room.phase)",\
      "frozen":\(room.host?.frozen.map { "\"\($0)\"" } ?? "null"),"members":\(members),"connected":\(connected),\
      "events":\(room.host?.eventSeq.rawValue ?? 0),"outputs":\(room.host?.outSeq.rawValue ?? 0),\
      "timeline":"\(RoomID(room.host == nil ? 0 : timeline(room).rawValue))"}
      """
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
  package func store(_ shard: ShardID) -> (any ShardStore)? { shards[Int(shard.rawValue)]?.store }
}

extension WorkerCounters {
  func json(rooms: Int) -> String {
    """
    {"rooms":\(rooms),"events":\(events),"inputs":\(inputs),"outputs":\(outputs),"batches":\(batches),\
    "writes":\(writes),"snapshots":\(snapshots),"checkpoints":\(checkpoints),"quarantines":\(quarantines),\
    "divergences":\(divergences),"passivations":\(passivations)}
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
