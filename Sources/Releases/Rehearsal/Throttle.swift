// Keeps a rehearsal out of the players' way: a part of one core, the last in line for it, and for so long only.
internal import Glibc

/// One thread's. Give it a chance to pause after each piece of work of some milliseconds.
package final class Throttle {
  /// Processor time may be one part in so many of the time that has passed.
  package static let partOfCore: Int64 = 4
  /// Pauses shorter than this are saved up.
  private static let pauseMicrosecondsMin: Int64 = 4_000
  /// A pause is cut into pieces, so that the deadline is kept.
  private static let pauseMicrosecondsMax: Int64 = 200_000

  private let began: Int64
  private let processorAtStart: Int64
  private let endsAt: Int64

  package init(seconds: Int) {
    began = Self.microseconds(CLOCK_MONOTONIC)
    processorAtStart = Self.microseconds(CLOCK_PROCESS_CPUTIME_ID)
    endsAt = began + Int64(seconds) * 1_000_000
  }

  package var isOver: Bool { Self.microseconds(CLOCK_MONOTONIC) >= endsAt }
  package var seconds: Double { Double(Self.microseconds(CLOCK_MONOTONIC) - began) / 1_000_000 }
  /// Processor time that was used, by all threads.
  package var processorSeconds: Double {
    Double(Self.microseconds(CLOCK_PROCESS_CPUTIME_ID) - processorAtStart) / 1_000_000
  }

  /// Sleeps until no more than its part was used; not beyond the end.
  package func breathe() {
    while true {
      let now = Self.microseconds(CLOCK_MONOTONIC)
      let used = Self.microseconds(CLOCK_PROCESS_CPUTIME_ID) - processorAtStart
      let owed = min(used * Self.partOfCore - (now - began), endsAt - now)
      guard owed >= Self.pauseMicrosecondsMin else { return }
      usleep(UInt32(min(owed, Self.pauseMicrosecondsMax)))
    }
  }

  /// Everybody else goes first, and no more memory than this, the 2 GiB that the engine sets aside for stacks included: a
  /// build that takes more ends the rehearsal, not the machine.
  package static func stepBack(memoryBytesMax: UInt64 = 8 << 30) {
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
    var limit = rlimit(rlim_cur: rlim_t(memoryBytesMax), rlim_max: rlim_t(memoryBytesMax))
    setrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit)
  }

  private static func microseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
  }
}
