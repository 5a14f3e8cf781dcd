import Control
import Foundation
import Testing

/// Rates, the last hour and the worst pause, from what the supervisor says at moments that the test chooses.
@Suite struct VitalsBookTests {
  private var start: Int64 { 1_800_000_000_000 }

  private func view(messages: Int, latencyMax: Int? = nil, gateway: Int = 5, events: Int = 0) throws -> ProcessesView {
    let latency = latencyMax.map {
      #","latencyMedian":100,"latency99":\#($0 / 2),"latencyMax":\#($0),"latencySamples":9"#
    }
    let processes = """
      {"served":true,"processes":[
      {"role":"gateway","instance":\(gateway),"pid":50,"state":"ready","shards":[],"upMilliseconds":1,"silentMilliseconds":2,
      "vitals":{"connections":3,"players":2,"messages":\(messages)\(latency ?? "")}},
      {"role":"worker","instance":1,"pid":10,"state":"serving","shards":[0,1],"upMilliseconds":1,"silentMilliseconds":2,
      "vitals":{"rooms":4,"members":6,"events":\(events),"turnMax":1500}}]}
      """
    return try JSONDecoder().decode(ProcessesView.self, from: Data(processes.utf8))
  }
  private func totals(_ milliseconds: Int64, cpu: Double = 0) -> VitalsBook.Totals {
    let usage = ProcessUsage(cpuSeconds: cpu, memoryBytes: 1 << 20)
    return VitalsBook.Totals(
      usage: [10: usage, 50: usage, 1: usage], wall: start + milliseconds, monotonic: milliseconds)
  }

  @Test func aProcessUsesWhatItAndTheKernelForItTake() throws {
    let stat = "4711 (a ) name) S 1 2 3 0 -1 4194304 100 200 300 400 1500 250 60 70 20 0 9 0 3555652 3133440 414 1 2"
    let usage = try #require(ProcessUsage(stat: stat, statm: "9000 512 300 1 0 80 0"))
    #expect(usage.cpuSeconds == 1_750 / Double(sysconf(Int32(_SC_CLK_TCK))))
    #expect(usage.memoryBytes == 512 * Int64(sysconf(Int32(_SC_PAGESIZE))))
    for broken in ["", "4711 name S 1", "4711 (name) S 1 2 3 0 -1 4194304 100 200 300 400 1500"] {
      #expect(ProcessUsage(stat: broken, statm: "9000 512") == nil)
    }
  }

  @Test func ratesAreOfTheTimeBetweenTwoLooks() throws {
    var book = VitalsBook()
    let first = book.look(try view(messages: 1_000), supervisor: 1, totals(0))
    #expect(first.messagesPerSecond == 0 && first.processes.allSatisfy { $0.cpu == nil })
    #expect(first.players == 2 && first.connections == 3 && first.rooms == 4 && first.processes.count == 3)
    let second = book.look(try view(messages: 4_000, events: 500), supervisor: 1, totals(2_000, cpu: 1))
    #expect(second.messagesPerSecond == 1_500 && second.eventsPerSecond == 250)
    #expect(second.processes.allSatisfy { $0.cpu == 0.5 && $0.memoryBytes == 1 << 20 })
    // A look that comes too soon, because something happened, keeps the rates.
    let soon = book.look(try view(messages: 4_010), supervisor: 1, totals(2_050, cpu: 1.04))
    #expect(soon.messagesPerSecond == 1_500 && soon.processes[0].cpu == 0.5)
    // A new gateway counts from nothing: that is no negative rate.
    let replaced = book.look(try view(messages: 600, gateway: 9, events: 500), supervisor: 1, totals(4_000, cpu: 1))
    #expect(replaced.messagesPerSecond == 300)
  }

  @Test func anHourIsKeptInStepsOfFiveSeconds() throws {
    var book = VitalsBook()
    for second in 0...Int64(3_700) { _ = book.look(try view(messages: 0), supervisor: 1, totals(second * 1_000)) }
    #expect(book.history.count == VitalsBook.stepsMax)
    #expect(book.history.last?.at == start + 3_700_000)
    #expect(zip(book.history, book.history.dropFirst()).allSatisfy { $1.at - $0.at == VitalsBook.stepMilliseconds })
    // The clock is set an hour ahead: one step, not hundreds.
    let before = book.history.last
    _ = book.look(try view(messages: 0), supervisor: 1, totals(7_300_000))
    #expect(book.history.count == VitalsBook.stepsMax && book.history.dropLast().last?.at == before?.at)
  }

  @Test func theWorstPauseIsOfThisHour() throws {
    var book = VitalsBook()
    #expect(book.look(try view(messages: 0), supervisor: 1, totals(0)).worstPauseMilliseconds == 0)
    #expect(
      book.look(try view(messages: 0, latencyMax: 30_000), supervisor: 1, totals(1_000)).worstPauseMilliseconds == 30)
    #expect(
      book.look(try view(messages: 0, latencyMax: 200), supervisor: 1, totals(2_000)).worstPauseMilliseconds == 30)
    func recovery(_ role: String, _ shards: String, at: Int64, took: Int) throws -> RecoveryView {
      try JSONDecoder().decode(
        RecoveryView.self,
        from: Data(
          #"""
          {"number":1,"role":"\#(role)","instance":1,"replacement":2,"cause":"x","shards":\#(shards),
          "atMicroseconds":\#((start + at) * 1_000),"tookMicroseconds":\#(took),"rooms":0,"events":0}
          """#.utf8))
    }
    // Nobody waits for a spare or for control.
    book.note([
      try recovery("spare", "[]", at: 2_000, took: 900_000), try recovery("worker", "[0]", at: 2_000, took: 80_000),
      try recovery("gateway", "[]", at: 2_000, took: 70_000),
    ])
    #expect(book.look(try view(messages: 0), supervisor: 1, totals(3_000)).worstPauseMilliseconds == 80)
    let later = book.look(try view(messages: 0), supervisor: 1, totals(2_000 + 3_600_001))
    #expect(later.worstPauseMilliseconds == 0 || later.worstPauseMilliseconds == 30)
    for second in Int64(3_610)..<7_300 { _ = book.look(try view(messages: 0), supervisor: 1, totals(second * 1_000)) }
    #expect(book.look(try view(messages: 0), supervisor: 1, totals(7_300_000)).worstPauseMilliseconds == 0)
  }
}
