// Runs this program with another subcommand, in a process of its own that dies with control, and takes what it prints.
import CHost
import Glibc
import NIOPosix
import Synchronization

struct ProgramOutcome: Sendable {
  enum End: Sendable, Hashable {
    case exited(Int32)
    case killed(signal: Int32)
    /// It took too long, or nobody waits for it any more.
    case stopped
    case notStarted(String)
  }
  var end: End
  /// Its standard output.
  var output: [UInt8]
}

final class OwnProgram: Sendable {
  /// What control starts may write so much; the rest is not read.
  static let outputBytesMax = 8 * 1_048_576
  /// A child dies with the thread that started it, so these live as long as the process.
  private static let threads: NIOThreadPool = {
    let pool = NIOThreadPool(numberOfThreads: 3)
    pool.start()
    return pool
  }()

  private struct State {
    var pidfd: Int32 = -1
    var isStopped = false
  }
  private let state = Mutex(State())

  /// The end of a program that was started with `arguments`. Past `seconds`, and when the task is cancelled, it is killed.
  static func run(_ arguments: [String], seconds: Int) async -> ProgramOutcome {
    let program = OwnProgram()
    return await withTaskCancellationHandler {
      let outcome = try? await threads.runIfActive { program.runHere(arguments, milliseconds: seconds * 1_000) }
      return outcome ?? ProgramOutcome(end: .notStarted("control is stopping"), output: [])
    } onCancel: {
      program.stop()
    }
  }

  private func stop() {
    state.withLock {
      $0.isStopped = true
      if $0.pidfd >= 0 { _ = oneup_pidfd_signal($0.pidfd, SIGKILL) }
    }
  }

  private func runHere(_ arguments: [String], milliseconds: Int) -> ProgramOutcome {
    var pipe: [Int32] = [-1, -1]
    guard Glibc.pipe(&pipe) == 0 else { return Self.notStarted(errno) }
    // What another thread starts meanwhile closes whatever it is not given.
    for end in pipe { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(pipe[0]) }
    var pidfd: Int32 = -1
    let pid = Self.spawn(arguments, output: pipe[1], &pidfd)
    close(pipe[1])
    guard pid > 0 else { return Self.notStarted(-pid) }
    state.withLock {
      $0.pidfd = pidfd
      if $0.isStopped { _ = oneup_pidfd_signal(pidfd, SIGKILL) }
    }
    let output = read(pipe[0], until: Self.milliseconds + milliseconds)
    var (how, status): (Int32, Int32) = (0, 0)
    while oneup_pidfd_reap(pidfd, &how, &status) == 0 {
      var ended = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
      _ = poll(&ended, 1, 1_000)
    }
    let isStopped = state.withLock {
      $0.pidfd = -1
      return $0.isStopped
    }
    close(pidfd)
    if isStopped { return ProgramOutcome(end: .stopped, output: output) }
    return ProgramOutcome(end: how == 1 ? .exited(status) : .killed(signal: status), output: output)
  }

  /// What it writes until it closes its output; past the deadline it is killed, and so it is when it writes too much.
  private func read(_ fd: Int32, until deadline: Int) -> [UInt8] {
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      var readable = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
      let left = deadline - Self.milliseconds
      guard left > 0, output.count < Self.outputBytesMax else {
        stop()
        return output
      }
      guard poll(&readable, 1, Int32(clamping: left)) > 0 else { continue }
      let count = Glibc.read(fd, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return output }
      output.append(contentsOf: chunk[..<count])
    }
  }

  private static func spawn(_ arguments: [String], output: Int32, _ pidfd: inout Int32) -> Int32 {
    var environment: [String] = []
    var entry = environ
    while let line = entry.pointee {
      let text = String(cString: line)
      // It is no child of the supervisor's.
      if !text.hasPrefix("ONEUP_ROLE_CONFIG=") { environment.append(text) }
      entry += 1
    }
    var argv: [UnsafeMutablePointer<CChar>?] = (["oneup"] + arguments).map { strdup($0) }
    var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) }
    argv.append(nil)
    envp.append(nil)
    defer { for pointer in argv + envp { free(pointer) } }
    return oneup_spawn_reading("/proc/self/exe", argv, envp, output, &pidfd)
  }

  private static func notStarted(_ code: Int32) -> ProgramOutcome {
    ProgramOutcome(end: .notStarted(String(cString: strerror(code))), output: [])
  }
  private static var milliseconds: Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000 + time.tv_nsec / 1_000_000
  }
}
