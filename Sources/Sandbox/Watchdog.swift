// Stops a call that takes too much of its thread's CPU time. Time that the thread did not get does not count: a busy
// machine is not the room's fault.
internal import CWasmtime
internal import Core
internal import Glibc
internal import Synchronization

/// A thread that moves the engine's epoch on by one for every 10 ms of CPU time that the watched thread has used.
/// Started by `init`, ended by `stop`, which must come before the engine goes.
/// What both threads touch is atomic, the rest says whose it is; `unchecked` for that reason.
final class Watchdog: @unchecked Sendable {
  private let engine: OpaquePointer
  /// Of the watched thread; `none` before the first call.
  private let clock = Atomic<Int32>(Watchdog.none)
  private let isStopping = Atomic<Bool>(false)
  private var ticker = pthread_t()
  /// Touched by the watched thread only.
  private var watched: pthread_t?

  /// No thread has this clock: per-thread clocks are negative, and their last bits are never all set.
  private static let none = Int32(-1)
  private static let tickNanoseconds = Int64(SandboxLimits.watchdogTickMilliseconds) * 1_000_000

  init(_ engine: OpaquePointer) throws(EngineError) {
    self.engine = engine
    let status = pthread_create(
      &ticker, nil,
      { argument in
        Unmanaged<Watchdog>.fromOpaque(argument!).takeUnretainedValue().run()
        return nil
      }, Unmanaged.passUnretained(self).toOpaque())
    guard status == 0 else { throw EngineError("could not start the watchdog's thread: error \(status)") }
  }

  /// From now on this thread's time counts. Cheap when it is the one already.
  func watchThisThread() {
    let this = pthread_self()
    if watched == this { return }
    watched = this
    var id = clockid_t()
    if pthread_getcpuclockid(this, &id) == 0 { clock.store(id, ordering: .releasing) }
  }

  func stop() {
    isStopping.store(true, ordering: .releasing)
    pthread_join(ticker, nil)
  }

  private func run() {
    var signals = sigset_t()
    sigfillset(&signals)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    var last = Watchdog.none
    var counted: Int64 = 0
    while !isStopping.load(ordering: .acquiring) {
      var pause = timespec(tv_sec: 0, tv_nsec: Int(Watchdog.tickNanoseconds))
      nanosleep(&pause, nil)
      let id = clock.load(ordering: .acquiring)
      var now = timespec()
      guard id != Watchdog.none, clock_gettime(id, &now) == 0 else { continue }
      let used = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
      if id != last {
        last = id
        counted = used
      }
      while used - counted >= Watchdog.tickNanoseconds {
        counted += Watchdog.tickNanoseconds
        wasmtime_engine_increment_epoch(engine)
      }
    }
  }
}
