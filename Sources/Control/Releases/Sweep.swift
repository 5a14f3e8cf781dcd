// Rooms that sleep keep the build that they fell asleep with. What became of it meanwhile, they learn when they wake.
import Artifacts
import Core
import ReleaseCore

struct Sweep: Sendable {
  /// What rooms could not do: not asked again.
  var failed: [RoomID: RoomOrder] = [:]
  static let failedMax = 100_000
}

extension ReleaseRunner {
  /// Brings rooms that are awake with another build than they should have where they belong, whatever rollouts run.
  /// Nobody is asked where all rooms have the same one.
  func sweepRooms() async {
    guard core.mayHaveStrays, await statistics().flatMap(\.builds).contains(where: mayStray) else { return }
    var orders: [(worker: UInt32, command: OwnedCommand)] = []
    var rooms: [(id: RoomID, order: RoomOrder)] = []
    for look in RoomLook.list(await pool.inspect("rooms").answers, naming: { core.module(of: $0) }).rooms {
      guard let order = core.correction(of: look.sight, in: look.module), sweep.failed[look.sight.id] != order else {
        continue
      }
      orders.append((look.worker, OwnedCommand(look.sight.id, order)))
      rooms.append((look.sight.id, order))
    }
    for (room, answer) in zip(rooms, await pool.run(orders)) {
      switch RoomRefusal(answer) {
      case .cannotCarry(let why)?, .failed(let why)?:
        note("room \(room.id) stays on its build: \(why)")
        if sweep.failed.count < Sweep.failedMax { sweep.failed[room.id] = room.order }
      default: break
      }
    }
  }

  /// Some room that runs it may have to do something.
  private func mayStray(_ build: BuildStatistics) -> Bool {
    guard let hash = ModuleHash(hex: build.sha256) else { return false }
    return [true, false].contains { isOnProbation in
      let count = isOnProbation ? build.probation : build.rooms - min(build.rooms, build.probation)
      let any = RoomSight(
        id: RoomID(0), key: "", build: hash, isAwake: true, isOnProbation: isOnProbation, events: 0)
      return count > 0 && core.correction(of: any, in: build.module) != nil
    }
  }
}
