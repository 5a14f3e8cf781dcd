// Runs children one after the other until the time is over; each death is an input that failed.
import Fuzzing
import Glibc

struct Parent {
  /// After so many, a target is given up: they are mostly the same.
  static let failuresMax = 5
  let target: FuzzTarget
  let options: FuzzOptions

  init(_ target: FuzzTarget, _ options: FuzzOptions) {
    self.target = target
    self.options = options
  }

  /// The number of inputs that failed.
  func run() throws(FuzzFailure) -> Int {
    let shared = "/dev/shm/oneup-fuzz-\(getpid())"
    unlink(shared)
    defer { unlink(shared) }
    let current = try CurrentInput(shared, bytesMax: target.bytesMax)
    let start = Clock.nanoseconds
    let until = start / 1_000_000_000 + options.seconds
    var failures = 0
    var from = 0
    while failures < Self.failuresMax {
      let status = try child(shared, from, until)
      from = current.number
      if status == 0 { break }
      failures += 1
      let path = try Corpus.save(current.input, options.corpus, target)
      report("\(target.name): input \(from) \(Self.cause(status)): \(path)")
      report("  again: oneup-fuzz --target \(target.name) --input \(path)")
      from += 1
      if Clock.seconds >= until { break }
    }
    let seconds = Double(Clock.nanoseconds - start) / 1e9
    report(
      "\(target.name): \(from) inputs, \(Int(Double(from) / max(seconds, 0.001))) a second, \(failures) failed (seed \(options.seed))"
    )
    return failures
  }

  private static func cause(_ status: Int32) -> String {
    let signal = status & 0x7F
    guard signal != 0 else { return "ended the process with \(status >> 8 & 0xFF)" }
    if signal == SIGPROF { return "hangs (over \(Child.cpuSecondsMax) s)" }
    return "died of signal \(signal)"
  }

  /// The same program in another process; returns how it ended.
  private func child(_ shared: String, _ from: Int, _ until: Int) throws(FuzzFailure) -> Int32 {
    let arguments = [
      "oneup-fuzz", "--target", target.name, "--seed", "\(options.seed)", "--corpus", options.corpus, "--inputs",
      "\(options.inputs)", "--child", "\(from),\(until),\(shared)",
    ]
    // No backtraces: a death is reported in a moment, and the input is what counts.
    let environment = ["SWIFT_BACKTRACE=enable=no"]
    let argv = arguments.map { strdup($0) } + [nil]
    let envp = environment.map { strdup($0) } + [nil]
    defer { for pointer in argv + envp { free(pointer) } }
    var pid = pid_t(0)
    let result = posix_spawn(&pid, "/proc/self/exe", nil, nil, argv, envp)
    guard result == 0 else { throw FuzzFailure("cannot start a child: errno \(result)") }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 {
      guard errno == EINTR else { throw FuzzFailure("cannot wait for a child: errno \(errno)") }
    }
    return status
  }
}
