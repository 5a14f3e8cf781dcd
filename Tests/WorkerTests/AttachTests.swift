// Who comes back, and who never says that everybody has.
import Core
import Journal
import SimulatedFiles
import Simulation
import Testing
import Wire
import WorkerCore
import WorkerStore

struct AttachTests {
  @Test func whoComesBackAllTheTimeDoesNotHoldUpTheRoom() throws {
    let script = try WorkerScript()
    script.join(1)
    let other = script.join(2)
    try script.turn()
    script.send(other, 1, .shower, padding: 0)
    try script.turn()
    _ = script.heard()
    script.say(.confirm(records: script.outputs))
    for generation: UInt32 in 2..<400 {
      script.attach(1, generation: generation)
      try script.turn()
    }
    #expect(try #require(script.worker.room(script.room())).unconfirmed < 10)
    script.send(other, 2)
    try script.turn()
    #expect(script.heard().contains("ack 2"))
    script.say(.confirm(records: script.outputs))
  }

  @Test func aLoopThatNeverCompletesItsListKeepsNobodyForEver() throws {
    let script = try WorkerScript()
    script.join(1)
    try script.turn()
    script.loops = 2
    try script.nextOwner()
    script.say(.complete)
    try script.turn()
    try script.turn(after: 5_000)
    try script.turn()
    #expect(script.worker.room(script.room())?.host?.members[0]?.suspended == false)
    for _ in 0..<20 { try script.turn(after: 1_000) }
    #expect(script.worker.room(script.room())?.host?.members[0]?.suspended == true)
  }

  @Test func aNewerGatewayGetsItsOwnTimeForItsListsAndNobodyTurnsMeanwhile() throws {
    let script = try WorkerScript()
    let limit = Limits.listsSeconds * 1_000
    try script.turn(after: limit / 2)
    script.say(.hello(gateway: GatewayEpoch(2), loop: 0, loops: 1))
    try script.turn(after: limit / 2 + 1)
    try script.turn()
    #expect(!script.isUrgent, "the lists of the first gateway are not waited for any more")
    let due = script.worker.nextDue
    let wait = try #require(due) - script.now.monotonic
    #expect(wait > 0 && wait <= limit / 2 * 1_000)
  }
}
