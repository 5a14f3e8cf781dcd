// The ordered stop: gateway, then workers, then control; each gets its grace, the rest is killed.
import Core
import Wire

/// How far a stop has come.
struct StopStage: Sendable {
  static let order: [ChildRole] = [.gateway, .worker, .control]
  var index: Int
  /// When what still lives of this stage is killed.
  var until: Int64
}

extension Supervisor {
  mutating func stop(_ now: Now, _ actions: inout [SupervisionAction]) {
    guard stopping == nil else {
      over = true
      actions.append(.exit(status: 1, "Stopped at once: asked twice. What was acknowledged is in the journal."))
      return
    }
    starts = []
    gatewayStartsAt = nil
    stopping = StopStage(index: 0, until: 0)
    beginStage(now, &actions)
  }

  private mutating func beginStage(_ now: Now, _ actions: inout [SupervisionAction]) {
    guard let stage = stopping else { return }
    stopping?.until = now.monotonic + settings.graceMilliseconds * 1_000
    for i in children.indices where children[i].role == StopStage.order[stage.index] {
      children[i].phase = .stopping
      actions.append(.send(children[i].instance, .stop(graceMilliseconds: UInt32(settings.graceMilliseconds))))
    }
  }

  mutating func continueStop(_ now: Now, _ actions: inout [SupervisionAction]) {
    while let stage = stopping {
      let role = StopStage.order[stage.index]
      if children.contains(where: { $0.role == role }) {
        guard now.monotonic >= stage.until else { return }
        for i in children.indices where children[i].role == role && children[i].doom?.killed != true {
          children[i].doom = Doom(cause: "did not stop in time", killAt: now.monotonic, killed: true, isSure: true)
          actions.append(
            .log(.warning, "\(children[i].roleName) \(children[i].instance) did not stop in time; it is killed"))
          actions.append(.signal(children[i].instance, .kill))
        }
        // Only their deaths lead on from here.
        stopping?.until = .max
        return
      }
      guard stage.index + 1 < StopStage.order.count else {
        over = true
        actions.append(.exit(status: 0, "Stopped. Rooms and sessions go on with the next start on this data."))
        return
      }
      stopping?.index += 1
      beginStage(now, &actions)
    }
  }
}
