// The rooms of all workers, as one JSON list.
import NIOCore
import Wire

enum RoomsView {
  /// Asks all workers at once. One that cannot answer (it died a moment ago) is left out: its rooms are on their way to
  /// the next owner.
  static func gather(_ workers: [WorkerAddress], _ group: any EventLoopGroup) async -> [UInt8] {
    let lists = await withTaskGroup(of: (UInt32, [UInt8]?).self) { tasks in
      for worker in workers {
        tasks.addTask { (worker.instance, try? await WorkerQuery.inspect("rooms", worker, group)) }
      }
      var lists: [(UInt32, [UInt8])] = []
      for await (instance, list) in tasks {
        if let list { lists.append((instance, list)) }
      }
      return lists.sorted { $0.0 < $1.0 }.map(\.1)
    }
    return join(lists)
  }

  /// Joins JSON arrays; what is none is left out.
  static func join(_ lists: [[UInt8]]) -> [UInt8] {
    var out: [UInt8] = [UInt8(ascii: "[")]
    for list in lists {
      guard list.count >= 2, list.first == UInt8(ascii: "["), list.last == UInt8(ascii: "]") else { continue }
      let elements = list[1..<list.count - 1]
      guard elements.contains(where: { $0 > UInt8(ascii: " ") }) else { continue }
      if out.count > 1 { out.append(UInt8(ascii: ",")) }
      out.append(contentsOf: elements)
    }
    out.append(UInt8(ascii: "]"))
    return out
  }
}
