// One room in both builds: the old one as the record says, the new one from the same state with the same events. Each
// has its own random numbers and timers, as the two versions of a room on probation have.
internal import Artifacts
internal import Core
internal import ReleaseCore
internal import Sandbox
internal import WorkerCore

struct RoomRehearsal {
  /// How far a failed event is undone by running what is before it again.
  private static let markEvery = 32
  private static let checkEvery = 128
  /// Of the room's time, for running its events the first time.
  private static let partOfPlay = 0.6
  /// A build that fails so often in one room need not be asked further.
  private static let failuresMax = 8

  let builds: Builds
  let from: ModuleHash
  let to: ModuleHash
  let throttle: Throttle
  /// Of the throttle: other rooms have the time after it.
  let end: Int64
  let bundle: CrashBundle
  private let events: [ReplayEvent]
  private let name: String

  /// Nil: the record cannot be read, and says so in the findings.
  init?(
    _ bundle: CrashBundle, _ builds: Builds, from: ModuleHash, to: ModuleHash, _ throttle: Throttle,
    until end: Int64, _ findings: inout Findings
  ) {
    (self.bundle, self.builds, self.from, self.to, self.throttle) = (bundle, builds, from, to, throttle)
    self.end = end
    name = bundle.key.isEmpty ? "\(bundle.room)" : "\(bundle.moduleName)/\(bundle.key)"
    do throws(ReplayError) { events = try ReplayEvent.all(of: bundle) } catch {
      findings.skipped += 1
      findings.note(.skipped, "room \(name) cannot be replayed: \(error)")
      return nil
    }
  }

  func run(_ findings: inout Findings) {
    do throws(ReplayError) {
      // Where versions changed is behind: what the two builds can both be given begins after it.
      let start = (events.lastIndex { ["upgraded", "back", "twinEnded"].contains($0.name) } ?? -1) + 1
      let old = try GuestReplay(bundle, on: builds.engine)
      for event in events[..<start] { try advance(old, event) }
      guard old.module == from else { return }
      let isWhole = bundle.snapshot.isEmpty && start == 0
      guard let new = isWhole ? try GuestReplay(bundle, on: builds.engine, build: to) : carried(old, &findings) else {
        return
      }
      findings.rooms += 1
      if !isWhole {
        compareStates(old, new, &findings)
        twinTest(new, &findings)
      }
      try play(old, new, events[start...], &findings)
    } catch {
      findings.skipped += 1
      findings.note(.skipped, "room \(name) cannot be replayed: \(error)")
    }
  }

  private func advance(_ old: GuestReplay, _ event: ReplayEvent) throws(ReplayError) {
    if case .failed(let fault)? = try old.play(event, budget: .decided).outcome {
      throw ReplayError("event \(event.seq), which was applied, fails here: \(fault.text)")
    }
    throttle.breathe()
  }

  private func carried(_ guest: GuestReplay, _ findings: inout Findings) -> GuestReplay? {
    defer { throttle.breathe() }
    do throws(CarryError) { return try GuestReplay(carrying: guest, to: to) } catch {
      findings.rooms += 1
      findings.failedRestores += 1
      let place = error.fault?.backtrace.first.map { " in \($0)" } ?? ""
      findings.note(.restore, "\(error.text)\(place) (room \(name))")
      return nil
    }
  }

  // MARK: Events

  private func play(
    _ old: GuestReplay, _ new: GuestReplay, _ events: ArraySlice<ReplayEvent>, _ findings: inout Findings
  ) throws(ReplayError) {
    guard let beginning = new.mark() else { return }
    var pass = NewPass(guest: new, mark: beginning)
    var isTired = false
    let enough = throttle.time(of: Self.partOfPlay, until: end)
    var span: ClosedRange<Int64>?
    defer { findings.note(history: span.map { $0.upperBound - $0.lowerBound } ?? 0) }
    for (index, event) in events.enumerated() {
      if throttle.isPast(enough) { break }
      let start = ThreadClock.nanoseconds
      let before = try old.play(event, budget: .decided)
      let used = ThreadClock.nanoseconds - start
      span = (span?.lowerBound ?? event.time)...max(event.time, span?.upperBound ?? event.time)
      if case .failed(let fault)? = before.outcome {
        throw ReplayError("event \(event.seq), which was applied, fails here: \(fault.text)")
      }
      if !isTired {
        let isLeftOut = isLeftOut(event)
        let after = try pass.play(event, decides: !isLeftOut)
        if isLeftOut {
          noteAlone(event, before, &findings)
          findings.note(
            .skipped,
            "event \(event.seq) (\(event.name)) of \(name) failed, and nothing confines a native build: it is not tried"
          )
        } else {
          compare(event, before, after, &findings)
        }
        if before.outcome != nil { findings.old.note(nanoseconds: used) }
        if after.outcome != nil { findings.new.note(nanoseconds: pass.used) }
        isTired = pass.failed.count >= Self.failuresMax
        if index % Self.markEvery == Self.markEvery - 1 { pass.remember() }
      } else {
        noteAlone(event, before, &findings)
        if before.outcome != nil { findings.old.note(nanoseconds: used) }
      }
      if index % Self.checkEvery == Self.checkEvery - 1 { look(old, new, &findings) }
      throttle.breathe()
    }
    look(old, new, &findings)
    guard !isTired else { return }
    compareStates(old, new, &findings)
    twinTest(new, &findings)
    try again(pass, from: beginning, &findings)
    // Its state at the end is another one that the new build must understand.
    if findings.failedRestores == 0, let again = carried(old, &findings) { twinTest(again, &findings) }
  }

  /// Undone in its room, it would be run in the new build, in this process.
  private func isLeftOut(_ event: ReplayEvent) -> Bool {
    guard event.verdict == .quarantined, let fault = event.fault else { return false }
    return builds.mayEndProcess(to, at: fault)
  }

  private func noteAlone(_ event: ReplayEvent, _ before: GuestReplay.Step, _ findings: inout Findings) {
    if event.verdict == .quarantined { findings.old.noteTrap() } else { findings.old.note(before) }
  }

  private func compare(
    _ event: ReplayEvent, _ before: GuestReplay.Step, _ after: GuestReplay.Step, _ findings: inout Findings
  ) {
    if event.verdict != .quarantined, before.outcome == nil, after.outcome == nil { return }
    noteAlone(event, before, &findings)
    findings.new.note(after)
    if ["input", "joined", "signal"].contains(event.name) { findings.requests += 1 }
    let was = event.verdict == .quarantined ? OutcomeKind.failed : before.kindOfOutcome
    if was != after.kindOfOutcome { findings.outcomeDifferences += 1 }
    switch (was, after.kindOfOutcome) {
    case (.failed, .failed): break
    case (_, .failed):
      findings.ownTraps += 1
      if case .failed(let fault)? = after.outcome {
        let place = fault.backtrace.first.map { " in \($0)" } ?? ""
        findings.note(.trap, "\(fault.kind): \(fault.text)\(place), at event \(event.seq) (\(event.name)) of \(name)")
      }
    case (.failed, _): findings.cured += 1
    case (.applied, .refused): findings.refusedAnew += 1
    case (let was, let now) where was == now && before.effects.hash != after.effects.hash:
      findings.outputDifferences += 1
    default: break
    }
  }

  /// The same events from the same state once more: the new build must do the same.
  private func again(
    _ first: NewPass, from mark: GuestReplay.Mark, _ findings: inout Findings
  ) throws(ReplayError) {
    guard !first.steps.isEmpty, let image = first.guest.image() else { return }
    let guest = try GuestReplay(copying: first.guest)
    try guest.rewind(to: mark)
    var second = NewPass(guest: guest, mark: mark)
    for (event, decides, step) in first.steps {
      if throttle.isPast(end) { return }
      let again = try second.play(event, decides: decides)
      guard again == step else {
        findings.note(
          .chance, "event \(event.seq) (\(event.name)) of \(name) comes out differently when it is run a second time")
        return
      }
      throttle.breathe()
    }
    if second.guest.image() != image {
      findings.note(.chance, "the same events lead to another state of \(name) when they are run a second time")
    }
  }

  // MARK: States

  private func look(_ old: GuestReplay, _ new: GuestReplay, _ findings: inout Findings) {
    findings.old.note(memoryBytes: memoryBytes(old))
    findings.new.note(memoryBytes: memoryBytes(new))
    if complaint(of: old) != nil { findings.old.stats.checkFailures += 1 }
    if let complaint = complaint(of: new) {
      findings.new.stats.checkFailures += 1
      findings.note(.check, "\(complaint) (\(name))")
    }
  }

  /// Of machine code what it saves, and then of both builds: they are compared.
  private func memoryBytes(_ guest: GuestReplay) -> Int {
    guard let instance = guest.instance else { return 0 }
    let isNative = [from, to].contains { builds.manifest($0)?.format == .native }
    return isNative ? guest.image()?.count ?? 0 : builds.engine.memoryBytes(of: instance)
  }

  private func complaint(of guest: GuestReplay) -> String? {
    do throws(EngineError) {
      let words = try guest.look(.check)
      return words.isEmpty ? nil : String(decoding: words.prefix(256), as: UTF8.self)
    } catch { return error.description }
  }

  private func readable(_ guest: GuestReplay) -> [UInt8] {
    do throws(EngineError) { return try guest.look(.json) } catch { return Array(error.description.utf8) }
  }

  private func compareStates(_ old: GuestReplay, _ new: GuestReplay, _ findings: inout Findings) {
    let differences = StateDifferences.between(readable(old), readable(new), most: Findings.stateDifferencesOfRoomMax)
    findings.note(differences, room: name)
    throttle.breathe()
  }

  /// Carried from the new build to itself, a state must stay what it is: else `save` or `restore` forgets something.
  private func twinTest(_ new: GuestReplay, _ findings: inout Findings) {
    let twin: GuestReplay
    do throws(CarryError) { twin = try GuestReplay(carrying: new, to: to) } catch {
      findings.note(.twin, "its own save cannot be restored by it: \(error.text) (\(name))")
      return
    }
    throttle.breathe()
    if let one = StateDifferences.between(readable(new), readable(twin), most: 1).first {
      findings.note(.twin, "\(one.path) was \(one.old) and is \(one.new) after save and restore (\(name))")
    } else if complaint(of: new) == nil, let complaint = complaint(of: twin) {
      findings.note(.twin, "after save and restore its own check() says: \(complaint) (\(name))")
    }
  }
}

/// The new build on its way through the events. What fails is undone: the guest goes back to its last mark and runs what
/// came since, without what failed.
private struct NewPass {
  let guest: GuestReplay
  private(set) var mark: GuestReplay.Mark
  private(set) var failed: Set<EventSeq> = []
  private(set) var steps: [(event: ReplayEvent, decides: Bool, GuestReplay.Step)] = []
  /// Of the last event: the processor's nanoseconds.
  private(set) var used: UInt64 = 0
  private var marked = 0

  init(guest: GuestReplay, mark: GuestReplay.Mark) {
    (self.guest, self.mark) = (guest, mark)
  }

  /// `decides`: whatever the record says of it.
  mutating func play(_ event: ReplayEvent, decides: Bool) throws(ReplayError) -> GuestReplay.Step {
    let start = ThreadClock.nanoseconds
    let step = try guest.play(event, budget: .live, timers: .own, decides: decides)
    used = ThreadClock.nanoseconds - start
    steps.append((event, decides, step))
    guard case .failed = step.outcome else { return step }
    failed.insert(event.seq)
    try guest.rewind(to: mark)
    for (before, decides, _) in steps[marked...] where !failed.contains(before.seq) {
      if case .failed? = try guest.play(before, budget: .live, timers: .own, decides: decides).outcome {
        throw ReplayError("event \(before.seq) fails now and did not before")
      }
    }
    return step
  }

  mutating func remember() {
    guard let here = guest.mark() else { return }
    mark = here
    marked = steps.count
  }
}
