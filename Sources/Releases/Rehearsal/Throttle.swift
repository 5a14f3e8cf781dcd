// Keeps a rehearsal out of the players' way: a part of one core, and for so long only. The process sees to it that it is
// the last in line for it, and that the part is taken in small pieces (`oneup_run_in_parts`).
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
  private var lastPaced: Int64 = 0

  package init(seconds: Int) {
    began = Self.microseconds(CLOCK_MONOTONIC)
    processorAtStart = Self.microseconds(CLOCK_PROCESS_CPUTIME_ID)
    endsAt = began + Int64(seconds) * 1_000_000
  }

  package var isOver: Bool { isPast(endsAt) }
  /// When such a part of the time that is left, or is left until `end`, will be over; for `isPast`.
  func time(of part: Double, until end: Int64 = .max) -> Int64 {
    let now = Self.microseconds(CLOCK_MONOTONIC)
    return now + Int64(Double(max(0, min(end, endsAt) - now)) * part)
  }
  /// To be called after each piece of a work that may have such a part of the time that is left: pauses, and says whether
  /// it may go on. Its argument is the part of the work that the pieces until then belong to.
  package func allowance(of part: Double) -> (Double) -> Bool {
    let now = Self.microseconds(CLOCK_MONOTONIC)
    let whole = Double(max(0, endsAt - now)) * part
    return { share in
      self.breathe()
      return !self.isPast(now + Int64(whole * share))
    }
  }
  func isPast(_ time: Int64) -> Bool { Self.microseconds(CLOCK_MONOTONIC) >= time }
  package var seconds: Double { Double(Self.microseconds(CLOCK_MONOTONIC) - began) / 1_000_000 }

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

  /// Waits until so much time has passed since the last time this was asked for; not beyond the end.
  package func pace(milliseconds: Int64) {
    let until = min(lastPaced + milliseconds * 1_000, endsAt)
    lastPaced = Self.microseconds(CLOCK_MONOTONIC)
    // A signal ends a sleep early.
    while lastPaced < until {
      usleep(UInt32(until - lastPaced))
      lastPaced = Self.microseconds(CLOCK_MONOTONIC)
    }
  }

  /// From here on this process may take so much more memory: a build that takes more ends the rehearsal, not the machine.
  /// What the engine sets aside at its start for stacks, some GiB that are never touched, must be behind.
  static func boundMemory(moreBytes: UInt64 = 1 << 30) {
    guard let file = fopen("/proc/self/status", "r") else { return }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, 256, file) != nil {
      let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
        .split(whereSeparator: \.isWhitespace)
      guard words.count >= 2, words[0] == "VmData:", let now = UInt64(words[1]) else { continue }
      let most = rlim_t((now << 10) + moreBytes)
      var limit = rlimit(rlim_cur: most, rlim_max: most)
      setrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit)
    }
  }

  private static func microseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
  }
}
