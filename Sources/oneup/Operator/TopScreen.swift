// What `oneup top` shows: a value that is given looks and gives lines.
import Control
import Foundation

struct TopScreen {
  enum Order: String, CaseIterable {
    case events = "events a second"
    case members
    case queue
  }
  private let server: HTTPServer
  private var look: LiveVitals?
  private var rooms: [RoomLook] = []
  private var rates: [String: Double] = [:]
  private var before: (at: Int64, events: [String: UInt64])?
  private var happened: [HappenedView] = []
  private var order = Order.events
  /// Shown instead of the numbers until the next look.
  var trouble: String?

  init(_ server: HTTPServer) { self.server = server }

  mutating func sortByNext() {
    let all = Order.allCases
    order = all[((all.firstIndex(of: order) ?? 0) + 1) % all.count]
  }

  /// A look's JSON; the rooms and events are asked for with it.
  mutating func take(_ json: [UInt8]) {
    do throws(HTTPFailure) {
      look = try LiveVitals(json)
      happened = try server.get("/v1/events")
      takeRooms(try server.get("/v1/rooms?limit=20000"), at: look?.at ?? 0)
      trouble = nil
    } catch { trouble = error.description }
  }

  private mutating func takeRooms(_ list: [RoomLook], at time: Int64) {
    rooms = list
    let events = Dictionary(list.map { ($0.id, $0.events) }, uniquingKeysWith: { $1 })
    if let before, time > before.at {
      rates = [:]
      for (id, count) in events {
        guard let was = before.events[id], count >= was else { continue }
        rates[id] = Double(count - was) * 1_000 / Double(time - before.at)
      }
    }
    before = (time, events)
  }

  /// A room's name has up to 193 bytes, and the numbers after it are to be seen, too.
  private static let nameCellsMax = 40
  private static let quiet: Set<String> = ["shard-served", "gateway"]

  func lines(height: Int) -> [String] {
    guard let look else { return [trouble ?? "Asking \(server.endpoint) …"] }
    var lines = [trouble ?? Columns.numbers(look), ""]
    lines += Columns.processes(look)
    let news = happened.filter { !Self.quiet.contains($0.kind) }.suffix(5)
    let below = news.isEmpty ? 0 : news.count + 2
    let room = max(3, height - lines.count - below - 3)
    lines += [""] + roomLines(room)
    if !news.isEmpty {
      lines.append("")
      lines.append("HAPPENED")
      for each in news.reversed() {
        lines.append(
          "\(Columns.clock(microseconds: each.atMicroseconds))  \(each.role) \(each.instance)  \(each.kind): "
            + RoomNames(rooms).put(into: each.text).forTerminal)
      }
    }
    return lines
  }

  private func roomLines(_ count: Int) -> [String] {
    guard !rooms.isEmpty else { return ["No rooms in memory."] }
    let sorted = rooms.sorted { a, b in
      let (x, y) = (weight(a), weight(b))
      return x == y ? a.id < b.id : x > y
    }
    let heading = ["ROOM", "VERSION", "MEMBERS", "EVENTS/S", "QUEUE", "EVENTS", "SHARD", "STATE"]
    let rows = sorted.prefix(count).map { r in
      [
        r.name.shortened(cells: Self.nameCellsMax), r.version, Columns.count(r.members),
        rates[r.id].map { Columns.rounded($0, 1) } ?? "–",
        r.queue.map { Columns.count($0) } ?? "–", Columns.count(r.events), String(r.shard),
        r.frozen == nil ? r.phase : "frozen",
      ]
    }
    return Columns.table(heading, rows, right: [2, 3, 4, 5, 6])
      + ["\(rooms.count == 1 ? "1 room" : "\(Columns.count(rooms.count)) rooms"), by \(order.rawValue)"]
  }
  private func weight(_ room: RoomLook) -> Double {
    switch order {
    case .events: rates[room.id] ?? 0
    case .members: Double(room.members)
    case .queue: Double(room.queue ?? 0)
    }
  }
}
