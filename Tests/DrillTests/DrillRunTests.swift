// Whole drills over real sockets, against a server that keeps its promises and against ones that do not.
import Drill
import NIOCore
import Testing

@Suite(.serialized) struct DrillRunTests {
  func drill(
    _ misdeed: FakeTally.Misdeed, seconds: Int = 1, faults: [FaultPlan] = [], usesGates: Bool = false
  ) async throws -> DrillReport {
    let fake = FakeTally(misdeed)
    let (server, http) = try await fake.start()
    var options = DrillOptions(target: .running(server: server, http: http, token: "secret"))
    (options.players, options.rooms, options.rate, options.seconds) = (6, 2, 20, seconds)
    (options.faults, options.usesGates) = (faults, usesGates)
    let report = try await runDrill(options)
    try await fake.group.shutdownGracefully()
    return report
  }

  @Test func aGoodServerIsClean() async throws {
    let report = try await drill(.none)
    #expect(report.isClean, "\(report.text)")
    #expect(report.verdict.sent == 120 && report.verdict.acked == 120)
    #expect(report.verdict.errors == 0 && report.disconnects == 0 && report.verdict.resets == 0, "\(report.text)")
    #expect(report.latency.max > 0)
  }

  @Test func lostConnectionsAreRepairedAndCounted() async throws {
    let report = try await drill(.none, seconds: 7, faults: [FaultPlan(kind: .gatewayKill, periodMilliseconds: 1_000)])
    #expect(report.isClean && report.verdict.errors == 0, "\(report.text)")
    // Two faults, six players and two probes.
    #expect(report.disconnects == 16)
    #expect(report.faults.map(\.affected) == [6, 6])
    #expect(report.verdict.sent > 6 * 20 * 7, "probes add more")
  }

  @Test func aGoodBuildStaysAndABadOneGoes() async throws {
    let plans = [
      FaultPlan(kind: .goodRelease, periodMilliseconds: 300), FaultPlan(kind: .badRelease, periodMilliseconds: 400),
    ]
    let report = try await drill(.none, seconds: 6, faults: plans)
    #expect(report.isClean, "\(report.text)")
    #expect(report.releases.map(\.ended) == ["done", "rolledBack"])
    #expect(report.releases.map(\.version) == ["hotfix-1.0.0-v1", "hotfix-1.0.0-v2"])
    #expect(report.releases.map(\.roomsReached) == [2, 2] && report.releases[0].allRoomsMilliseconds != nil)
    #expect(report.releases[1].backMilliseconds == 250)
    #expect(report.faults.map(\.affected) == [6, 6])
  }

  @Test func aBadBuildThatTheGatesRefuseIsWhatIsExpectedOfThem() async throws {
    let report = try await drill(
      .none, seconds: 6, faults: [FaultPlan(kind: .badRelease, periodMilliseconds: 300)], usesGates: true)
    #expect(report.isClean && report.releases.map(\.ended) == ["refused"], "\(report.text)")
    #expect(report.releases.map(\.roomsReached) == [0] && report.releases.map(\.isAsExpected) == [true])
    for words in ["refused by the gates, no room ran it", "as expected", "2 rooms with 90 events", "3 of 90 events"] {
      #expect(report.text.contains(words), "\(report.text)")
    }
    #expect(report.html.contains("3 of 90 events") && report.json.contains("3 of 90 events"))
    // One that is meant to stay must not be refused.
    let good = try await drill(
      .refusesAGoodBuild, seconds: 6, faults: [FaultPlan(kind: .goodRelease, periodMilliseconds: 300)], usesGates: true)
    #expect(!good.isClean && good.text.contains("NOT AS EXPECTED"), "\(good.text)")
  }

  @Test func aBadBuildThatIsKeptIsFound() async throws {
    let report = try await drill(
      .keepsABadBuild, seconds: 6, faults: [FaultPlan(kind: .badRelease, periodMilliseconds: 300)])
    #expect(!report.isClean && report.releases.map(\.ended) == ["done"], "\(report.text)")
    #expect(report.verdict.lost == 0)
  }

  @Test func aWithheldOutputIsFound() async throws {
    let report = try await drill(.withholdsAnOutput)
    #expect(report.verdict.outputsLost == 2, "\(report.text)")
    #expect(report.verdict.lost == 0 && report.verdict.duplicated == 0)
  }

  @Test func aForgottenAddIsFound() async throws {
    let report = try await drill(.forgets)
    #expect(report.verdict.lost == 2 && report.verdict.unacked == 0, "\(report.text)")
  }

  @Test func anAddAppliedTwiceIsFound() async throws {
    let report = try await drill(.appliesTwice)
    #expect(report.verdict.duplicated == 2 && report.verdict.lost == 0, "\(report.text)")
  }
}
