// Tries inputs until the time is over, or until one of them kills it.
import Fuzzing
import Glibc

enum Child {
  /// An input that takes more processor time hangs.
  static let cpuSecondsMax = 1

  static func run(
    _ target: FuzzTarget, _ options: FuzzOptions, shared: String, from: Int, until: Int
  ) throws(FuzzFailure) {
    var limit = rlimit(rlim_cur: UInt(target.memoryBytesMax), rlim_max: UInt(target.memoryBytesMax))
    setrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit)
    let current = try CurrentInput(shared, bytesMax: target.bytesMax)
    let inputs = FuzzInputs(target, seed: options.seed, corpus: Corpus.inputs(options.corpus, target))
    var number = from
    while number < options.inputs {
      if number % 16 == 0, Clock.seconds >= until { break }
      let input = inputs[number]
      current.put(number, input)
      arm(seconds: cpuSecondsMax)
      target.run(input)
      number += 1
    }
    arm(seconds: 0)
    current.put(number, [])
  }

  /// SIGPROF after so much processor time; it ends the process.
  private static func arm(seconds: Int) {
    var timer = itimerval(it_interval: timeval(), it_value: timeval(tv_sec: seconds, tv_usec: 0))
    setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &timer, nil)
  }

  static func replay(_ target: FuzzTarget, _ file: String) throws(FuzzFailure) {
    guard let bytes = Corpus.read(file) else { throw FuzzFailure("cannot read \(file)") }
    let start = Clock.nanoseconds
    target.run(bytes)
    report("\(target.name): \(bytes.count) bytes taken in \((Clock.nanoseconds - start) / 1_000) microseconds")
  }
}

enum Clock {
  static var nanoseconds: Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
  static var seconds: Int { nanoseconds / 1_000_000_000 }
}
