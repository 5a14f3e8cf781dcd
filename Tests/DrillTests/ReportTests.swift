// The report's forms, its figures, and what makes it unclean.
import Drill
import Foundation
import Testing

@Suite struct ReportTests {
  static func example() -> DrillReport {
    var report = DrillReport()
    (report.players, report.rooms, report.rate, report.seconds) = (10, 2, 5, 12)
    (report.verdict.sent, report.verdict.acked, report.durability) = (600, 600, "disk")
    report.latency = Spread(microseconds: [1_000, 2_000, 3_000])
    report.faults = [
      .init(kind: .workerKill, atSeconds: 5, affected: 5, pause: Spread(microseconds: [20_000, 30_000]))
    ]
    report.pause = report.faults[0].pause
    report.moments = Array(repeating: DrillReport.Moment(), count: 60)
    report.verdict.notes = ["a < b & c"]
    report.releases = [
      .init(
        version: "hotfix-1.0.0-v2", atSeconds: 5, ended: "rolledBack", why: "it traps", rooms: 2, roomsReached: 2,
        firstRoomMilliseconds: 900, allRoomsMilliseconds: nil, backMilliseconds: 250, traps: 3, backs: 2,
        disconnects: 0, isAsExpected: true)
    ]
    report.releases[0].backSince = "its first trap"
    return report
  }

  @Test func jsonHasTheFieldsThatArePromised() throws {
    let json = Self.example().json
    let object = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    #expect(
      Set(object.keys) == [
        "players", "rooms", "rate", "seconds", "durability", "sent", "acked", "unacked", "lost", "duplicated",
        "reordered",
        "outputs_lost", "outputs_doubled", "resets", "disconnects", "errors", "throughput_per_s", "latency_ms",
        "pause_ms", "faults", "changed", "untold", "releases", "notes",
      ])
    #expect(object["sent"] as? Int == 600)
    #expect((object["latency_ms"] as? [String: Double]) == ["mean": 2, "p50": 2, "p99": 3, "p999": 3, "max": 3])
    let faults = try #require(object["faults"] as? [[String: Any]])
    #expect(faults.count == 1 && faults[0]["kind"] as? String == "worker-kill" && faults[0]["affected"] as? Int == 5)
    let releases = try #require(object["releases"] as? [[String: Any]])
    #expect(releases[0]["ended"] as? String == "rolledBack" && releases[0]["back_ms"] as? Double == 250)
    #expect(releases[0]["all_rooms_ms"] == nil && releases[0]["as_expected"] as? Bool == true)
    #expect((faults[0]["pause_ms"] as? [String: Double]) == ["p50": 20, "p99": 30, "max": 30])
  }

  @Test func theSameReportIsTheSameText() {
    #expect(Self.example().json == Self.example().json)
    let text = Self.example().text
    #expect(text.contains("worker-kill       at 5.0 s, 5 players: p50 20.0 ms  p99 30.0 ms  max 30.0 ms"))
    #expect(text.contains("2 of 2 rooms ran it, first room after 900.0 ms, 3 traps"))
    #expect(text.contains("last room back 250.0 ms after its first trap"))
    #expect(text.hasSuffix("clean: nothing lost, doubled, out of order or open\n"))
  }

  @Test func theePageIsWellFormedAndNeedsNothing() throws {
    let html = Self.example().html
    #expect(html.contains("a &lt; b &amp; c"))
    #expect(!html.contains("<script") && !html.contains("http") && html.contains("<polyline"))
    for tag in ["svg", "table", "tr", "td", "ul", "li", "p", "h2", "body", "html"] {
      let opened = html.components(separatedBy: "<\(tag)>").count + html.components(separatedBy: "<\(tag) ").count
      #expect(opened - 1 == html.components(separatedBy: "</\(tag)>").count, "\(tag)")
    }
  }

  @Test(
    arguments: [
      \OracleVerdict.unacked, \.lost, \.duplicated, \.reordered, \.outputsLost, \.outputsDoubled, \.untold,
    ] as [any WritableKeyPath<OracleVerdict, Int> & Sendable])
  func eachViolationMakesItUnclean(_ field: any WritableKeyPath<OracleVerdict, Int> & Sendable) {
    var report = Self.example()
    #expect(report.isClean)
    report.verdict[keyPath: field] = 1
    #expect(!report.isClean && report.text.hasSuffix("NOT CLEAN\n"))
  }

  @Test func aReleaseThatDidNotEndAsItShouldMakesItUnclean() {
    var report = Self.example()
    report.releases[0].isAsExpected = false
    #expect(!report.isClean && report.text.contains("NOT AS EXPECTED"))
  }

  @Test func percentilesAreOfTheSamples() {
    let spread = Spread(microseconds: (1...1_000).map { UInt32($0 * 1_000) }.reversed())
    #expect((spread.p50, spread.p99, spread.p999, spread.max) == (500, 990, 999, 1_000))
    #expect(spread.mean == 500.5)
    #expect(Spread(microseconds: []) == Spread())
    var histogram = LogHistogram()
    for i in 1...1_000 { histogram.add(UInt32(i * 1_000)) }
    let p99 = Double(histogram.percentile(0.99))
    #expect(p99 <= 990_000 && p99 > 990_000 * 15 / 16)
    histogram.add(.max)
    #expect(histogram.percentile(1) > UInt32.max / 16 * 15)
  }
}
