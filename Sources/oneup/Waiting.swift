// From the synchronous world of the command line to `async` code and back.
import Dispatch
import Synchronization

/// Runs `body` on the concurrency pool and waits for it on this thread, which must not be of that pool.
func waiting<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) throws -> T {
  let done = DispatchSemaphore(value: 0)
  let box = ResultBox<T>()
  Task.detached {
    do {
      let value = try await body()
      box.result.withLock { $0 = .success(value) }
    } catch { box.result.withLock { $0 = .failure(error) } }
    done.signal()
  }
  done.wait()
  guard let result = box.result.withLock({ $0 }) else { preconditionFailure("a task ended without a result") }
  return try result.get()
}

private final class ResultBox<T: Sendable>: Sendable {
  let result = Mutex<Result<T, any Error>?>(nil)
}
