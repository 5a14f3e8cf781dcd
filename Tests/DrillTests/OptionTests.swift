// What a drill takes, and what it says to what it does not take.
import Core
import Drill
import Testing

@Suite struct OptionTests {
  @Test(arguments: [("worker-kill=5s", 5_000), ("trap=500ms", 500), ("all-kill=2m", 120_000)])
  func faultsAreRead(_ text: String, _ milliseconds: Int64) throws {
    let plan = try FaultPlan(argument: text)
    #expect(plan.periodMilliseconds == milliseconds)
    #expect(text.hasPrefix(plan.kind.rawValue))
  }

  @Test(arguments: [
    "worker-kill", "nuke=5s", "trap=5", "trap=0s", "trap=-1s", "trap=1h", "trap=", "trap=99999999999999999999s",
  ])
  func otherFaultsAreRefused(_ text: String) {
    #expect(throws: DrillError.self) { try FaultPlan(argument: text) }
  }

  @Test func faultsComeEveryPeriodAndNotAtTheEnd() throws {
    let plans = [
      FaultPlan(kind: .workerKill, periodMilliseconds: 10_000), FaultPlan(kind: .trap, periodMilliseconds: 7_000),
    ]
    let schedule = FaultPlan.schedule(plans, seconds: 30)
    #expect(schedule.map(\.atMilliseconds) == [7_000, 10_000, 14_000, 20_000, 21_000])
    #expect(schedule.map(\.kind) == [.trap, .workerKill, .trap, .workerKill, .trap])
  }

  @Test func aBuildIsReleasedOnce() {
    let plan = FaultPlan(kind: .badRelease, periodMilliseconds: 1_000)
    #expect(FaultPlan.schedule([plan], seconds: 30).map(\.atMilliseconds) == [1_000])
    var options = DrillOptions(target: .own(program: "/oneup", durability: .process))
    options.faults = [plan, plan]
    #expect(throws: DrillError.self) { try options.check() }
  }

  @Test(
    arguments: [
      (
        "the room is back on tally 1.0.0; what came of your messages 3, 7, 12 is different there", [3, 7, 12]
      ),
      ("the room is back on tally 1.0.0", []), ("", []),
    ] as [(String, [UInt64])])
  func aBackNoticeNamesNumbers(_ text: String, _ numbers: [UInt64]) {
    #expect(BackNotice.numbers(in: text) == numbers)
  }

  @Test func addressesAreRead() throws {
    #expect(try Address(argument: "127.0.0.1:80") == Address(host: "127.0.0.1", port: 80))
    #expect(try Address(argument: "[::1]:80") == Address(host: "::1", port: 80))
    #expect(Address(host: "::1", port: 80).description == "[::1]:80")
    for bad in ["", "host", "host:", ":80", "host:0", "host:70000"] {
      #expect(throws: DrillError.self) { try Address(argument: bad) }
    }
  }

  @Test func impossibleDrillsAreRefused() {
    var options = DrillOptions(target: .own(program: "/oneup", durability: .process))
    #expect(throws: Never.self) { try options.check() }
    options.rooms = 101
    #expect(throws: DrillError.self) { try options.check() }
    options = DrillOptions(target: .own(program: "/oneup", durability: .process))
    options.faults = [FaultPlan(kind: .workerKill, periodMilliseconds: 6_000)]
    #expect(throws: DrillError.self) { try options.check() }
    options.seconds = 11
    #expect(throws: Never.self) { try options.check() }
    let address = Address(host: "127.0.0.1", port: 1)
    options.target = .running(server: address, http: address, token: "")
    options.faults = [FaultPlan(kind: .allKill, periodMilliseconds: 6_000)]
    #expect(throws: DrillError.self) { try options.check() }
  }
}
