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
}
