// The worker's core and a gateway that says anything; and a worker that takes over a log that says anything.
import Core
import Simulation
import Wire
import WorkerCore

extension FuzzTarget {
  static let worker = FuzzTarget(
    name: "worker", bytesMax: 16_384, seeds: { WorkerScripts.seeds },
    run: { bytes in
      var script = Script(bytes)
      var run = WorkerRun(fuelPerCall: script.take(UInt8.self) & 1 == 0 ? 1_000 : 100_000_000)
      try! run.adopt(MemoryStore())
      run.openLink()
      while !script.isAtEnd { WorkerScripts.step(&run, &script) }
      for _ in 0..<3 { try! run.turn(after: 5_000) }
      _ = run.worker.inspect("rooms")
      try! run.worker.close()
    })

  /// u8 flags (1: from the last checkpoint, 2: another engine, 4: a suspect), the suspect, then records.
  static let adoption = FuzzTarget(
    name: "adoption", bytesMax: 65_536, seeds: { WorkerScripts.logs },
    run: { bytes in
      var script = Script(bytes)
      let flags: UInt8 = script.take()
      let suspect =
        flags & 4 != 0 ? Suspect(room: script.take(), word: script.take()) : nil
      let store = MemoryStore()
      let checkpoint = store.decode(&script)
      var run = WorkerRun(fuelPerCall: flags & 8 == 0 ? 1_000 : 100_000_000)
      do throws(StoreError) {
        try run.adopt(
          store, checkpoint: flags & 1 != 0 ? checkpoint : nil, engineChanged: flags & 2 != 0, suspect: suspect)
        try WorkerScripts.live(&run)
      } catch {}
    })
}

enum WorkerScripts {
  enum Operation: UInt8 {
    case turn, link, openLink, closeLink
    static let count: UInt8 = 4
  }

  static func step(_ run: inout WorkerRun, _ script: inout Script) {
    switch Operation(rawValue: script.take(UInt8.self) % Operation.count)! {
    case .turn: try! run.turn(after: Int64(script.take(UInt16.self)))
    case .link:
      let i = Int(script.take(UInt8.self))
      let bytes = script.takePiece()
      if !run.links.isEmpty { run.receive(i % run.links.count, bytes) }
    case .openLink: if run.links.count < 3 { run.openLink() }
    case .closeLink:
      let i = Int(script.take(UInt8.self))
      if !run.links.isEmpty { run.closeLink(i % run.links.count) }
    }
  }

  private static let epoch = ShardEpoch(1)
  private static let shard = WorkerRun.shard
  private static func join(_ route: UInt32, _ module: String) -> [UInt8] {
    LinkSeeds.join(shard, epoch, route: route, session: UInt64(route), module: module, key: "a")
  }
  private static func input(_ route: UInt32, _ seq: UInt64, _ command: ScriptedCommand, _ more: [UInt8] = []) -> [UInt8]
  {
    LinkSeeds.input(
      shard, epoch, route: route, seq: seq, [command.rawValue] + [UInt8](made: { $0.put(seq) }) + more)
  }
  private static let hello = LinkSeeds.plain(
    ShardID(0), ShardEpoch(0), .hello(gateway: GatewayEpoch(1), loop: 0, loops: 1))
  private static let complete = LinkSeeds.plain(shard, epoch, .complete)

  /// Every command, from two members in turn.
  private static var talk: [[UInt8]] {
    var pieces = [hello + complete + join(1, "tally") + join(2, "tally"), join(3, "ticker") + join(4, "restless")]
    var seq: UInt64 = 1
    for command in ScriptedCommand.allCases {
      pieces.append(input(1, seq, command, [2, 0]) + input(2, seq, .append) + input(3, seq, command, [1, 0]))
      seq += 1
    }
    pieces.append(input(1, seq, .trap) + input(1, seq + 1, .trap) + input(2, seq, .draw))
    pieces.append(LinkSeeds.attach(shard, epoch, route: 5, room: WorkerRun.room("tally", "a"), session: 1))
    pieces.append(input(5, seq + 2, .split) + LinkSeeds.plain(shard, epoch, .leave(Route(2), InputSeq(seq + 1))))
    pieces.append(LinkSeeds.toWorker(shard: shard, epoch: epoch))
    pieces.append(LinkSeeds.commands(room: WorkerRun.room("tally", "a")))
    return pieces
  }

  static var seeds: [[UInt8]] {
    let turn: [UInt8] = [Operation.turn.rawValue, 250, 0]
    func piece(_ bytes: [UInt8]) -> [UInt8] {
      [Operation.link.rawValue, 0] + [UInt8](made: { $0.putPiece(bytes) }) + turn
    }
    let lost: [UInt8] = [
      Operation.closeLink.rawValue, 0, Operation.turn.rawValue, 0xFF, 0xFF, Operation.openLink.rawValue,
    ]
    return [
      [0] + talk.flatMap(piece), [1] + talk.flatMap(piece),
      [0] + talk.prefix(4).flatMap(piece) + lost + talk.suffix(4).flatMap(piece),
      [0] + talk.prefix(3).flatMap(piece),
      [0] + piece(talk[0]) + piece(LinkSeeds.commands(room: WorkerRun.room("tally", "a"))) + lost + turn,
      [0] + turn + piece(talk[0]) + lost + turn + lost + turn,
    ]
  }

  /// What a worker wrote, cut off at different times.
  static var logs: [[UInt8]] {
    var logs: [[UInt8]] = []
    for (fuel, flags) in [(UInt64(1_000), UInt8(0)), (100_000_000, 9)] {
      for pieces in [2, 6, 12, talk.count] {
        var run = WorkerRun(fuelPerCall: fuel)
        let store = MemoryStore()
        try! run.adopt(store)
        for piece in talk.prefix(pieces) {
          run.say(piece)
          try! run.turn(after: 250)
        }
        logs.append([flags] + [UInt8](made: { store.encode(into: &$0) }))
        if pieces == talk.count {
          try! run.worker.close()
          logs.append([flags | 1] + [UInt8](made: { store.encode(into: &$0) }))
        }
      }
    }
    return logs
  }

  /// What happens to a shard after it was taken: everybody comes back, plays, and goes.
  static func live(_ run: inout WorkerRun) throws(StoreError) {
    run.openLink()
    try run.turn(after: 1)
    run.say(hello)
    for (i, room) in run.worker.roomIDs.prefix(16).enumerated() {
      let session = UInt64(i % 4 + 1)
      run.say(LinkSeeds.attach(shard, epoch, route: UInt32(10 + i), room: room, session: session))
      run.say(
        LinkSeeds.attach(shard, epoch, route: UInt32(30 + i), room: room, session: 2, timeline: Timeline(0), lastOut: 0)
      )
    }
    run.say(complete)
    try run.turn(after: 100)
    run.say(join(1, "tally") + join(2, "ticker") + join(3, "restless"))
    try run.turn(after: 100)
    for route in [UInt32(1), 2, 3, 10, 11, 12, 30, 31, 32] {
      for seq in 1...3 { run.say(input(route, UInt64(seq), .draw)) }
      run.say(input(route, 0, .append))
    }
    for step in 0..<8 { try run.turn(after: step < 4 ? 500 : 20_000) }
    _ = run.worker.inspect("rooms")
    for room in run.worker.roomIDs.prefix(4) { _ = run.worker.inspect("room \(room)") }
    _ = run.worker.inspect("counters")
    try run.worker.close()
  }
}
