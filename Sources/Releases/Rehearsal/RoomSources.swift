// Rooms to rehearse with: live ones, from their logs or asked of their workers, or bundles from files.
internal import Artifacts
package import Core
package import WorkerCore

/// The rooms of a running server, awake and asleep. Where the log has their last minutes nobody is asked for them; else
/// asking for one costs its worker what a look at its snapshot costs, and one that sleeps is left out.
package struct LiveRooms: RoomSource {
  private let sockets: [String]
  private var links: [Int: WorkerAsk] = [:]
  private var entries: [RoomID: Entry] = [:]
  private var module: ModuleHash?
  /// Nil: there is no log to read.
  private var histories: LogHistories?
  private var askedRooms = 0
  /// Of those that were given.
  private var sleepers = 0
  /// Rooms of which neither the log nor a worker had anything to give.
  private var missing = 0
  private var complaints: [String] = []

  /// `data`: the server's data directory; nil: its logs are not read.
  package init(sockets: [String], data: String?) {
    self.sockets = sockets
    histories = data.map { LogHistories(data: $0) }
  }

  private struct Entry {
    var room: RoomID
    var shard: ShardID
    /// Which worker has it.
    var worker: Int
    var isAwake: Bool
    /// Empty where it sleeps, as is the key.
    var name: String
    var key: String
    var members: UInt64
    /// Decided when it was asked for; 0 where it sleeps.
    var events: UInt64
  }

  /// Those with most members first, and among them some of the longest lives: their states are the oldest. Where there
  /// are not so many awake, sleeping ones come last.
  package mutating func rooms(
    of module: ModuleHash, most: Int, goesOn: (Double) -> Bool
  ) throws(RehearsalError) -> [RoomID] {
    let all = look(module)
    let found = all.filter(\.isAwake)
    let byMembers = found.sorted { ($1.members, $1.events, $0.room) < ($0.members, $0.events, $1.room) }
    let byAge = found.sorted { ($1.events, $0.room) < ($0.events, $1.room) }
    var chosen = Array(byMembers.prefix(most - min(most / 5, byMembers.count / 5)))
    for entry in byAge where chosen.count < most && !chosen.contains(where: { $0.room == entry.room }) {
      chosen.append(entry)
    }
    chosen += all.filter { !$0.isAwake }.sorted { $0.room < $1.room }.prefix(most - chosen.count)
    self.module = module
    entries = Dictionary(chosen.map { ($0.room, $0) }) { first, _ in first }
    histories?.read(chosen.map { ($0.room, $0.shard) }, goesOn: goesOn)
    complaints += histories?.complaints ?? []
    return chosen.map(\.room)
  }

  private mutating func look(_ module: ModuleHash) -> [Entry] {
    var found: [Entry] = []
    for worker in sockets.indices {
      // A socket may be left from a worker that died, and a spare has no rooms.
      guard let link = try? WorkerAsk(sockets[worker]), let answer = try? link.inspect("rooms"),
        let list = try? JSON(answer), case .array(let rooms) = list
      else { continue }
      links[worker] = link
      for room in rooms {
        let phase = room["phase"]?.text
        guard room["sha256"]?.text == "\(module)", phase == "ready" || phase == "asleep",
          room["probation"] ?? .null == .null,
          room["ended"] ?? .null == .null, let id = room["id"]?.text.flatMap({ UInt64($0, radix: 16) }),
          let shard: UInt16 = room["shard"]?.integer()
        else { continue }
        found.append(
          Entry(
            room: RoomID(id), shard: ShardID(shard), worker: worker, isAwake: phase == "ready",
            name: room["module"]?.text ?? "",
            key: room["key"]?.text ?? "", members: room["members"]?.integer() ?? 0,
            events: room["events"]?.integer() ?? 0))
      }
    }
    return found
  }

  package mutating func bundle(
    _ room: RoomID, before asking: () -> Void
  ) throws(RehearsalError) -> CrashBundle? {
    guard let entry = entries[room], let module else { return nil }
    do throws(RehearsalError) {
      let found = try histories?.bundle(
        room, entry.shard, module: module, name: entry.name, key: entry.key, decided: EventSeq(entry.events))
      if let found, entry.isAwake { return found }
      if let found { return Self.isRunning(found) ? sleeping(found) : nil }
    } catch { complaints.append("\(error)") }
    guard let link = links[entry.worker] else { return lacking() }
    asking()
    let bytes: [UInt8]
    do throws(RehearsalError) { bytes = try link.inspect("bundle \(room)") } catch {
      links[entry.worker] = nil
      throw error
    }
    guard !bytes.isEmpty else { return lacking() }
    askedRooms += 1
    do throws(DecodingError) { return try CrashCase(bytes).bundle } catch {
      throw RehearsalError("the worker's bundle of room \(room) \(error)")
    }
  }

  /// Of one that sleeps, what a list says of those that are awake.
  private static func isRunning(_ bundle: CrashBundle) -> Bool {
    guard !bundle.snapshot.isEmpty else { return true }
    return bundle.snapshot.withUnsafeBytes { bytes in
      guard let host = try? RoomSnapshot(bytes).host else { return true }
      return host.ended == nil && host.twin == nil
    }
  }
  private mutating func sleeping(_ bundle: CrashBundle) -> CrashBundle {
    sleepers += 1
    return bundle
  }
  private mutating func lacking() -> CrashBundle? {
    missing += 1
    return nil
  }

  package var remarks: [String] {
    var partly = histories?.remark.map { [$0] } ?? []
    if sleepers > 0 { partly.append("of the rooms, \(sleepers) sleep\(sleepers == 1 ? "s" : "")") }
    if missing > 0 {
      partly.append(
        "\(missing == 1 ? "1 room was" : "\(missing) rooms were") left out: asleep or gone, and without a record in the log"
      )
    }
    guard askedRooms > 0 else { return partly }
    let rooms = askedRooms == 1 ? "1 room was" : "\(askedRooms) rooms were"
    let why = complaints.first.map { ": \($0)" } ?? ", for which the log holds nothing older"
    return partly + ["\(rooms) given only what came since the last snapshot\(why)"]
  }
}

/// Bundles from files, or made by a test.
package struct KeptRooms: RoomSource {
  package let remarks: [String] = []
  private let bundles: [CrashBundle]
  package init(_ bundles: [CrashBundle]) { self.bundles = bundles }

  package func rooms(of module: ModuleHash, most: Int, goesOn: (Double) -> Bool) -> [RoomID] {
    var seen: Set<RoomID> = []
    return bundles.map(\.room).filter { seen.insert($0).inserted }.prefix(most).map { $0 }
  }
  package func bundle(_ room: RoomID, before asking: () -> Void) -> CrashBundle? { bundles.last { $0.room == room } }
}
