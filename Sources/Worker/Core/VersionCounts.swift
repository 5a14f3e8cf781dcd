// What this worker has seen of each build since it began: the evidence of a rollout. In memory only.
import Core

/// One build in one role. Counts only rise.
struct VersionTally {
  /// Calls of its code.
  var events: UInt64 = 0
  var traps: UInt64 = 0
  var refusals: UInt64 = 0
  /// Sends and replies.
  var outputs: UInt64 = 0
  var outputBytes: UInt64 = 0
  var checkFailures: UInt64 = 0
  var nanoseconds: UInt64 = 0
  var fuel = Histogram()
  /// In microseconds: of those calls that were timed.
  var time = Histogram()

  mutating func note(_ outcome: RoomOutcome) {
    events += 1
    switch outcome {
    case .applied(let used): fuel.add(used)
    case .refused(let used):
      refusals += 1
      fuel.add(used)
    case .failed: traps += 1
    }
  }
  /// One call's time, which stands for so many.
  mutating func note(_ nanoseconds: UInt64, _ times: UInt64) {
    self.nanoseconds &+= nanoseconds &* times
    time.add(nanoseconds / 1_000)
  }
  mutating func noteOutput(_ bytes: Int) {
    outputs += 1
    outputBytes += UInt64(bytes)
  }
  mutating func noteOutputs(_ effects: RoomEffects) {
    for command in effects.commands {
      switch command {
      case .send(_, _, let payload), .reply(let payload): noteOutput(payload.count)
      default: break
      }
    }
  }
}

/// Eight buckets an octave, all of them there from the beginning: nothing is allocated while rooms run.
struct Histogram {
  private var counts = [UInt64](repeating: 0, count: 64 * 8)

  mutating func add(_ value: UInt64) { counts[Self.bucket(value)] += 1 }

  private static func bucket(_ value: UInt64) -> Int {
    guard value >= 8 else { return Int(value) }
    let octave = 63 - value.leadingZeroBitCount
    return (octave - 2) * 8 + Int(value >> UInt64(octave - 3) & 7)
  }
  /// The highest value in it.
  private static func upperBound(_ bucket: Int) -> UInt64 {
    guard bucket >= 8 else { return UInt64(bucket) }
    let shift = UInt64(bucket / 8 - 1)
    return ((UInt64(bucket % 8) + 9) << shift) &- 1
  }
  func encode(into out: inout [UInt8]) {
    out.add("[")
    var isFirst = true
    for bucket in counts.indices where counts[bucket] > 0 {
      if !isFirst { out.add(",") }
      isFirst = false
      out.add("[")
      out.add(Self.upperBound(bucket))
      out.add(",")
      out.add(counts[bucket])
      out.add("]")
    }
    out.add("]")
  }
}

/// A class: every room that runs the build points to it.
final class VersionCounts {
  let settings: ModuleSettings
  /// In hex.
  let hash: [UInt8]
  @exclusivity(unchecked) var spoken = VersionTally()
  @exclusivity(unchecked) var heard = VersionTally()
  /// That the silent version failed at, too.
  var sharedTraps: UInt64 = 0
  /// Rooms that left it for the version that was silent.
  var backs: UInt64 = 0
  /// Microseconds since 1970.
  var firstTrapAt: Int64?
  var lastBackAt: Int64?
  /// As the silent version, from the one that spoke.
  var outcomeDifferences: UInt64 = 0
  var outputDifferences: UInt64 = 0

  init(_ settings: ModuleSettings) {
    self.settings = settings
    hash = Array(settings.hash.description.utf8)
  }
}

extension Worker {
  func counts(of settings: ModuleSettings?) -> VersionCounts? {
    guard let settings else { return nil }
    if let known = versions[settings.hash] { return known }
    return VersionCounts(settings)
  }
  mutating func learnVersions(_ room: Room) {
    room.build = room.host?.module ?? room.build
    room.settings = room.host.flatMap { engine.module($0.module) } ?? room.settings
    room.twinSettings = room.host?.twin.flatMap { engine.module($0.module) }
    room.counts = counts(of: room.settings)
    room.twinCounts = counts(of: room.twinSettings)
    for counts in [room.counts, room.twinCounts] {
      if let counts { versions[counts.settings.hash] = counts }
    }
    if room.host?.twin != nil { hasTwins = true }
    room.mayKill = room.host.map { mayKill($0.module) || $0.twin.map { mayKill($0.module) } ?? false } ?? false
  }

  /// Runs a call of a room's code and counts it for its build, unless it only follows the record. Where two versions run,
  /// all calls are timed, by the processor's time, so that whom the kernel let wait looks no slower than the other; else
  /// one of sixteen, which stands for the others.
  @inline(__always)
  mutating func timed(
    _ counts: VersionCounts?, _ budget: RoomBudget, isTwin: Bool = false, _ call: (inout Worker) -> RoomOutcome?
  ) -> RoomOutcome? {
    guard budget != .decided, let counts else { return call(&self) }
    calls &+= 1
    guard let stopwatch, isTwin || hasTwins || calls % 16 == 0 else {
      let outcome = call(&self)
      if let outcome { note(outcome, counts, isTwin, nil, times: 0) }
      return outcome
    }
    let isCompared = hasTwins || isTwin
    let start = stopwatch(isCompared)
    let outcome = call(&self)
    if let outcome { note(outcome, counts, isTwin, stopwatch(isCompared) &- start, times: isCompared ? 1 : 16) }
    return outcome
  }

  private func note(
    _ outcome: RoomOutcome, _ counts: VersionCounts, _ isTwin: Bool, _ nanoseconds: UInt64?, times: UInt64
  ) {
    if case .failed = outcome, !isTwin, counts.firstTrapAt == nil { counts.firstTrapAt = now.wall }
    if isTwin {
      counts.heard.note(outcome)
      if let nanoseconds { counts.heard.note(nanoseconds, times) }
    } else {
      counts.spoken.note(outcome)
      if let nanoseconds { counts.spoken.note(nanoseconds, times) }
    }
  }

  /// Places that rooms take, or are about to: one for each version.
  var placesTaken: Int {
    awakeRooms.count + creating + (hasTwins ? awakeRooms.count { $0.twin != nil } : 0)
  }

  // MARK: Checks

  /// Of rooms on probation, what both versions say of themselves, on copies: each room at most once a second, and no
  /// more in a turn than a bound.
  mutating func checkTwins() {
    guard hasTwins, now.monotonic >= nextChecks else { return }
    nextChecks = now.monotonic + Limits.twinChecksEveryMicroseconds
    hasTwins = false
    var taken = 0
    for room in awakeRooms where room.host?.twin != nil {
      hasTwins = true
      guard taken < Limits.twinChecksPerTurnMax, room.phase == .ready, room.nextCheck <= now.monotonic,
        let speaker = room.instance, let twin = room.twin
      else { continue }
      taken += 1
      room.nextCheck = now.monotonic + 1_000_000
      let (build, twinBuild) = (room.awake.module, room.awake.twin!.module)
      // One that is not made any more would fail.
      if look(room, speaker, build, .check).map({ !$0.isEmpty }) ?? true { room.counts?.spoken.checkFailures += 1 }
      if look(room, twin, twinBuild, .check).map({ !$0.isEmpty }) ?? true { room.twinCounts?.heard.checkFailures += 1 }
      room.imageBytes = imageBytes(room, speaker, build) ?? room.imageBytes
      room.twinImageBytes = imageBytes(room, twin, twinBuild) ?? room.twinImageBytes
    }
  }
  private mutating func imageBytes(_ room: Room, _ instance: any RoomInstance, _ build: ModuleHash) -> Int? {
    snapshotBytes.removeAll(keepingCapacity: true)
    return save(room, instance, build, into: &snapshotBytes) ? snapshotBytes.count : nil
  }

  /// `inspect "versions"`: one object for each build that rooms of this worker have run.
  var versionsJSON: [UInt8] {
    var rooms: [ModuleHash: (speaking: Int, probation: Int, bytes: Int)] = [:]
    for room in awakeRooms {
      guard let host = room.host else { continue }
      var entry = rooms[host.module] ?? (0, 0, 0)
      entry.speaking += 1
      entry.probation += host.twin == nil ? 0 : 1
      entry.bytes = max(entry.bytes, room.imageBytes)
      rooms[host.module] = entry
      guard let twin = host.twin else { continue }
      rooms[twin.module, default: (0, 0, 0)].bytes = max(rooms[twin.module]?.bytes ?? 0, room.twinImageBytes)
    }
    var out: [UInt8] = []
    out.add("[")
    for (hash, counts) in versions.sorted(by: { $0.value.hash.lexicographicallyPrecedes($1.value.hash) }) {
      if out.count > 1 { out.add(",") }
      counts.encode(rooms[hash] ?? (0, 0, 0), into: &out)
    }
    out.add("]")
    return out
  }
}

extension VersionCounts {
  fileprivate func encode(_ rooms: (speaking: Int, probation: Int, bytes: Int), into out: inout [UInt8]) {
    out.add("{\"module\":")
    out.addQuoted(settings.name.utf8)
    out.add(",\"version\":")
    out.addQuoted(settings.version.utf8)
    out.add(",\"sha256\":")
    out.addQuoted(hash)
    for (name, value) in [
      (",\"rooms\":" as StaticString, UInt64(rooms.speaking)), (",\"probation\":", UInt64(rooms.probation)),
      (",\"memoryBytes\":", UInt64(rooms.bytes)), (",\"sharedTraps\":", sharedTraps), (",\"backs\":", backs),
    ] {
      out.add(name)
      out.add(value)
    }
    out.add(",\"firstTrapAt\":")
    out.add(orNull: firstTrapAt)
    out.add(",\"lastBackAt\":")
    out.add(orNull: lastBackAt)
    out.add(",")
    spoken.encode(into: &out)
    out.add(",\"twin\":{")
    heard.encode(into: &out)
    out.add(",\"outcomeDifferences\":")
    out.add(outcomeDifferences)
    out.add(",\"outputDifferences\":")
    out.add(outputDifferences)
    out.add("}}")
  }
}

extension VersionTally {
  fileprivate func encode(into out: inout [UInt8]) {
    for (name, value) in [
      ("\"events\":" as StaticString, events), (",\"traps\":", traps), (",\"refusals\":", refusals),
      (",\"outputs\":", outputs), (",\"outputBytes\":", outputBytes), (",\"checkFailures\":", checkFailures),
      (",\"microseconds\":", nanoseconds / 1_000),
    ] {
      out.add(name)
      out.add(value)
    }
    out.add(",\"fuel\":")
    fuel.encode(into: &out)
    out.add(",\"time\":")
    time.encode(into: &out)
  }
}

extension [UInt8] {
  fileprivate mutating func add(orNull value: Int64?) {
    if let value { add(value) } else { add("null") }
  }
}
