// Ctrl-C in the middle of a drill: what it made goes with it.
import Glibc

/// Where the handler writes; set before it is installed, never taken back.
private nonisolated(unsafe) var toWatcher: Int32 = -1

/// Once in a process: on SIGINT, SIGTERM or SIGHUP `cleanUp` is called on a thread of its own, and then the process ends
/// by that signal, as it would have.
func onInterruption(_ cleanUp: @escaping @Sendable () -> Void) throws(DrillError) {
  var ends: [Int32] = [-1, -1]
  guard pipe(&ends) == 0 else { throw DrillError("no pipe for signals: \(String(cString: strerror(errno)))") }
  for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
  toWatcher = ends[1]
  let watcher = Watcher(fromHandler: ends[0], cleanUp: cleanUp)
  var thread = pthread_t()
  let made = pthread_create(
    &thread, nil,
    { argument in
      guard let argument else { return nil }
      Unmanaged<Watcher>.fromOpaque(argument).takeRetainedValue().watch()
      return nil
    }, Unmanaged.passRetained(watcher).toOpaque())
  precondition(made == 0, "a thread for signals could not be made")
  pthread_detach(thread)
  for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) {
    signal(number) { number in
      let before = errno
      var byte = UInt8(truncatingIfNeeded: number)
      _ = write(toWatcher, &byte, 1)
      errno = before
    }
  }
}

/// As `nohup` has it: then it is not for us.
private func isIgnored(_ number: Int32) -> Bool {
  var action = sigaction()
  guard sigaction(number, nil, &action) == 0 else { return false }
  return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
}

private final class Watcher: Sendable {
  private let fromHandler: Int32
  private let cleanUp: @Sendable () -> Void
  init(fromHandler: Int32, cleanUp: @escaping @Sendable () -> Void) {
    (self.fromHandler, self.cleanUp) = (fromHandler, cleanUp)
  }
  func watch() {
    // Whoever started this process may have blocked them, in all of its threads.
    var set = sigset_t()
    sigemptyset(&set)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&set, number) }
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
    var number: UInt8 = 0
    var got = 0
    repeat { got = read(fromHandler, &number, 1) } while got < 0 && errno == EINTR
    cleanUp()
    signal(Int32(number), SIG_DFL)
    raise(Int32(number))
    preconditionFailure("a signal's default action ends the process")
  }
}
