// A second thread for what waits for the disk: syncs, the next segments, removals. The worker's thread never waits.
internal import CHost
internal import Glibc
internal import Synchronization

/// Work runs in the order it was given; what it returns runs on the worker's thread, in `collect`.
final class Background: Sendable {
  typealias Result = DiskWork.Result
  private struct State {
    var work: [@Sendable () -> Result] = []
    var results: [Result] = []
  }
  private static let nice: Int32 = 10
  /// The shortest that the kernel grants.
  private static let sliceNanoseconds: UInt64 = 100_000

  private let state = Mutex(State())
  private let needed: Int32
  /// Readable when there are results.
  let wake: Int32

  private init(needed: Int32, wake: Int32) {
    self.needed = needed
    self.wake = wake
  }

  /// With its thread running, for as long as the process lives.
  static func start() throws(WorkerError) -> Background {
    let needed = oneup_wake_create_blocking()
    let wake = oneup_wake_create()
    guard wake >= 0, needed >= 0 else { throw WorkerError("cannot make an event descriptor") }
    let background = Background(needed: needed, wake: wake)
    var thread = pthread_t()
    let status = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<Background>.fromOpaque(argument!).takeRetainedValue().run()
      }, Unmanaged.passRetained(background).toOpaque())
    guard status == 0 else { throw WorkerError("cannot start the thread for disk work: error \(status)") }
    return background
  }

  func run(_ work: @escaping @Sendable () -> Result) {
    state.withLock { $0.work.append(work) }
    oneup_wake(needed)
  }
  func collect() -> [Result] {
    oneup_wake_clear(wake)
    return state.withLock { state in
      defer { state.results = [] }
      return state.results
    }
  }

  private func run() -> Never {
    // The worker's thread goes first: what runs here can take milliseconds of a processor, and nobody waits for it. Never
    // the last in line, though: a worker that is never idle needs its next segments too.
    oneup_step_aside(Self.nice, Self.sliceNanoseconds)
    while true {
      oneup_wake_clear(needed)
      while let work = state.withLock({ $0.work.isEmpty ? nil : $0.work.removeFirst() }) {
        let result = work()
        state.withLock { $0.results.append(result) }
        oneup_wake(wake)
      }
    }
  }
}
