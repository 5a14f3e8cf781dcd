import Artifacts
import Core
import ReleaseCore
import Testing

/// Whatever dies and whenever: a rollout that was begun ends, with all rooms on one version and new ones made with it.
@Suite struct StoryTests {
  private static let conducts: [Conduct] = [
    Conduct(), Conduct(), Conduct(traps: 20), Conduct(traps: 400), Conduct(refusals: 300), Conduct(fuel: 90_000),
    Conduct(checkFailures: 10), Conduct(memoryBytes: 9_000_000),
  ]

  @Test(arguments: 1...120 as ClosedRange<UInt64>)
  func `a random story ends well`(seed: UInt64) {
    var random = RandomState(seed: seed)
    let stage = Stage(rooms: Int(random.next() % 30), seed: seed)
    stage.random = random
    stage.server.conduct[v2] = Self.conducts[Int(seed) % Self.conducts.count]
    stage.server.eventsPerRoom = stage.draw(8)
    stage.deaths = stage.draw(3) == 0 ? 0 : 30
    stage.lostAnswers = stage.draw(2) * 100
    if stage.draw(5) == 0 { stage.server.twinsMax = 3 }

    for _ in 0..<200 {
      if stage.rollout == nil, stage.chance(100) {
        _ = try? stage.push(stage.draw(2) == 0 ? v2 : v3) { $0.now = stage.draw(6) == 0 }
      }
      trouble(stage)
      stage.step()
      guard holds(stage, seed) else { return }
    }
    // The troubles are over: somebody says a word where one is waited for, and it ends by itself.
    (stage.deaths, stage.lostAnswers) = (0, 0)
    stage.server.twinsMax = .max
    for _ in 0..<2_000 where stage.rollout != nil {
      if stage.rollout?.state == .paused {
        _ = try? stage.order([ReleaseOrder.promote, .resume, .rollback(now: false)][Int(stage.draw(3))])
      }
      stage.step()
    }
    // Who sleeps follows when he wakes.
    for id in stage.server.rooms.keys { stage.server.rooms[id]?.isAwake = true }
    for _ in 0..<3 { stage.sweep() }
    #expect(stage.rollout == nil, "seed \(seed): \(stage.rollout.map { "\($0.gate) \($0.state) \($0.why)" } ?? "")")
    let current = stage.rollouts.current(of: module)
    #expect(stage.server.offered == current, "seed \(seed)")
    #expect(stage.server.rooms.values.allSatisfy { $0.build == current && $0.twin == nil }, "seed \(seed)")
  }

  private func trouble(_ stage: Stage) {
    if stage.deaths > 0, stage.chance(60) { stage.controlDies() }
    if stage.chance(60) { stage.server.workerDies(Int(stage.draw(2))) }
    if stage.chance(100), stage.server.rooms.count < 40 { stage.server.addRoom() }
    if stage.chance(100), let id = stage.server.rooms.keys.sorted().first(where: { _ in stage.chance(200) }) {
      switch stage.draw(3) {
      case 0: stage.server.rooms[id] = nil
      case 1: stage.server.rooms[id]?.isAwake = false
      default: stage.server.rooms[id]?.isAwake = true
      }
    }
    guard stage.chance(30) else { return }
    let orders: [ReleaseOrder] = [.pause, .resume, .promote, .rollback(now: stage.draw(2) == 0)]
    _ = try? stage.order(orders[Int(stage.draw(4))])
  }

  /// What holds at every moment.
  private func holds(_ stage: Stage, _ seed: UInt64) -> Bool {
    let current = stage.rollouts.builds(of: module).count { $0.state == .current }
    #expect(current == 1, "seed \(seed)")
    return current == 1
  }
}
