// How one simulated server is made.
package import Core

package struct SimulationOptions: Sendable {
  package var seed: UInt64
  package var durability = Durability.process
  package var shards = 2
  /// Workers that own shards, without the spare.
  package var workers = 2
  package var loops = 1
  package var clients = 4
  package var rooms = 4
  package var segmentBytes = 256 << 10
  package var checkpointBytes = 32 << 10
  package var logKeptBytes: UInt64 = 512 << 10
  /// For how long nobody is in a room before it leaves memory.
  package var passivateSeconds = Limits.passivateSeconds
  /// Of a worker's time, what playing rooms again may take, and how long it is between two.
  package var samplePermille = Limits.samplePermille
  package var sampleEveryMilliseconds = Limits.sampleEveryMilliseconds
  /// Rooms may do what they do not do twice: nothing else checks that part of their state.
  package var mayDrift = false
  package var fuelPerCall: UInt64 = 20_000_000
  package var outboundBytesMax = 64 << 10
  /// So many deaths of workers within half a minute, and the supervisor gives up; everything is started anew.
  package var deathsMax = Int.max
  /// Of 256, per step; 0: nothing fails.
  package var faultChance: UInt64 = 0
  /// Of 256, per step: a room is upgraded, goes back or is settled.
  package var upgradeChance: UInt64 = 0
  /// Which faults may happen.
  package var powerLoss = false
  package var diskErrors = false
  package var readErrors = false
  package var steps = 200
  /// Whether what happens is told in words.
  package var tellsStory = false

  package init(seed: UInt64) { self.seed = seed }

  /// Everything drawn from the seed, faults among it.
  package static func random(seed: UInt64, steps: Int = 200) -> SimulationOptions {
    var random = RandomState(seed: seed ^ 0x5eed)
    var options = SimulationOptions(seed: seed)
    options.steps = steps
    options.durability = random.next() % 2 == 0 ? .process : .disk
    options.shards = 1 + Int(random.next() % 4)
    options.workers = 1 + Int(random.next() % 2)
    options.loops = 1 + Int(random.next() % 2)
    options.clients = 2 + Int(random.next() % 5)
    options.rooms = 1 + Int(random.next() % 5)
    options.fuelPerCall = [1_000_000, 10_000_000, 40_000_000][Int(random.next() % 3)]
    options.checkpointBytes = [8 << 10, 32 << 10][Int(random.next() % 2)]
    options.logKeptBytes = [256 << 10, 1 << 20][Int(random.next() % 2)]
    options.faultChance = [0, 20, 60, 120][Int(random.next() % 4)]
    options.deathsMax = random.next() % 4 == 0 ? 5 : Int.max
    options.powerLoss = random.next() % 2 == 0
    options.diskErrors = random.next() % 2 == 0
    options.upgradeChance = [0, 10, 40][Int(random.next() % 3)]
    options.samplePermille = 500
    options.sampleEveryMilliseconds = 20
    options.passivateSeconds = [1, 2, Limits.passivateSeconds][Int(random.next() % 3)]
    options.readErrors = random.next() % 2 == 0
    return options
  }
}

/// A broken invariant; the run ends with it.
package struct Violation: Sendable, CustomStringConvertible {
  package var invariant: String
  package var text: String
  package var time: Int64
  package var description: String { "\(invariant) at \(Double(time) / 1_000_000) s: \(text)" }
}
