// What a worker counts of two versions of a room, and what it hands on of them.
import Core
import Simulation
import Testing
import Wire
import WorkerCore
import WorkerStore

struct TwinEvidenceTests {
  private func probation(_ build: ScriptedBuild) throws -> (WorkerScript, Route) {
    let script = try WorkerScript()
    let route = script.join(77)
    try script.turn()
    script.send(route, 1)
    try script.turn()
    try script.upgraded(to: build, events: 1_000, seconds: 1_000)
    return (script, route)
  }
  private func versions(_ script: WorkerScript) -> String {
    String(decoding: script.worker.inspect("versions"), as: UTF8.self)
  }

  @Test func aDeathIsHeldAgainstTheVersionOnProbation() throws {
    let (script, route) = try probation(.odd)
    script.send(route, 2)
    try script.write()
    let last = try #require(script.worker.room(script.room())?.host?.eventSeq)
    #expect(!versions(script).contains(#""traps":1"#))
    // Two owners die at the event that comes now, the second one as it decides it anew, before anything else.
    BlackBoxView(script.box).enter(script.room(), EventSeq(last.rawValue + 1))
    script.box.isFrozen = true
    let box = script.box
    script.faults.atCall = { if box[4] != 0 { box.isFrozen = true } }
    try script.nextOwner()
    script.faults.atCall = {}
    try script.nextOwner()
    try script.turns(4)
    #expect(script.build == .odd && script.hasTwin && script.worker.counters.quarantines == 1)
    let counted = versions(script)
    #expect(counted.contains(#""sharedTraps":0"#) && counted.contains(#""traps":1"#), "\(counted)")
    #expect(counted.contains(#""firstTrapAt":1"#), "\(counted)")
  }

  @Test func howLongCallsTakeIsCountedInBuckets() throws {
    let (script, route) = try probation(.same)
    var time: UInt64 = 0
    var isOfProcessor = true
    script.worker.stopwatch = {
      time += 40_000
      isOfProcessor = isOfProcessor && $0
      return time
    }
    for number in 2...9 as ClosedRange<UInt64> { script.send(route, number) }
    try script.turns(2)
    // The one that speaks and its twin, each by the processor's time.
    let counted = versions(script)
    #expect(counted.split(separator: #""time":[[43,8]]"#, omittingEmptySubsequences: false).count == 3, "\(counted)")
    #expect(isOfProcessor)
  }

  @Test func aBundleOfARoomWithTwoVersionsIsReadElsewhere() throws {
    let (script, route) = try probation(.odd)
    script.send(route, 2)
    try script.turns(2)
    let bundle = try script.worker.inspect("bundle \(script.room())").withUnsafeBytes { try CrashBundle($0) }
    let plain = try bundle.withoutSecrets()
    #expect(plain != bundle)
    let read = try plain.encode().withUnsafeBytes { try CrashBundle($0) }
    #expect(read == plain)
    func parts(_ snapshot: [UInt8]) throws -> (image: [UInt8], twin: [UInt8]?, session: SessionID?) {
      try snapshot.withUnsafeBytes { bytes in
        let read = try RoomSnapshot(bytes)
        return (Array(read.image), read.twinImage.map(Array.init), read.host.members[0]?.membership.session)
      }
    }
    let (was, now) = (try parts(bundle.snapshot), try parts(read.snapshot))
    #expect(now.image == was.image && now.twin == was.twin && now.twin != nil)
    #expect(was.session == script.membership(77).session && now.session == SessionID(1))
  }
}
