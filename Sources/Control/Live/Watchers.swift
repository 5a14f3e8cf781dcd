// Who watches the live stream. One gatherer serves them all; one that does not keep up is dropped.
package import NIOCore
import Synchronization

package final class Watchers: Sendable {
  package static let countMax = 256
  /// Messages that may wait for one watcher.
  package static let waitingMax = 64

  private struct Watcher: Sendable {
    var stream: AsyncStream<ByteBuffer>.Continuation
    var dropped: @Sendable () -> Void
  }
  private struct State {
    var watchers: [Int: Watcher] = [:]
    var next = 0
    /// Sent first to a new watcher, so that it has something to show.
    var first = ByteBuffer()
    var isOver = false
    /// Streams whose end is not written.
    var unfinished = 0
  }
  private let state = Mutex(State())

  package init() {}

  /// What is to be sent to a new watcher; nil where there are too many. It ends when the watcher is dropped, for which
  /// `dropped` is called, or the server stops.
  package func join(dropped: @escaping @Sendable () -> Void) -> AsyncStream<ByteBuffer>? {
    state.withLock { state in
      guard !state.isOver, state.watchers.count < Self.countMax else { return nil }
      let id = state.next
      state.next += 1
      let (stream, continuation) = AsyncStream.makeStream(
        of: ByteBuffer.self, bufferingPolicy: .bufferingOldest(Self.waitingMax))
      continuation.onTermination = { [weak self] _ in
        self?.state.withLock { $0.watchers[id] = nil }
      }
      if state.first.readableBytes > 0 { continuation.yield(state.first) }
      state.watchers[id] = Watcher(stream: continuation, dropped: dropped)
      state.unfinished += 1
      return stream
    }
  }
  /// Once for each that joined: its end is written, or it is gone.
  package func finished() { state.withLock { $0.unfinished -= 1 } }
  package var areFinished: Bool { state.withLock { $0.unfinished <= 0 } }

  /// `event` with `json`, in the form of server-sent events.
  package func tell(_ event: String, _ json: [UInt8], first: Bool = false) {
    let message = Self.message(event, json)
    send(message)
    if first { state.withLock { $0.first = message } }
  }
  static func message(_ event: String, _ json: [UInt8]) -> ByteBuffer {
    var message = ByteBuffer(string: "event: \(event)\ndata: ")
    message.writeBytes(json)
    message.writeString("\n\n")
    return message
  }
  /// Nothing is to be told; a connection that is dead is found out.
  func beat() { send(ByteBuffer(string: ": beat\n\n")) }

  private func send(_ message: ByteBuffer) {
    let watchers = state.withLock { Array($0.watchers.values) }
    for watcher in watchers {
      guard case .dropped = watcher.stream.yield(message) else { continue }
      // Its place is given up, outside the lock, by `onTermination`.
      watcher.stream.finish()
      watcher.dropped()
    }
  }

  /// All streams end, and no new one begins.
  package func end() {
    let watchers = state.withLock { state in
      state.isOver = true
      return Array(state.watchers.values)
    }
    for watcher in watchers { watcher.stream.finish() }
  }
}
