import CHost
import Foundation
import SupervisionShell
import Synchronization
import Testing
import Wire

/// The child's end of the channel, with a supervisor that does not read.
@Suite struct ChildChannelTests {
  private final class Ends {
    let supervisor: Int32
    let child: Int32
    private var buffer = SupervisorChannelBuffer()
    init() {
      var pair: [Int32] = [-1, -1]
      #expect(oneup_channel_pair(&pair) == 0)
      (supervisor, child) = (pair[0], pair[1])
    }
    deinit { close(supervisor) }

    /// What has come by now.
    func received() throws -> [ToSupervisor] {
      var messages: [ToSupervisor] = []
      var chunk = [UInt8](repeating: 0, count: 65_536)
      while case let got = recv(supervisor, &chunk, chunk.count, 0), got > 0 {
        chunk.withUnsafeBytes { buffer.append(UnsafeRawBufferPointer(rebasing: $0[..<got])) }
        try buffer.drain { kind, record in messages.append(try ToSupervisor(kind: kind, record)) }
      }
      return messages
    }
    /// Reads until the condition holds for all that came; nil when it did not in time.
    func received(until holds: ([ToSupervisor]) -> Bool) throws -> [ToSupervisor]? {
      var all: [ToSupervisor] = []
      let deadline = ContinuousClock.now + .seconds(60)
      while ContinuousClock.now < deadline {
        all += try received()
        if holds(all) { return all }
        usleep(2_000)
      }
      return nil
    }
  }
  private static func line(_ n: Int) -> ToSupervisor {
    .event(kind: "test", text: "\(n) " + String(repeating: "x", count: 4_096))
  }

  @Test func nobodyWaitsForASupervisorThatDoesNotRead() throws {
    let ends = Ends()
    let channel = ChildChannel(descriptor: ends.child)
    channel.start(receive: { _ in }, end: {})
    let count = 2 * ChildChannel.outgoingBytesMax / 4_096
    let taken = Mutex<[Int]?>(nil)
    Thread {
      let numbers = (0..<count).filter { channel.send(Self.line($0)) }
      taken.withLock { $0 = numbers }
    }.start()
    let deadline = ContinuousClock.now + .seconds(60)
    while taken.withLock({ $0 == nil }), ContinuousClock.now < deadline { usleep(2_000) }
    let sent = try #require(taken.withLock { $0 }, "the sender waits for the supervisor")
    #expect(sent.count < count && sent == Array(0..<sent.count), "beyond the bound they are dropped")
    // A request is answered, even so.
    let answer = Mutex<[UInt8]?>(nil)
    channel.request("processes") { bytes in answer.withLock { $0 = bytes } }
    #expect(answer.withLock { $0.map { String(decoding: $0, as: UTF8.self) } }?.contains("stands still") == true)

    // What was taken comes, whole and in order, by the channel's thread alone; then it goes on as before.
    let all = try #require(try ends.received { $0.count == sent.count })
    #expect(all == sent.map(Self.line))
    #expect(channel.send(.ready))
    #expect(try ends.received { $0 == [.ready] } != nil)
  }

  @Test func requestsAreAnsweredAndTheEndIsTold() throws {
    let ends = Ends()
    let channel = ChildChannel(descriptor: ends.child)
    let answer = Mutex<[UInt8]?>(nil)
    let isOver = Mutex(false)
    channel.start(receive: { _ in }, end: { isOver.withLock { $0 = true } })
    channel.request("fault", [1]) { bytes in answer.withLock { $0 = bytes } }
    let asked = try #require(try ends.received { !$0.isEmpty })
    guard case .request(let id, "fault", [1]) = asked[0] else {
      Issue.record("\(asked)")
      return
    }
    var bytes: [UInt8] = []
    FromSupervisor.response(id: id, body: [7]).encode(into: &bytes)
    #expect(send(ends.supervisor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    let deadline = ContinuousClock.now + .seconds(60)
    while answer.withLock({ $0 == nil }), ContinuousClock.now < deadline { usleep(2_000) }
    #expect(answer.withLock { $0 } == [7])
    shutdown(ends.supervisor, Int32(SHUT_RDWR))
    while !isOver.withLock({ $0 }), ContinuousClock.now < deadline { usleep(2_000) }
    #expect(isOver.withLock { $0 })
  }
}
