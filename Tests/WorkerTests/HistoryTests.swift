// What a log says of a room's last minutes: more than its last snapshot and what came since.
import Core
import Journal
import Simulation
import SimulatedFiles
import Testing
import Wire
import WorkerCore
import WorkerStore

struct HistoryTests {
  private static let module = ModuleHash([1] + Array(repeating: 0, count: 31))

  /// Of the room, of its last `seconds`, read beside the owner.
  private func history(
    _ script: WorkerScript, seconds: Int64 = 120, bytesMax: Int = 1 << 20, decided: EventSeq = EventSeq(0)
  ) throws -> (history: RoomHistory, bundle: CrashBundle)? {
    let reader = try #require(try LogReader.beside(script.disk, WorkerScript.directory))
    var shard = ShardHistory(of: [script.room()], since: script.now.wall - seconds * 1_000_000, bytesMax: bytesMax)
    var start = reader.oldest
    if let checkpoint = reader.beginnings.compactMap(\.checkpoint).first {
      let bytes = try reader.read(at: checkpoint).payload
      start = shard.begin(
        try bytes.withUnsafeBytes { try Checkpoint($0) }, at: checkpoint, oldest: reader.oldest)
    }
    try reader.scan(from: start, damage: { _ in shard.lose() }) { try shard.add($0, $1, $2) }
    let history = try #require(shard[script.room()])
    let snapshot = try history.snapshot.map { try reader.read(at: $0).payload } ?? []
    let bundle = try history.bundle(
      script.room(), shard: WorkerScript.shard, module: Self.module, moduleName: "tally", key: "a", snapshot: snapshot,
      decided: decided)
    return bundle.map { (history, $0) }
  }
  private func seconds(_ bundle: CrashBundle) throws -> Int64 {
    let events = try ReplayEvent.all(of: bundle)
    return ((events.last?.time ?? 0) - (events.first?.time ?? 0)) / 1_000_000
  }
  private func seqs(_ bundle: CrashBundle) throws -> [UInt64] {
    try ReplayEvent.all(of: bundle).map(\.seq.rawValue)
  }

  /// A message a second, and a snapshot after every fifth.
  private func minutes(_ script: WorkerScript, _ route: Route, _ messages: ClosedRange<UInt64>) throws {
    for seq in messages {
      script.send(route, seq, seq % 7 == 0 ? .draw : .append)
      try script.turn(after: 1_000)
      try script.store.prepareAndRemove()
      _ = script.heard()
      script.say(.confirm(records: script.outputs))
      if seq % 5 == 0 { try script.worker.snapshotNow(script.room()) }
    }
  }

  @Test func eventsFromBeforeTheLastSnapshot() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    try minutes(script, route, 1...63)
    let (history, bundle) = try #require(try history(script, seconds: 40))
    #expect(history.snapshot != nil)
    // The worker's own has three events.
    #expect(try ReplayEvent.all(of: script.bundle()).count == 3)
    let span = try seconds(bundle)
    #expect((38...45).contains(span), "\(span) s")
    let seqs = try seqs(bundle)
    #expect(seqs.count >= 38 && seqs == Array(seqs[0]...(seqs[0] + UInt64(seqs.count) - 1)))
    // All but what is not decided yet: the last one.
    #expect(seqs.last == script.host!.eventSeq.rawValue - 1)
    script.send(route, 64)
    try script.turn()
    let whole = try #require(try self.history(script, seconds: 40)).bundle
    #expect(try self.seqs(whole).last == seqs.last! + 1)
    let guest = try script.replay(whole, as: Self.module)
    let last = try #require(try ReplayEvent.all(of: script.life()).last)
    _ = try guest.play(last, budget: .decided)
    #expect(guest.image() == script.image, "the same state comes of it")
  }

  @Test func aYoungRoomBeginsWithItsCreation() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    for seq in 1...9 as ClosedRange<UInt64> {
      script.send(route, seq)
      try script.turn(after: 1_000)
    }
    let (history, bundle) = try #require(try history(script))
    #expect(history.snapshot == nil && bundle.snapshot.isEmpty)
    #expect(try ReplayEvent.all(of: bundle).first?.name == "created")
    #expect(try seqs(bundle).count == 10)
  }

  @Test func whatItsOwnerHasDecidedIsDecided() throws {
    let script = try WorkerScript()
    _ = script.join(1)
    try script.turn()
    // All that it has gone through is in one batch, which the log alone does not prove.
    #expect(try history(script) == nil)
    let seq = try #require(script.host?.eventSeq)
    let bundle = try #require(try history(script, decided: seq)).bundle
    #expect(try seqs(bundle) == Array(1...seq.rawValue) && ReplayEvent.all(of: bundle).first?.name == "created")
    #expect(try script.replay(bundle, as: Self.module).image() == script.image)
    // More than there is proves nothing.
    #expect(try seqs(try #require(try history(script, decided: EventSeq(1_000))).bundle) == seqs(bundle))
  }

  @Test func whatALaterSnapshotIncludesIsDecided() throws {
    let script = try WorkerScript()
    let route = script.join(1)
    try script.turn()
    try minutes(script, route, 1...60)
    try script.worker.snapshotNow(script.room())
    let (history, bundle) = try #require(try history(script, seconds: 30))
    #expect(history.snapshot != nil)
    #expect(try seqs(bundle).last == script.host?.eventSeq.rawValue)
  }

  @Test func verdictsComeWithTheirEvents() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    try minutes(script, route, 1...12)
    script.send(route, 13, .trap)
    try script.turns(3)
    try minutes(script, route, 14...22)
    let bundle = try #require(try history(script, seconds: 8)).bundle
    #expect(bundle.annotations.isEmpty, "it is in the snapshot")
    let longer = try #require(try history(script, seconds: 15)).bundle
    #expect(longer.annotations.map(\.verdict) == [.quarantined])
    #expect(try ReplayEvent.all(of: longer).contains { $0.verdict == .quarantined })
    _ = try script.replay(longer, as: Self.module)
  }

  @Test func otherOwnersAndSegmentsThatWent() throws {
    let script = try WorkerScript()
    var route = try script.joined()
    for seq in 1...60 as ClosedRange<UInt64> {
      // Some ten segments.
      script.send(route, seq, padding: 30_000)
      try script.turn(after: 1_000)
      try script.store.prepareAndRemove()
      if seq % 5 == 0 { try script.worker.snapshotNow(script.room()) }
      if seq % 20 == 0 {
        try script.nextOwner()
        route = script.attach(1, generation: UInt32(seq))
        try script.turns(2)
      }
    }
    let bundle = try #require(try history(script, seconds: 25, bytesMax: 4 << 20)).bundle
    let seqs = try seqs(bundle)
    #expect(seqs == Array(seqs[0]...(seqs[0] + UInt64(seqs.count) - 1)))
    #expect(try seconds(bundle) >= 20)
    _ = try script.replay(bundle, as: Self.module)
  }

  @Test func moreThanItMayHoldIsLeftOut() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    try minutes(script, route, 1...100)
    let bundle = try #require(try history(script, seconds: 60, bytesMax: 1_000)).bundle
    #expect(bundle.tail.count <= 1_000 && !bundle.tail.isEmpty)
    _ = try script.replay(bundle, as: Self.module)
  }

  @Test func aVersionThatChangedIsWhereItBegins() throws {
    let script = try WorkerScript()
    let route = try script.joined()
    try minutes(script, route, 1...20)
    try script.upgraded(to: .same, events: 0, seconds: 0)
    try minutes(script, route, 21...40)
    let bundle = try #require(try history(script)).bundle
    #expect(try ReplayEvent.all(of: bundle).allSatisfy { $0.name != "upgraded" })
    _ = try script.replay(bundle, as: WorkerScript.hash(.same))
  }

  @Test func aRoomThatIsGoneHasNone() throws {
    let script = try WorkerScript()
    #expect(try history(script) == nil)
  }
}

extension WorkerScript {
  var image: [UInt8]? {
    guard let room = worker.room(room()), room.host != nil else { return nil }
    return worker.encodeSnapshot(room).withUnsafeBytes { bytes in (try? RoomSnapshot(bytes)).map { Array($0.image) } }
  }
}
