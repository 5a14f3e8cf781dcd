// Stories: what happens is written down, and what must come of it. Every scenario runs under all checkers and ends with
// faults stopped and progress demanded.
import Core

package struct Scenario: Sendable {
  package let name: String
  /// What it guards against, for people.
  package let story: String
  let options: @Sendable (inout SimulationOptions) -> Void
  let play: @Sendable (Stage) -> Void

  init(
    _ name: String, _ story: String, _ options: @escaping @Sendable (inout SimulationOptions) -> Void = { _ in },
    _ play: @escaping @Sendable (Stage) -> Void
  ) {
    self.name = name
    self.story = story
    self.options = options
    self.play = play
  }

  /// What is expected of a run, as text: the story of this one.
  package func trace(of world: World) -> String {
    (["# \(name): \(story)", ""] + world.storyLines).joined(separator: "\n") + "\n"
  }

  package func run() -> World {
    var options = SimulationOptions(seed: 7)
    options.shards = 1
    options.workers = 1
    options.clients = 2
    options.rooms = 1
    options.tellsStory = true
    self.options(&options)
    let world = World(options)
    let stage = Stage(world)
    world.run(for: 1_000_000)
    play(stage)
    if world.violation == nil { world.finish() }
    return world
  }
}

/// What a scenario can do and ask.
package final class Stage {
  package let world: World
  init(_ world: World) { self.world = world }

  func client(_ i: Int) -> SimulatedClient { world.clients[i] }

  /// All clients are members of the room, and settled.
  func everybodyJoins(_ room: Int = 0) {
    for client in world.clients { client.join(room) }
    settle()
  }
  /// Each sends so many inputs of the kind.
  func everybodySends(_ count: Int, _ command: ScriptedCommand = .append, to room: Int = 0) {
    for _ in 0..<count { for client in world.clients { client.send(command, to: room) } }
  }
  /// Everybody has everything, and every shard is served.
  func settle(within limit: Int64 = 60_000_000) {
    if !world.run(atMost: limit, until: { self.world.isSettled }), world.violation == nil {
      world.fail("progress", "the scenario's players do not settle")
    }
    world.tell("= settled")
  }
  func wait(_ milliseconds: Int64) { world.run(for: milliseconds * 1_000) }
  /// Waits for it; not coming true is a failure.
  func until(_ what: String, within limit: Int64 = 60_000_000, _ condition: () -> Bool) {
    if !world.run(atMost: limit, until: condition), world.violation == nil { world.fail("scenario", "never: \(what)") }
    world.tell("= \(what)")
  }
  func expect(_ what: String, _ condition: Bool) {
    if !condition { world.fail("scenario", "expected: \(what)") }
    world.tell("= \(what)")
  }
  var deaths: UInt64 { world.counters.workerDeaths }
  /// The owner dies at that point of its next turns; waits for the death.
  func killOwner(at point: TurnPoint, of shard: Int = 0, while act: () -> Void) {
    let before = deaths
    world.killOwner(of: shard, at: point)
    act()
    until("the owner dies") { deaths > before }
  }
  /// The operations that the room holds now, by its living owner.
  func operations(_ room: Int = 0) -> [UInt64] { world.operations(room) ?? [] }
  func hasSettledOwner(_ room: Int = 0) -> Bool { world.operations(room) != nil }
  func timeline(_ room: Int = 0) -> UInt64 { world.roomTimeline(room) }
}
