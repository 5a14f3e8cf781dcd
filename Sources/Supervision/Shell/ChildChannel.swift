// The child's end of the channel, for processes whose own loops live elsewhere (gateway, control): one thread reads, any
// thread writes.
import Glibc
import Synchronization
package import Wire

package final class ChildChannel: Sendable {
  private let descriptor: Int32
  private let state = Mutex(State())

  private struct State {
    var nextRequest: UInt32 = 1
    var waiting: [UInt32: @Sendable ([UInt8]) -> Void] = [:]
  }

  package init(descriptor: Int32 = SupervisorChannel.descriptor) { self.descriptor = descriptor }

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

  /// `answer` is called on the reading thread.
  package func request(_ verb: String, _ body: [UInt8] = [], answer: @escaping @Sendable ([UInt8]) -> Void) {
    let id = state.withLock { state in
      let id = state.nextRequest
      state.nextRequest &+= 1
      state.waiting[id] = answer
      return id
    }
    send(.request(id: id, verb: verb, body: body))
  }

  /// Whole messages, in the order of the calls of one thread. Blocks while the supervisor does not read.
  package func send(_ message: ToSupervisor) {
    var bytes: [UInt8] = []
    message.encode(into: &bytes)
    state.withLock { _ in
      var rest = bytes[...]
      while !rest.isEmpty {
        let sent = rest.withUnsafeBytes {
          Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if sent < 0, errno == EINTR { continue }
        // The reading thread notices the end and says so.
        guard sent > 0 else { return }
        rest = rest.dropFirst(sent)
      }
    }
  }

  private func read(_ receive: (FromSupervisor) -> Void) {
    var buffer = SupervisorChannelBuffer()
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
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
