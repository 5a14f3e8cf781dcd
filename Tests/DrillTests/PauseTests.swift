// How long a fault kept a player waiting, from what its bot kept.
import Drill
import Testing

@Suite struct PauseTests {
  /// An add each 100 ms that takes 2 ms, but for one.
  static func waits(room: Int, slow: Int? = nil, latency: UInt32 = 0, open: [Int64] = []) -> Waits {
    let samples = (0..<100).map { i in
      WaitSample(scheduled: Int64(i) * 100_000, latency: i == slow ? latency : 2_000)
    }
    return Waits(room: room, samples: samples, open: open)
  }

  @Test func aPauseIsTheLongestWaitAboveTheUsualOne() {
    let players = [Self.waits(room: 0, slow: 50, latency: 42_000), Self.waits(room: 0), Self.waits(room: 1)]
    let judge = PauseJudge(players: players, probes: [Self.waits(room: 0), Self.waits(room: 1)], end: 0, usual: 0)
    let fault = FaultMark(kind: .workerKill, at: 4_990_000, affected: [true, false])
    #expect(judge.pauses([fault], 0) == [40_000, 0])
  }

  @Test func aHitRoomPausesAllItsPlayersAsLongAsItsProbe() {
    let probe = Self.waits(room: 0, slow: 50, latency: 32_000)
    let judge = PauseJudge(
      players: [Self.waits(room: 0), Self.waits(room: 0)], probes: [probe], end: 0, usual: 0)
    var fault = FaultMark(kind: .workerKill, at: 4_990_000, affected: [true])
    #expect(judge.pauses([fault], 0) == [30_000, 30_000])
    // A lost connection is each player's own.
    fault.kind = .gatewayKill
    #expect(judge.pauses([fault], 0) == [0, 0])
  }

  @Test func theNextFaultEndsTheWindow() {
    let judge = PauseJudge(
      players: [Self.waits(room: 0, slow: 70, latency: 500_000)], probes: [Self.waits(room: 0)], end: 0, usual: 0)
    let faults = [2_990_000, 4_990_000].map { FaultMark(kind: .workerKill, at: $0, affected: [true]) }
    #expect(judge.pauses(faults, 0) == [0])
    #expect(judge.pauses(faults, 1) == [498_000])
  }

  @Test func whatIsStillOpenWaitedUntilTheEnd() {
    let judge = PauseJudge(
      players: [Self.waits(room: 0, open: [6_000_000])], probes: [Self.waits(room: 0)], end: 40_000_000, usual: 0)
    #expect(judge.pauses([FaultMark(kind: .gatewayKill, at: 5_000_000, affected: [true])], 0) == [33_998_000])
  }
}
