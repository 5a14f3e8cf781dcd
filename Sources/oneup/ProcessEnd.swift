// How the processes of the roles end.
import Glibc

/// At once, without what `exit` would run: other threads are still at work.
func endProcess(_ status: Int32) -> Never { _exit(status) }

/// Waits for the next signal; the process's work is done by other threads.
func sleepForEver() -> Never {
  while true { pause() }
}
