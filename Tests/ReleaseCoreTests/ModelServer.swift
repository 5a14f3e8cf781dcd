// A server that does what actions say: rooms with twins, workers that count, die and answer late.
import Artifacts
import Core
import Foundation
import ReleaseCore

let start = Now(wall: 1_800_000_000_000_000, monotonic: 5_000_000)
let module = "arena"
let v1 = build("1.0.0", 1), v2 = build("1.0.1", 2), v3 = build("1.0.2", 3)
func build(_ version: String, _ byte: UInt8) -> Build {
  Build(version: version, hash: ModuleHash(Array(repeating: byte, count: 32)))
}

/// How a build behaves.
struct Conduct {
  /// Of a thousand events.
  var traps = 0
  var refusals = 0
  var checkFailures = 0
  var fuel: UInt64 = 1_000
  var microseconds: UInt64 = 10
  /// Of a thousand events, so many take so long.
  var slow = 0
  var slowMicroseconds: UInt64 = 0
  var memoryBytes: UInt64 = 300_000
  /// Why its rooms cannot be taken over, or it cannot take them.
  var refusesCarry: String?

  func time(_ draw: Int) -> UInt64 { draw < slow ? slowMicroseconds : microseconds }
}

extension [[UInt64]] {
  /// One more in the bucket of that bound.
  func counting(_ bound: UInt64) -> [[UInt64]] {
    var buckets = self
    if let place = buckets.firstIndex(where: { $0[0] == bound }) {
      buckets[place][1] += 1
    } else {
      buckets.append([bound, 1])
    }
    return buckets
  }
}

struct ModelServer {
  struct Room {
    var build: Build
    var twin: Build?
    var isAwake = true
    var isFrozen = false
    var events: UInt64 = 0
    var key: String
  }
  var rooms: [RoomID: Room] = [:]
  var offered: Build
  var conduct: [Build: Conduct] = [:]
  var eventsPerRoom: UInt64 = 4
  /// Places for twins.
  var twinsMax = Int.max
  /// As workers' names; a dead worker's successor has another and counts from nothing.
  var workers: [UInt64] = [1, 2]
  private var nextWorker: UInt64 = 3
  private var counts: [UInt64: [Build: BuildStatistics]] = [:]
  private var nextRoom: UInt64 = 1
  private var random = RandomState(seed: 1)

  init(rooms count: Int, seed: UInt64 = 1) {
    offered = v1
    random = RandomState(seed: seed)
    for _ in 0..<count { addRoom() }
  }

  mutating func addRoom() {
    rooms[RoomID(nextRoom)] = Room(build: offered, key: nextRoom % 2 == 0 ? "eu/\(nextRoom)" : "us/\(nextRoom)")
    nextRoom += 1
  }
  func worker(of room: RoomID) -> Int { Int(room.rawValue) % workers.count }

  mutating func workerDies(_ index: Int) {
    counts[workers[index]] = nil
    workers[index] = nextWorker
    nextWorker += 1
  }

  // MARK: Play

  mutating func play() {
    for id in rooms.keys.sorted() where rooms[id]?.isAwake == true {
      for _ in 0..<eventsPerRoom { event(id) }
    }
  }

  private mutating func event(_ id: RoomID) {
    guard var room = rooms[id], !room.isFrozen else { return }
    let draw = Int(random.next() % 1_000)
    let speaker = conduct[room.build] ?? Conduct()
    room.events += 1
    let worker = workers[worker(of: id)]
    var said = counts[worker]?[room.build] ?? statistics(room.build)
    let isTrap = draw < speaker.traps
    said.events += 1
    said.fuel = [[speaker.fuel, said.events]]
    said.microseconds += speaker.microseconds
    said.time = said.time.counting(speaker.time(draw))
    said.refusals += !isTrap && draw < speaker.traps + speaker.refusals ? 1 : 0
    said.checkFailures += draw < speaker.checkFailures ? 1 : 0
    said.traps += isTrap ? 1 : 0
    if let twin = room.twin {
      let listener = conduct[twin] ?? Conduct()
      let isShared = draw < listener.traps
      said.sharedTraps += isTrap && isShared ? 1 : 0
      var heard = counts[worker]?[twin] ?? statistics(twin)
      heard.twin.events += 1
      heard.twin.fuel = [[listener.fuel, heard.twin.events]]
      heard.twin.microseconds += listener.microseconds
      heard.twin.time = heard.twin.time.counting(listener.time(draw))
      heard.twin.traps += isShared ? 1 : 0
      heard.twin.refusals += !isShared && draw < listener.traps + listener.refusals ? 1 : 0
      heard.twin.checkFailures += draw < listener.checkFailures ? 1 : 0
      let outcomes = (draw < speaker.traps + speaker.refusals, draw < listener.traps + listener.refusals)
      heard.twin.outcomeDifferences += outcomes.0 != outcomes.1 ? 1 : 0
      counts[worker, default: [:]][twin] = heard
      if isTrap && !isShared {
        // It failed alone: the twin speaks from here.
        said.backs += 1
        room.build = twin
        room.twin = nil
      }
    }
    counts[worker, default: [:]][said.version == v1.version ? v1 : named(said)] = said
    rooms[id] = room
  }
  private func named(_ statistics: BuildStatistics) -> Build {
    Build(version: statistics.version, hash: ModuleHash(hex: statistics.sha256) ?? v1.hash)
  }
  private func statistics(_ build: Build) -> BuildStatistics {
    var statistics = BuildStatistics()
    (statistics.module, statistics.version) = (module, build.version)
    statistics.sha256 = build.hash.description
    return statistics
  }

  // MARK: What control asks

  /// As workers list them: of one that sleeps, the build alone.
  var sights: [RoomSight] {
    rooms.sorted { $0.key < $1.key }.map { id, room in
      var sight = RoomSight(
        id: id, key: room.key, build: room.build.hash, isAwake: room.isAwake, isOnProbation: room.twin != nil,
        events: room.events)
      sight.isFrozen = room.isFrozen
      return sight
    }
  }
  var statistics: [WorkerStatistics] {
    workers.map { worker in
      WorkerStatistics(
        worker: worker,
        builds: (counts[worker] ?? [:]).map { build, counted in
          var counted = counted
          counted.memoryBytes = (conduct[build] ?? Conduct()).memoryBytes
          return counted
        })
    }
  }

  mutating func obey(_ id: RoomID, _ order: RoomOrder) -> RoomRefusal? {
    guard var room = rooms[id] else { return .gone }
    if room.isFrozen { return RoomRefusal(sentence: "the room is frozen (it failed too often)") }
    defer { rooms[id] = room }
    switch order {
    case .settle:
      guard room.twin != nil else { return RoomRefusal(sentence: "no older version is silent in the room: …") }
      room.twin = nil
    case .back:
      guard let twin = room.twin else { return RoomRefusal(sentence: "no older version is silent in the room: …") }
      room.build = twin
      room.twin = nil
    case .upgrade(let hash, let events, let seconds):
      guard room.build.hash != hash else { return RoomRefusal(sentence: "the room runs this build already") }
      guard room.twin == nil else { return RoomRefusal(sentence: "the room is on probation already: settle it") }
      let to = [v1, v2, v3].first { $0.hash == hash } ?? v1
      for build in [room.build, to] {
        if let why = conduct[build]?.refusesCarry { return RoomRefusal(sentence: why) }
      }
      if events + seconds > 0 {
        guard rooms.values.count(where: { $0.twin != nil }) < twinsMax else {
          return RoomRefusal(sentence: "no room could be made of the build: the pool is full")
        }
        room.twin = room.build
      }
      room.isAwake = true
      room.build = to
    }
    return nil
  }
}
