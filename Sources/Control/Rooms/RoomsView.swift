// The rooms of all workers, as one JSON list.
import NIOCore
import Wire

struct RoomsView: Sendable {
  let workers: @Sendable () -> [WorkerAddress]
  let group: any EventLoopGroup

  struct Page {
    var json: [UInt8]
    /// The last room of the page, where there are more.
    var next: String?
  }

  /// Asks all workers at once. One that cannot answer (it died a moment ago) is left out: its rooms are on their way to
  /// the next owner.
  func list(_ filter: RoomFilter) async -> Page {
    let lists = await ask("rooms")
    var rooms: [RoomEntry] = []
    for list in lists {
      for piece in JSONPieces.elements(list[...]) {
        let room = RoomEntry(piece)
        if room.id > filter.after, filter.accepts(room) { rooms.append(room) }
      }
    }
    rooms.sort { $0.id < $1.id }
    let shown = rooms.prefix(filter.limit)
    return Page(json: Self.array(shown.map(\.json)), next: shown.count < rooms.count ? shown.last?.id : nil)
  }

  /// One room, looked into by whoever owns it; nil where nobody does.
  func room(_ id: String) async -> [UInt8]? {
    await withTaskGroup(of: [UInt8]?.self) { tasks in
      for worker in workers() { tasks.addTask { try? await WorkerQuery.inspect("room \(id)", worker, group) } }
      for await answer in tasks {
        guard let answer, RoomEntry(answer[...]).id == id else { continue }
        tasks.cancelAll()
        return answer
      }
      return nil
    }
  }

  private func ask(_ what: String) async -> [[UInt8]] {
    await withTaskGroup(of: (UInt32, [UInt8]?).self) { tasks in
      for worker in workers() {
        tasks.addTask { (worker.instance, try? await WorkerQuery.inspect(what, worker, group)) }
      }
      var answers: [(UInt32, [UInt8])] = []
      for await (instance, answer) in tasks {
        if let answer { answers.append((instance, answer)) }
      }
      return answers.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }

  private static func array(_ elements: [ArraySlice<UInt8>]) -> [UInt8] {
    var out: [UInt8] = [UInt8(ascii: "[")]
    out.reserveCapacity(elements.reduce(2) { $0 + $1.count + 1 })
    for element in elements {
      if out.count > 1 { out.append(UInt8(ascii: ",")) }
      out.append(contentsOf: element)
    }
    out.append(UInt8(ascii: "]"))
    return out
  }

  /// Sixteen hexadecimal digits, lower case.
  static func isID(_ text: String) -> Bool {
    text.utf8.count == 16
      && text.utf8.allSatisfy {
        $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") || $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "f")
      }
  }
}
