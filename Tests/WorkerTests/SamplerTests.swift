// Rooms are played again to see that they come out the same.
import Core
import Foundation
import Simulation
import Testing
import Wire
import WorkerCore

struct SamplerTests {
  private func started() throws -> (WorkerScript, Route) {
    let script = try WorkerScript()
    script.faults.repeats = true
    let route = try script.joined()
    for seq: UInt64 in 1...200 { script.send(route, seq, seq % 10 == 0 ? .draw : .append) }
    try script.turn()
    return (script, route)
  }

  @Test func aRoomIsPlayedAgainAndItsCopyIsGone() throws {
    let (script, route) = try started()
    // It goes on while it is played again: what counts is how it was.
    for seq: UInt64 in 201...260 {
      script.send(route, seq, seq % 7 == 0 ? .draw : .later)
      try script.turn(after: 20)
    }
    try script.live(20_000)
    #expect(script.worker.counters.samples > 0 && script.worker.counters.differences == 0)
    script.say(.leave(route, InputSeq(261)))
    try script.live(200_000)
    #expect(script.phase() == .asleep && script.faults.instances == 0)
  }

  @Test func bothVersionsArePlayedAgain() throws {
    let (script, route) = try started()
    try script.upgraded(to: .odd)
    for seq: UInt64 in 201...230 {
      script.send(route, seq, seq % 9 == 0 ? .split : .appendAndReply)
      try script.turn(after: 50)
    }
    try script.live(20_000)
    #expect(script.worker.counters.samples > 0 && script.worker.counters.differences == 0)
  }

  @Test func withoutAPlaceForTheCopyThereIsNoVerdict() throws {
    let (script, _) = try started()
    script.faults.placesMissing = 3
    for _ in 0..<300 { try script.turn(after: 50) }
    #expect(script.faults.placesMissing == 0 && script.worker.counters.samples > 0)
    #expect(script.worker.counters.differences == 0 && script.operations() == 200)
  }

  /// What a release's gates compare are the rooms' images, also where one is played again just then.
  @Test func aRoomIsNoLargerForBeingPlayedAgain() throws {
    let (script, route) = try started()
    try script.upgraded(to: .odd)
    for seq: UInt64 in 201...230 {
      script.send(route, seq)
      try script.turn(after: 50)
      let room = try #require(script.worker.room(script.room()))
      let largest = script.worker.encodeSnapshot(room).withUnsafeBytes { bytes in
        (try? RoomSnapshot(bytes)).map { max($0.image.count, $0.twinImage?.count ?? 0) } ?? 0
      }
      let told = String(decoding: script.worker.inspect("versions"), as: UTF8.self)
      let sizes = told.components(separatedBy: "\"memoryBytes\":").dropFirst().compactMap {
        Int($0.prefix { $0.isNumber })
      }
      #expect(sizes.count == 2 && sizes.allSatisfy { $0 <= largest }, "\(sizes), and the larger image has \(largest)")
    }
    #expect(script.worker.counters.samples > 0)
  }

  /// What it did before with the usual stack it can do again.
  @Test func goingDeeperThanBeforeIsADifference() throws {
    let (script, _) = try started()
    script.faults.isDeep = true
    for _ in 0..<100 { try script.turn(after: 50) }
    #expect(script.worker.counters.differences == 1 && script.faults.largerStacks == 0)
    #expect(script.operations() == 200, "it goes on")
  }

  /// Nor does anybody turn for it.
  @Test func aRoomInWhichNothingHappensIsPlayedAgainOnce() throws {
    let (script, _) = try started()
    for _ in 0..<200 { try script.turn(after: 50) }
    let samples = script.worker.counters.samples
    #expect(samples > 0)
    for _ in 0..<200 { try script.turn(after: 50) }
    #expect(script.worker.counters.samples == samples)
    #expect(script.worker.nextDue == nil)
  }
}
