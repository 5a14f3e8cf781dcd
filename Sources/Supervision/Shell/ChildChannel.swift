// The child's end of the channel, for processes whose own loops live elsewhere (gateway, control): one thread reads, any
// thread writes.
import CHost
import Glibc
import Synchronization
package import Wire

package final class ChildChannel: Sendable {
  private let descriptor: Int32
  /// Makes the thread look at what is to be sent.
  private let wake: Int32
  private let state = Mutex(State())

  private struct State {
    var nextRequest: UInt32 = 1
    var waiting: [UInt32: @Sendable ([UInt8]) -> Void] = [:]
    /// What the socket has not taken yet, the rest of a message first.
    var outgoing: [UInt8] = []
  }
  /// Of what waits for a supervisor that stands still; what comes then is dropped: beats, which newer ones follow, and
  /// lines for a log that nobody writes.
  package static let outgoingBytesMax = 1_048_576
  private static let unanswered = Array(#"{"error":"the supervisor stands still; look at its log"}"#.utf8)

  package init(descriptor: Int32 = SupervisorChannel.descriptor) {
    self.descriptor = descriptor
    wake = oneup_wake_create()
    precondition(wake >= 0, "no descriptor to wake the supervisor's channel with")
  }

  /// Starts the reading thread. `receive` is called on it for all but responses. When the supervisor is gone, `end` is
  /// called: the process should exit (the kernel kills it anyway where it can).
  package func start(
    receive: @escaping @Sendable (FromSupervisor) -> Void, end: @escaping @Sendable () -> Void = { Glibc.exit(1) }
  ) {
    let reading = Reading { [self] in
      read(receive)
      end()
    }
    let argument = Unmanaged.passRetained(reading).toOpaque()
    var thread = pthread_t()
    let made = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Reading>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, argument)
    precondition(made == 0, "a thread for the supervisor's channel could not be made")
    pthread_detach(thread)
  }

  private final class Reading: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  package func ready() { send(.ready) }
  /// Every `SupervisorChannel.beatEveryMilliseconds`, with one counter per loop that rises while the loop turns.
  package func beat(_ counters: [UInt64], _ vitals: Vitals = Vitals()) {
    send(.beat(counters: counters, vitals: vitals))
  }
  package func event(_ kind: String, _ text: String) { send(.event(kind: kind, text: text)) }

  /// `answer` is called on the reading thread; on this one where the supervisor does not read.
  package func request(_ verb: String, _ body: [UInt8] = [], answer: @escaping @Sendable ([UInt8]) -> Void) {
    let id = state.withLock { state in
      let id = state.nextRequest
      state.nextRequest &+= 1
      state.waiting[id] = answer
      return id
    }
    if !send(.request(id: id, verb: verb, body: body)) {
      state.withLock { $0.waiting.removeValue(forKey: id) }?(Self.unanswered)
    }
  }

  /// Whole messages, in the order of the calls of one thread. Never waits: a gateway's loop must not stand still with its
  /// supervisor. What the socket does not take, the thread sends later. False: dropped, for too much waits already.
  @discardableResult
  package func send(_ message: ToSupervisor) -> Bool {
    let (isTaken, isLeft) = state.withLock { state in
      guard state.outgoing.count < Self.outgoingBytesMax else { return (false, false) }
      message.encode(into: &state.outgoing)
      push(&state.outgoing)
      return (true, !state.outgoing.isEmpty)
    }
    if isLeft { oneup_wake(wake) }
    return isTaken
  }

  /// Sends what the socket takes.
  private func push(_ outgoing: inout [UInt8]) {
    var done = 0
    while done < outgoing.count {
      let sent = outgoing.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + done, $0.count - done, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
      }
      if sent < 0, errno == EINTR { continue }
      // Of any other error the reading thread notices the end and says so.
      guard sent > 0 else { break }
      done += sent
    }
    outgoing.removeFirst(done)
  }

  /// Waits for something to read, and sends meanwhile what is left.
  private func waitToRead() {
    while true {
      let isLeft = state.withLock { state in
        push(&state.outgoing)
        return !state.outgoing.isEmpty
      }
      var polled = [
        pollfd(fd: descriptor, events: Int16(isLeft ? POLLIN | POLLOUT : POLLIN), revents: 0),
        pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&polled, 2, -1) > 0 else { continue }
      if polled[1].revents != 0 { oneup_wake_clear(wake) }
      if polled[0].revents & ~Int16(POLLOUT) != 0 { return }
    }
  }

  private func read(_ receive: (FromSupervisor) -> Void) {
    var buffer = SupervisorChannelBuffer()
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      waitToRead()
      let got = recv(descriptor, &chunk, chunk.count, 0)
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { return }
      chunk.withUnsafeBytes { buffer.append(UnsafeRawBufferPointer(rebasing: $0[..<got])) }
      do {
        try buffer.drain { kind, record in
          let message = try FromSupervisor(kind: kind, record)
          guard case .response(let id, let body) = message else { return receive(message) }
          state.withLock { $0.waiting.removeValue(forKey: id) }?(body)
        }
      } catch { return }
    }
  }
}
