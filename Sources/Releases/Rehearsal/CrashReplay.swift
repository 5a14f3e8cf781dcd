// Runs a crash again: the room as it was, the events since, then the one that failed.
package import Artifacts
package import Core
internal import Sandbox
package import WorkerCore

package struct CrashReplay: Sendable {
  /// What came of the event that failed.
  package enum Outcome: Sendable, Hashable {
    case applied
    case refused(String)
    case failed(RoomFault)
  }
  package enum State: String, Sendable { case same, different, unknown }

  package var bundle: CrashBundle
  /// The build that was run last.
  package var manifest: Manifest
  package var outcome: Outcome
  /// Of the room just before the event, compared with what the server wrote down.
  package var state: State
  /// Run before it.
  package var events: Int
  /// Another build than the one that crashed was tried.
  package var isOtherBuild: Bool
  /// Of the build that crashed.
  private var sourceLines: SourceLines?
  /// What makes exactness impossible, or why the other build was given less than the room.
  package var remarks: [String] = []

  /// The same fault at the same place from the same state.
  package var isSame: Bool {
    guard case .failed(let fault) = outcome, !isOtherBuild, fault.kind == bundle.fault.kind, state != .different else {
      return false
    }
    // Which of a dying process's words are its own is nobody's to tell.
    if fault.kind == .death { return true }
    let frames = recorded.backtrace
    // Where source lines were not at hand when it was written down, the words were more general too, and frames fewer.
    guard frames == bundle.fault.backtrace else {
      let count = min(frames.count, fault.backtrace.count)
      return frames.prefix(count) == fault.backtrace.prefix(count)
    }
    return fault.text == bundle.fault.text && fault.backtrace == frames
  }
  /// What the server wrote down, with source lines where they are here.
  package var recorded: RoomFault {
    var fault = bundle.fault
    if let sourceLines { fault.backtrace = sourceLines.lines(for: fault.backtrace) }
    return fault
  }
  package var survives: Bool {
    if case .failed = outcome { return false }
    return true
  }

  private init(_ crash: CrashCase, _ build: CrashCase.Build, events: Int, isOtherBuild: Bool) {
    (bundle, manifest) = (crash.bundle, build.manifest)
    (outcome, state) = (.applied, .unknown)
    (self.events, self.isOtherBuild) = (events, isOtherBuild)
  }

  /// The process that ran it died of it, by that signal.
  package static func died(
    of signal: Int32, _ crash: CrashCase, _ build: CrashCase.Build, isOtherBuild: Bool
  ) -> CrashReplay {
    let events = (try? ReplayEvent.all(of: crash.bundle).count) ?? 0
    var replay = CrashReplay(crash, build, events: events, isOtherBuild: isOtherBuild)
    replay.outcome = .failed(RoomFault(kind: .death, text: "it kills the process that runs it (signal \(signal))"))
    return replay
  }

  /// With the build that crashed. The engine is `builds`'s.
  package static func exact(_ crash: CrashCase, _ builds: Builds) throws(RehearsalError) -> CrashReplay {
    let (guest, events) = try room(crash, builds)
    return try run(crash, guest, events, builds, isOtherBuild: false)
  }

  /// The room's state is carried to another build, by `save` and `restore`; then that is given the event.
  package static func trying(
    _ other: CrashCase.Build, on crash: CrashCase, _ builds: Builds
  ) throws(RehearsalError) -> CrashReplay {
    guard other.manifest.name == crash.bundle.moduleName || crash.bundle.moduleName.isEmpty else {
      throw RehearsalError("\(other.manifest.name) is another module than \(crash.bundle.moduleName), which crashed")
    }
    let hash = try builds.load(other).hash
    return try trying(hash, on: crash, builds)
  }

  package static func trying(
    _ other: ModuleHash, on crash: CrashCase, _ builds: Builds
  ) throws(RehearsalError) -> CrashReplay {
    // The room's creation crashed: there is no state to carry.
    if crash.bundle.snapshot.isEmpty, crash.bundle.tail.isEmpty {
      let guest = try replaying { () throws(ReplayError) in
        try GuestReplay(crash.bundle, on: builds.engine, build: other)
      }
      return try run(crash, guest, 0, builds, isOtherBuild: true)
    }
    let (guest, events) = try room(crash, builds)
    let carried: GuestReplay
    do throws(CarryError) { carried = try GuestReplay(carrying: guest, to: other) } catch {
      throw RehearsalError("the room's state cannot be carried to the other build: \(error.text)")
    }
    return try run(crash, carried, events, builds, isOtherBuild: true)
  }

  /// The room just before the event that failed, and how many events led there.
  private static func room(
    _ crash: CrashCase, _ builds: Builds
  ) throws(RehearsalError) -> (GuestReplay, Int) {
    if let own = crash.build { try builds.load(own) } else { try builds.load(crash.bundle.module) }
    return try replaying { () throws(ReplayError) in
      let guest = try GuestReplay(crash.bundle, on: builds.engine)
      let events = try ReplayEvent.all(of: crash.bundle)
      for event in events {
        let step = try guest.play(event, budget: .decided)
        if case .failed(let fault)? = step.outcome {
          throw ReplayError("event \(event.seq), which the server had applied, fails here: \(fault.text)")
        }
      }
      return (guest, events.count)
    }
  }

  private static func run(
    _ crash: CrashCase, _ guest: GuestReplay, _ events: Int, _ builds: Builds, isOtherBuild: Bool
  ) throws(RehearsalError) -> CrashReplay {
    guard let build = builds.build(guest.module) else {
      preconditionFailure("a guest runs a build that was loaded from here")
    }
    var replay = CrashReplay(crash, build, events: events, isOtherBuild: isOtherBuild)
    replay.sourceLines = builds.build(crash.bundle.module)?.sourceLines
    if let wanted = crash.bundle.stateHash, !isOtherBuild, let image = guest.image() {
      replay.state = ModuleHash(of: image).bytes == wanted ? .same : .different
    }
    replay.outcome = try replaying { () throws(ReplayError) in
      if let call = crash.bundle.call {
        return try guest.make(call, to: crash.bundle.target).map { .failed($0) } ?? .applied
      }
      guard let culprit = try ReplayEvent.culprit(of: crash.bundle) else {
        throw ReplayError("it holds a room that lives, and no crash")
      }
      let step = try guest.play(culprit, budget: .live, timers: isOtherBuild ? .own : .recorded)
      return switch step.outcome {
      case .applied?, nil: .applied
      case .refused?: .refused(refusal(of: builds))
      case .failed(let fault)?: .failed(fault)
      }
    }
    replay.remark(builds)
    return replay
  }

  private static func replaying<R>(_ body: () throws(ReplayError) -> R) throws(RehearsalError) -> R {
    do throws(ReplayError) { return try body() } catch {
      throw RehearsalError("the crash cannot be replayed: \(error)")
    }
  }

  private static func refusal(of builds: Builds) -> String {
    let effects = builds.engine.effects
    for case .refuse(let range) in effects.commands { return String(decoding: effects.bytes[range], as: UTF8.self) }
    return ""
  }

  private mutating func remark(_ builds: Builds) {
    if bundle.engine != builds.engine.identity {
      remarks.append(
        "recorded with another engine (\(bundle.engine)) than this one (\(builds.engine.identity)): limits of fuel and "
          + "stack can be met at another place")
    }
    if bundle.time == 0 { remarks.append("of an older format, without the event's own time") }
    switch bundle.fault.kind {
    case .watchdog: remarks.append("it took too much time where it ran; another machine may be faster")
    case .death: remarks.append("the process died at this event: what killed it need not have been the room's code")
    case .trap, .fuel, .stack, .memory, .output: break
    }
  }
}
