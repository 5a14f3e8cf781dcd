// How the processes of the roles end.
import Glibc

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
