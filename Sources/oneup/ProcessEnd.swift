// How the processes of the roles begin and end.
import Glibc

/// What `top`, `ss` and the kernel's log of processes that it killed for want of memory call this one. It was started as
/// /proc/self/exe, so they would say `exe`.
func nameProcess(_ name: String) {
  let file = open("/proc/self/comm", O_WRONLY | O_CLOEXEC)
  guard file >= 0 else { return }
  _ = name.withCString { write(file, $0, strlen($0)) }
  close(file)
}

/// At once, without what `exit` would run: other threads are still at work.
func endProcess(_ status: Int32) -> Never { _exit(status) }

/// A role's process is told by its supervisor when to stop, in its turn. A signal that goes to all processes of a server at
/// once (as systemd's does) must not end it before.
func leaveStopsToTheSupervisor() {
  for number in [SIGTERM, SIGINT, SIGHUP] { signal(number, SIG_IGN) }
}

/// Waits for the next signal; the process's work is done by other threads.
func sleepForEver() -> Never {
  while true { pause() }
}
