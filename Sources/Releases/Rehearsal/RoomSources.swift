// Rooms to rehearse with: live ones, asked of their workers, or bundles from files.
internal import Artifacts
package import Core
package import WorkerCore

/// The rooms of a running server. Asking for one costs its worker what a look at its snapshot costs.
package struct LiveRooms: RoomSource {
  package let isLive = true
  private let sockets: [String]
  private var links: [Int: WorkerAsk] = [:]
  /// Which worker has a room.
  private var places: [RoomID: Int] = [:]

  package init(sockets: [String]) { self.sockets = sockets }

  private struct Entry {
    var room: RoomID
    var members: UInt64
    var events: UInt64
  }

  /// Those with most members first, and among them some of the longest lives: their states are the oldest.
  package mutating func rooms(of module: ModuleHash, most: Int) throws(RehearsalError) -> [RoomID] {
    var found: [Entry] = []
    for worker in sockets.indices {
      // A socket may be left from a worker that died, and a spare has no rooms.
      guard let link = try? WorkerAsk(sockets[worker]), let answer = try? link.inspect("rooms"),
        let list = try? JSON(answer), case .array(let rooms) = list
      else { continue }
      links[worker] = link
      for room in rooms {
        guard room["sha256"]?.text == "\(module)", room["phase"]?.text == "ready", room["probation"] ?? .null == .null,
          room["ended"] ?? .null == .null, let id = room["id"]?.text.flatMap({ UInt64($0, radix: 16) })
        else { continue }
        places[RoomID(id)] = worker
        found.append(
          Entry(room: RoomID(id), members: room["members"]?.integer() ?? 0, events: room["events"]?.integer() ?? 0))
      }
    }
    let byMembers = found.sorted { ($1.members, $1.events, $0.room) < ($0.members, $0.events, $1.room) }
    let byAge = found.sorted { ($1.events, $0.room) < ($0.events, $1.room) }
    var chosen = byMembers.prefix(most - min(most / 5, byMembers.count / 5)).map(\.room)
    for entry in byAge where chosen.count < most && !chosen.contains(entry.room) { chosen.append(entry.room) }
    return chosen
  }

  package mutating func bundle(_ room: RoomID) throws(RehearsalError) -> CrashBundle? {
    guard let worker = places[room], let link = links[worker] else { return nil }
    let bytes: [UInt8]
    do throws(RehearsalError) { bytes = try link.inspect("bundle \(room)") } catch {
      links[worker] = nil
      throw error
    }
    guard !bytes.isEmpty else { return nil }
    do throws(DecodingError) { return try CrashCase(bytes).bundle } catch {
      throw RehearsalError("the worker's bundle of room \(room) \(error)")
    }
  }
}

/// Bundles from files, or made by a test.
package struct KeptRooms: RoomSource {
  package let isLive = false
  private let bundles: [CrashBundle]
  package init(_ bundles: [CrashBundle]) { self.bundles = bundles }

  package func rooms(of module: ModuleHash, most: Int) -> [RoomID] {
    var seen: Set<RoomID> = []
    return bundles.map(\.room).filter { seen.insert($0).inserted }.prefix(most).map { $0 }
  }
  package func bundle(_ room: RoomID) -> CrashBundle? { bundles.last { $0.room == room } }
}
