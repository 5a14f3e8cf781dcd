// I-7 at every turn: queues, rings and tables stay within the file of limits.
import Core
import GatewayCore
import WorkerCore

enum Bounds {
  /// Nil, or what is over its bound.
  static func broken(_ worker: borrowing Worker) -> String? {
    for id in worker.roomIDs {
      guard let load = worker.load(id) else { continue }
      let counts: [(StaticString, Int, Int)] = [
        ("outputs in its ring", load.ring, Limits.ringEntriesMax),
        ("bytes in its ring", load.ring > 1 ? load.ringBytes : 0, Limits.ringBytesMax),
        ("members", load.members, Limits.membersMax), ("tombstones", load.tombstones, Limits.tombstonesMax),
        ("timers", load.timers, Limits.timersMax),
        ("open requests", load.requests, Limits.requestsPerRoomMax),
        ("connections that wait", load.waiting, Limits.membersMax),
        ("joins", load.joining, Limits.membersMax),
        ("timers staged", load.stagedTimers, Limits.timersPerTurnMax),
        // Inputs, and one change for each member, ticks and timers beside.
        (
          "events staged", load.staged,
          Limits.inputsPerRoomPerBatchMax + 2 * Limits.membersMax + Limits.ticksMadeUpMax + Limits.timersPerTurnMax
        ),
        ("failures remembered", load.blames, (Limits.quarantinesPerMinuteMax + 1) * (Limits.membersMax + 1)),
      ]
      for (what, count, bound) in counts where count > bound { return "room \(id) has \(count) \(what), over \(bound)" }
    }
    return nil
  }

  /// One frame may go over a client's bound; then it is disconnected.
  static func broken(_ core: borrowing GatewayCore, _ connections: [ConnectionID]) -> String? {
    for id in connections where core.pendingOutput(id) > core.outboundBytesMax + Limits.clientFrameBytesMax {
      return "\(core.pendingOutput(id)) bytes wait for a client, over \(core.outboundBytesMax)"
    }
    if core.requestCount > Limits.requestsPerLoopMax { return "\(core.requestCount) requests of rooms on their way" }
    let routesMax = connections.count * Limits.membershipsPerSessionMax
    return core.routeCount > routesMax ? "\(core.routeCount) routes for \(connections.count) connections" : nil
  }
}
