// What the gateway says of itself with each beat.
import Core
import Foundation
import GatewayShell
import ServerHarness
import Synchronization
import Testing
import Wire

@Suite(.serialized) struct VitalsTests {
  private final class Latest: Sendable {
    let vitals = Mutex(Vitals())
    /// The first vitals that fit, within a minute.
    func wait(_ fits: (Vitals) -> Bool) -> Vitals? {
      let deadline = Date(timeIntervalSinceNow: 60)
      while Date() < deadline {
        let now = vitals.withLock { $0 }
        if fits(now) { return now }
        usleep(5_000)
      }
      return nil
    }
  }

  @Test(arguments: [1, 2]) func playersMessagesAndLatencyAreCounted(loops: Int) throws {
    let latest = Latest()
    let gateway = try Gateway(loops: loops) { configuration, _ in
      configuration.onBeat = { vitals in latest.vitals.withLock { $0 = vitals } }
    }
    let client = try TCPClient(gateway)
    #expect(latest.wait { $0.connections == 1 && $0.players == 0 } != nil)
    try client.hello()
    _ = try client.join()
    #expect(latest.wait { $0.players == 1 } != nil)
    #expect(latest.vitals.withLock { $0.latencySamples } == 0)
    let before = latest.vitals.withLock { $0.messages }
    for n in 1...5 as ClosedRange<UInt64> {
      try client.send { ClientFrames.input(&$0, n, "hi") }
      _ = try client.receive()
      _ = try client.receive()
    }
    // Each input, its output and its acknowledgement.
    let after = try #require(latest.wait { $0.messages == before + 15 && $0.latencySamples > 0 })
    #expect(after.latencySamples <= 5)
    #expect(after.latencyMedian <= after.latency99 && after.latency99 <= after.latencyMax && after.latencyMax > 0)
    client.stream.hangUp()
    #expect(latest.wait { $0.connections == 0 && $0.players == 0 } != nil)
  }

  /// An input whose sender goes before it is answered must not end the measuring.
  @Test func aSampleThatIsNeverAnsweredIsForgotten() throws {
    let latest = Latest()
    let gateway = try Gateway { configuration, _ in
      configuration.onBeat = { vitals in latest.vitals.withLock { $0 = vitals } }
    }
    let lost = try TCPClient(gateway)
    try lost.hello()
    // Not joined: no acknowledgement comes.
    try lost.send { ClientFrames.input(&$0, 1, "nobody") }
    lost.stream.hangUp()
    #expect(latest.wait { $0.connections == 0 && $0.messages > 0 } != nil)
    let client = try TCPClient(gateway)
    try client.hello()
    _ = try client.join()
    try client.send { ClientFrames.input(&$0, 1, "hi") }
    #expect(latest.wait { $0.latencySamples == 1 } != nil)
  }
}
